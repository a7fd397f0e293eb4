/**
 * The vhost worker of an accelerated vNIC alone, set up through its ioctls; the test is the guest's driver, and plays
 * the hardware through the port a NIC would use.
 */
import type { DpaaPort } from '../../actors/host/acceleration/dpaa.ts';
import type { AcceleratedQueuesRef } from '../../actors/host/acceleration/queues.ts';
import { createPort } from '../../actors/host/acceleration/queues.ts';
import type { SriovPort } from '../../actors/host/acceleration/sriov.ts';
import type { VhostAccelerated } from '../../actors/host/vhost-accelerated.ts';
import { VHOST_ACCELERATED_PORTS } from '../../actors/host/vhost-accelerated.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES } from '../../src/virtio/net/net-header.ts';
import type { GuestQueueRef } from '../../src/virtio/net/net-queues.ts';
import { SplitDriverQueue } from '../../src/virtio/ring/split-driver.ts';
import { ActorBed } from './actor-bed.ts';
import { NO_EVENT_IDX, VHOST } from './vhost-bed.ts';
import { setUpVhost } from './vhost-set-up.ts';

export const DEPLETION_ENTRY = 4;
export const DEPLETION_EXIT = 8;
const FRAME_BYTES = 60;

export class AcceleratedBed {
  readonly bed: ActorBed;
  readonly worker: VhostAccelerated;
  readonly hardware: DpaaPort | SriovPort;
  readonly rx: SplitDriverQueue;
  readonly tx: SplitDriverQueue;
  private readonly buffers: number[];
  private readonly filled: Readonly<Record<string, number>>;

  /** @param buffers receive buffers that the guest has posted, all of them seeded. */
  constructor(provider: AcceleratedQueuesRef['kind'], buffers: number) {
    const vnic = 'vms.vm0.nics.vnic0';
    this.bed = new ActorBed([
      `${vnic}.mode=accelerated`,
      `${vnic}.acceleration.provider=${provider}`,
      `${vnic}.acceleration.depletionEntry=${DEPLETION_ENTRY}`,
      `${vnic}.acceleration.depletionExit=${DEPLETION_EXIT}`,
    ]);
    const { memory, plan } = this.bed;
    this.worker = this.bed.create<VhostAccelerated>(VHOST);
    const link = this.bed.link(VHOST, VHOST_ACCELERATED_PORTS.guest);
    const guest = new GuestMemory(memory.buffer(link.guestMemory));
    const { queues } = this.bed.link(VHOST, VHOST_ACCELERATED_PORTS.hardware);
    this.hardware = createPort(memory, queues, guest) as DpaaPort | SriovPort;
    const [pair] = this.bed.virtioLink('vm0/vcpu0', 0).nic.pairs;
    const bind = ({ layout, tokens }: GuestQueueRef) =>
      new SplitDriverQueue({ memory: guest, layout, features: NO_EVENT_IDX, tokens: memory.words(tokens) });
    this.rx = bind(pair.rx);
    this.tx = bind(pair.tx);
    this.rx.initialise();
    this.tx.initialise();
    this.buffers = [...plan.guests[0].addresses];
    setUpVhost(memory, link, guest, [this.rx, this.tx], NO_EVENT_IDX, () => this.worker.poll(64, 0));
    this.post(buffers);
    this.drain();
    this.filled = this.bed.counts(this.worker);
  }

  /** Polls until nothing moves and the worker may sleep. */
  drain(): void {
    for (let turn = 0; turn < 1000; turn++) if (this.worker.poll(64, 0) === 0 && this.worker.arm()) return;
    throw new Error('the worker never comes to rest');
  }

  /** The guest posts receive buffers. */
  post(count: number, bytes = 1526): void {
    for (const addr of this.buffers.splice(0, count)) this.rx.addInBuf(addr, bytes, addr);
    this.rx.publish();
  }

  /** The guest posts a buffer that lies outside its memory: the device finds the ring broken. */
  breakQueue(queue: SplitDriverQueue): void {
    if (queue === this.rx) queue.addInBuf(0x7fff_0000, 1526, 0);
    else queue.addOutBuf(0x7fff_0000, 72, 0);
    queue.publish();
    this.drain();
  }

  /** The hardware receives so many frames; how many found a buffer. */
  arrive(frames: number): number {
    let delivered = 0;
    for (; delivered < frames && this.hardware.accepts(NET_HEADER_BYTES + FRAME_BYTES); delivered++) {
      this.hardware.takeBuffer();
      this.hardware.deliver(NET_HEADER_BYTES + FRAME_BYTES);
    }
    if (delivered > 0) this.hardware.publishRx();
    return delivered;
  }

  /** The guest sends so many frames, and the hardware has taken and confirmed those it was given: their number. */
  transmit(frames: number): number {
    for (const addr of this.buffers.splice(0, frames)) this.tx.addOutBuf(addr, NET_HEADER_BYTES + FRAME_BYTES, addr);
    this.tx.publish();
    this.drain();
    const sent = this.hardware.sendable(frames);
    for (let i = 0; i < sent; i++) this.hardware.nextSend();
    if (sent > 0) this.hardware.publishTx();
    return sent;
  }

  /** Used chains of a queue, taken back by the guest. */
  used(queue: SplitDriverQueue): number {
    const found = queue.usedAvailable();
    for (let i = 0; i < found; i++) queue.takeUsed();
    return found;
  }

  /** Counters since the ring was filled for the first time: a driver that watches an empty one reports that too. */
  counts(): Record<string, number> {
    const now = Object.entries(this.bed.counts(this.worker));
    return Object.fromEntries(now.map(([name, n]) => [name, n - (this.filled[name] ?? 0)]));
  }
}
