/**
 * A vhost worker alone, set up through its ioctls as a VMM does it; the test is the guest's driver, the tap and the
 * CPU.
 */
import type { VhostWorker } from '../../actors/host/vhost-worker.ts';
import type { VhostGuestLink, VhostTapLink, VhostWorkerConfig } from '../../actors/host/vhost-links.ts';
import { VHOST_PORTS } from '../../actors/host/vhost-links.ts';
import { EventWord } from '../../src/memory/doorbell.ts';
import { IdRingProducer } from '../../src/memory/id-ring.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_VERSION_1,
} from '../../src/virtio/net/features.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES } from '../../src/virtio/net/net-header.ts';
import type { GuestQueueRef } from '../../src/virtio/net/net-queues.ts';
import { SplitDriverQueue } from '../../src/virtio/ring/split-driver.ts';
import { ActorBed } from './actor-bed.ts';
import { setUpVhost } from './vhost-set-up.ts';

export const VHOST = 'vhost-vnic0';
export const NO_EVENT_IDX = featureSet(VIRTIO_F_VERSION_1, VIRTIO_F_INDIRECT_DESC);
export const WITH_EVENT_IDX = featureSet(VIRTIO_F_VERSION_1, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX);
const RX = 0;
const TX = 1;

export class VhostBed {
  readonly bed: ActorBed;
  readonly worker: VhostWorker;
  readonly config: VhostWorkerConfig;
  readonly tap: VhostTapLink;
  readonly link: VhostGuestLink;
  readonly guest: GuestMemory;
  readonly rx: SplitDriverQueue;
  readonly tx: SplitDriverQueue;
  /** Guest buffers, each of 2,112 bytes. */
  readonly buffers: number[];
  private readonly queue: IdRingProducer;
  private readonly event: EventWord;
  private readonly kicks: EventWord[];
  private nextSlot = 0;

  constructor(
    config: Partial<VhostWorkerConfig> = {},
    features: FeatureSet = NO_EVENT_IDX,
    overrides: readonly string[] = [],
  ) {
    this.bed = new ActorBed(overrides);
    const { bed } = this;
    this.worker = bed.create<VhostWorker>(VHOST, { ...config });
    this.config = { ...bed.config<VhostWorkerConfig>(VHOST), ...config };
    this.tap = bed.link(VHOST, VHOST_PORTS.tap);
    this.link = bed.link(VHOST, VHOST_PORTS.guest);
    this.guest = new GuestMemory(bed.memory.buffer(this.link.guestMemory));
    const { nic } = bed.virtioLink('vm0/vcpu0', 0);
    const [pair] = nic.pairs;
    const bind = ({ layout, tokens }: GuestQueueRef) =>
      new SplitDriverQueue({ memory: this.guest, layout, features, tokens: bed.memory.words(tokens) });
    this.rx = bind(pair.rx);
    this.tx = bind(pair.tx);
    this.rx.initialise();
    this.tx.initialise();
    this.buffers = [...bed.plan.guests[0].addresses];
    this.queue = new IdRingProducer(bed.memory, this.tap.queue);
    this.event = new EventWord(bed.memory, this.tap.event);
    this.kicks = this.link.kicks.map((region) => new EventWord(bed.memory, region));
    setUpVhost(bed.memory, this.link, this.guest, [this.rx, this.tx], features, () => this.worker.poll(64, 0));
    this.drain();
  }

  /**
   * Polls until nothing moves and nothing is left to look at; the number of frames moved by each poll that moved some.
   */
  drain(budget = 64): number[] {
    const moves: number[] = [];
    for (let turn = 0; turn < 10_000; turn++) {
      const n = this.worker.poll(budget, 0);
      if (n > 0) moves.push(n);
      else if (this.worker.arm()) return moves;
    }
    throw new Error('the worker never comes to rest');
  }

  /** Frames into the tap queue, in slots of the softirq pool; the tap's signal unless `silent`. */
  arrive(frames: readonly Uint8Array[], silent = false): number[] {
    const ids = frames.map((frame) => this.bed.fill(this.nextSlot++, frame));
    ids.forEach((id) => this.queue.put(id));
    this.queue.publish();
    if (!silent) this.event.signal();
    return ids;
  }

  /** Posts `count` receive buffers and kicks if asked for; their addresses. */
  post(count: number, bytes = 1526): number[] {
    const addrs = this.buffers.splice(0, count);
    for (const addr of addrs) this.rx.addInBuf(addr, bytes, addr);
    this.publish(RX);
    return addrs;
  }

  publish(index: number): boolean {
    const queue = index === RX ? this.rx : this.tx;
    queue.publish();
    const kick = queue.shouldKick();
    if (kick) this.kicks[index].signal();
    return kick;
  }

  kick(index: number): void {
    this.kicks[index].signal();
  }

  /** Queues frames for transmission and kicks if asked for. */
  transmit(frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      const addr = this.buffers.shift()!;
      this.guest.u8.set(frame, addr + NET_HEADER_BYTES);
      this.tx.addOutBuf(addr, frame.length + NET_HEADER_BYTES, addr);
    }
    this.publish(TX);
  }

  /** What the guest received so far: address and length with header of each used chain. */
  received(): { token: number; bytes: number }[] {
    return this.used(this.rx);
  }

  used(queue: SplitDriverQueue): { token: number; bytes: number }[] {
    return Array.from({ length: queue.usedAvailable() }, () => ({ token: queue.takeUsed(), bytes: queue.usedLen }));
  }

  counts(): Record<string, number> {
    return this.bed.counts(this.worker);
  }
}
