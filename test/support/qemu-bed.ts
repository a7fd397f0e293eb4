/** A virtio-net device that the VMM serves, alone: the test is the guest's driver, the tap and the CPU. */
import type { QemuBackend, QemuBackendConfig } from '../../actors/vmm/qemu-backend.ts';
import { QEMU_PORTS } from '../../actors/vmm/qemu-backend.ts';
import type { TapFileLink } from '../../actors/vmm/tap-file.ts';
import { EventWord } from '../../src/memory/doorbell.ts';
import { IdRingProducer } from '../../src/memory/id-ring.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { GuestProbe } from '../../src/virtio/guest/guest-probe.ts';
import { NET_HEADER_BYTES } from '../../src/virtio/net/net-header.ts';
import { PciTrapGuest } from '../../src/virtio/pci/pci-trap.ts';
import { SplitDriverQueue } from '../../src/virtio/ring/split-driver.ts';
import { ActorBed } from './actor-bed.ts';
import { WITH_EVENT_IDX } from './vhost-bed.ts';

const QEMU = 'qemu-vnic0';
const RX = 0;
const TX = 1;

export class QemuBed {
  readonly bed: ActorBed;
  readonly backend: QemuBackend;
  readonly config: QemuBackendConfig;
  readonly tap: TapFileLink;
  readonly guest: GuestMemory;
  readonly queues: SplitDriverQueue[] = [];
  /** Guest buffers, each of 2,112 bytes. */
  readonly buffers: number[];
  /** Real system calls made; only with `realCalls`. */
  enteredKernel = 0;
  private readonly queue: IdRingProducer;
  private readonly kicks: EventWord[];
  private nextSlot = 0;

  constructor(
    config: Partial<QemuBackendConfig> = {},
    wanted: FeatureSet = WITH_EVENT_IDX,
    realCalls = false,
    overrides: readonly string[] = [],
  ) {
    this.bed = new ActorBed(['vms.vm0.nics.vnic0.mode=qemu', ...overrides]);
    const { bed } = this;
    if (realCalls) bed.memory.enterKernel = () => void this.enteredKernel++;
    this.backend = bed.create<QemuBackend>(QEMU, { ...config });
    this.config = { ...bed.config<QemuBackendConfig>(QEMU), ...config };
    this.tap = bed.link(QEMU, QEMU_PORTS.tap);
    const link = bed.link(QEMU, QEMU_PORTS.guest);
    this.guest = new GuestMemory(bed.memory.buffer(link.guestMemory));
    this.buffers = [...bed.plan.guests[0].addresses];
    this.queue = new IdRingProducer(bed.memory, this.tap.queue);
    this.kicks = link.kicks.map((region) => new EventWord(bed.memory, region));
    this.probe(new PciTrapGuest(bed.memory.words(link.pci), 0), wanted);
  }

  private probe(trap: PciTrapGuest, wanted: FeatureSet): void {
    const { nic } = this.bed.virtioLink('vm0/vcpu0', 0);
    const [{ rx, tx }] = nic.pairs;
    const refs = [rx, tx];
    const probe = new GuestProbe(trap, {
      wanted,
      queueSizes: () => refs.map(({ layout }) => layout.queueSize),
      placeQueue: (index, _size, features) => {
        const { layout, tokens } = refs[index];
        const memory = this.guest;
        const queue = new SplitDriverQueue({ memory, layout, features, tokens: this.bed.memory.words(tokens) });
        queue.initialise();
        this.queues[index] = queue;
        return layout;
      },
    });
    for (let turn = 0; probe.step() !== 'ready'; turn++) {
      this.backend.poll(64, 0);
      if (turn > 500) throw new Error(probe.failure ?? 'the probe does not end');
    }
  }

  /** Polls until nothing moves and nothing is left to look at; the frames moved by each poll that moved some. */
  drain(budget = 64): number[] {
    const moves: number[] = [];
    for (let turn = 0; turn < 10_000; turn++) {
      const n = this.backend.poll(budget, 0);
      if (n > 0) moves.push(n);
      else if (this.backend.arm()) return moves;
    }
    throw new Error('the backend never comes to rest');
  }

  /** Frames into the tap queue, in slots of the softirq pool. */
  arrive(frames: readonly Uint8Array[]): number[] {
    const ids = frames.map((frame) => this.bed.fill(this.nextSlot++, frame));
    ids.forEach((id) => this.queue.put(id));
    this.queue.publish();
    return ids;
  }

  /** Posts `count` receive buffers and kicks if asked for. */
  post(count: number, bytes = 1526): void {
    for (const addr of this.buffers.splice(0, count)) this.queues[RX].addInBuf(addr, bytes, addr);
    this.publish(RX);
  }

  /** Queues frames for transmission and kicks if asked for; whether it did. */
  transmit(frames: readonly Uint8Array[]): boolean {
    for (const frame of frames) {
      const addr = this.buffers.shift()!;
      this.guest.u8.set(frame, addr + NET_HEADER_BYTES);
      this.queues[TX].addOutBuf(addr, frame.length + NET_HEADER_BYTES, addr);
    }
    return this.publish(TX);
  }

  publish(index: number): boolean {
    const queue = this.queues[index];
    queue.publish();
    const kick = queue.shouldKick();
    if (kick) this.kicks[index].signal();
    return kick;
  }

  /** Bytes of each used chain, header included; a receive buffer is kept as used. */
  used(index: number): { addr: number; bytes: number }[] {
    const queue = this.queues[index];
    return Array.from({ length: queue.usedAvailable() }, () => ({ addr: queue.takeUsed(), bytes: queue.usedLen }));
  }

  /** Ids and frames in this tap's backlog, taken. */
  sent(): Uint8Array[] {
    return this.bed.take(this.tap.backlog).map((id) => this.bed.frameIn(id));
  }

  counts(): Record<string, number> {
    return this.bed.counts(this.backend);
  }
}
