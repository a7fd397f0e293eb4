/**
 * A vNIC inside the guest: probed by the vCPU that owns it, usable for transmission by all. With several queue pairs
 * each vCPU has one of them: it serves that pair's receive queue if the pair is its own, and sends by its transmit
 * queue (drivers/net/virtio_net.c, virtnet_set_affinity).
 *
 * The owner publishes what it negotiated in a few words of guest memory; the `up` word is stored last.
 */
import type { Memory, Region } from '../../memory/arena.ts';
import type { Magazine } from '../../memory/magazine.ts';
import type { FeatureSet } from '../net/features.ts';
import { hasFeature, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ } from '../net/features.ts';
import type { GuestMemory } from './guest-memory.ts';
import { GuestProbe } from './guest-probe.ts';
import type { ProbedDevice } from './guest-probe.ts';
import { controlQueueIndex, CONTROL_QUEUE_SIZE, NET_OK } from '../net/net-control.ts';
import { NetControlDriver } from './net-control-driver.ts';
import type { GuestControlRef } from './net-control-driver.ts';
import type { GuestQueueRef, GuestRxQueueRef, GuestTxQueueRef } from '../net/net-queues.ts';
import { NetRxQueue, NetTxQueue, initialiseRing } from '../net/net-queues.ts';
import { PciTrapGuest } from '../pci/pci-trap.ts';
import { ringLayoutAt } from '../ring/ring-format.ts';
import type { SplitLayout } from '../ring/split-layout.ts';

/** Of the published words: 1 once the vNIC is up, stored last. */
export const UP_WORD = 0;
const FEATURES_LO_WORD = 1;
const FEATURES_HI_WORD = 2;
const OFFERED_LO_WORD = 3;
const OFFERED_HI_WORD = 4;
const QUEUE_SIZE_WORD = 5;

/** Words of the published state: up, features settled on and offered, the size of each queue by index. */
export function guestNicWords(queuePairs: number): number {
  return QUEUE_SIZE_WORD + 2 * queuePairs;
}

/** The guest keeps the used ring, which the device writes, off the cache lines that it writes itself. */
export const GUEST_RING_ALIGN_BYTES = 128;

const TX = 1;

/** Where one pair's driver data lies. Layouts are those of the largest queue the driver wants. */
export interface GuestPairRef {
  readonly rx: GuestRxQueueRef;
  readonly tx: GuestTxQueueRef;
}

/** Where a vNIC's driver data lies in guest memory. */
export interface GuestNicRef {
  readonly pairs: readonly GuestPairRef[];
  /** None where the driver wants one pair only, and so nothing of a control queue. */
  readonly control: GuestControlRef | null;
  readonly published: Region;
  readonly wanted: FeatureSet;
}

/** What the device of a vNIC that is up offered its driver, and what both settled on; null before. */
export function publishedFeatures(
  published: Int32Array,
): { readonly offered: FeatureSet; readonly negotiated: FeatureSet } | null {
  if (Atomics.load(published, UP_WORD) === 0) return null;
  return {
    offered: { lo: published[OFFERED_LO_WORD] >>> 0, hi: published[OFFERED_HI_WORD] >>> 0 },
    negotiated: { lo: published[FEATURES_LO_WORD] >>> 0, hi: published[FEATURES_HI_WORD] >>> 0 },
  };
}

/** What one vCPU has of a vNIC. */
export interface GuestNicShare {
  readonly pair: number;
  /** Whether it serves the pair's receive queue; otherwise it only sends there. */
  readonly receives: boolean;
}

export class GuestNic {
  /** Null until up, and on vCPUs that serve no receive queue of this vNIC. */
  rx: NetRxQueue | null = null;
  tx!: NetTxQueue;
  up = false;
  /** A register access or a control command is with the VMM: ring its doorbell. */
  trapped = false;
  /** Why the probe failed; the vNIC stays down. */
  failure: string | null = null;
  private readonly memory: Memory;
  private readonly guest: GuestMemory;
  private readonly buffers: Magazine;
  private readonly ref: GuestNicRef;
  private readonly share: GuestNicShare;
  private readonly published: Int32Array;
  private readonly probe: GuestProbe | null;
  private control: NetControlDriver | null = null;
  /** VQ_PAIRS_SET is under way: the last step before the vNIC is up. */
  private commanding = false;

  /** @param pci the trap mailbox, for the vCPU that owns the vNIC; null on the others. */
  constructor(
    memory: Memory,
    guest: GuestMemory,
    buffers: Magazine,
    ref: GuestNicRef,
    share: GuestNicShare,
    pci: Int32Array | null,
  ) {
    this.memory = memory;
    this.guest = guest;
    this.buffers = buffers;
    this.ref = ref;
    this.share = share;
    this.published = memory.words(ref.published);
    const probing = pci !== null && Atomics.load(this.published, UP_WORD) === 0;
    this.probe = probing
      ? new GuestProbe(new PciTrapGuest(pci, 0), {
          wanted: ref.wanted,
          queueSizes: (features, queuePairs) => this.queueSizes(features, queuePairs),
          placeQueue: (index, queueSize, features) => this.placeQueue(index, queueSize, features),
        })
      : null;
  }

  /** One step towards being up; true at the step that gets there. */
  step(): boolean {
    if (this.probe === null) return this.adopt();
    if (this.failure !== null) return false;
    if (this.commanding) return this.awaitQueuePairs();
    const state = this.probe.step();
    this.trapped = state === 'busy';
    this.failure = this.probe.failure;
    if (state !== 'ready') return false;
    const device = this.probe.device!;
    this.publish(device);
    if (!hasFeature(device.features, VIRTIO_NET_F_MQ)) return this.comeUp(device.features);
    this.control!.setQueuePairs(device.queuePairs);
    this.commanding = true;
    this.trapped = true;
    return false;
  }

  /** virtnet_set_queues: up when the device has answered. */
  private awaitQueuePairs(): boolean {
    const answer = this.control!.answer();
    if (answer === null) return false;
    this.commanding = false;
    this.trapped = false;
    if (answer === NET_OK) return this.comeUp(this.probe!.device!.features);
    this.failure = 'the device did not accept the number of queue pairs';
    return false;
  }

  private publish({ offered, features, queues, queuePairs }: ProbedDevice): void {
    this.published[OFFERED_LO_WORD] = offered.lo | 0;
    this.published[OFFERED_HI_WORD] = offered.hi | 0;
    this.published[FEATURES_LO_WORD] = features.lo | 0;
    this.published[FEATURES_HI_WORD] = features.hi | 0;
    for (let index = 0; index < 2 * queuePairs; index++) {
      this.published[QUEUE_SIZE_WORD + index] = queues[index].layout.queueSize;
    }
  }

  private comeUp(features: FeatureSet): boolean {
    this.open(features);
    Atomics.store(this.published, UP_WORD, 1);
    return true;
  }

  /** True when a step now would find nothing new. */
  quiet(): boolean {
    if (this.failure !== null) return true;
    if (this.commanding) return !this.control!.answered;
    return this.probe === null ? Atomics.load(this.published, UP_WORD) === 0 : !this.probe.answered;
  }

  /** A vCPU that does not own the vNIC waits for the one that does. */
  private adopt(): boolean {
    const features = publishedFeatures(this.published);
    if (features === null) return false;
    this.open(features.negotiated);
    return true;
  }

  /** Takes up this vCPU's queues. */
  private open(features: FeatureSet): void {
    const { memory, guest, ref, buffers } = this;
    const { pair, receives } = this.share;
    const { rx, tx } = ref.pairs[pair];
    const layoutOf = (queue: GuestQueueRef, index: number): SplitLayout =>
      ringLayoutAt(queue.layout.descAddr, this.published[QUEUE_SIZE_WORD + index], GUEST_RING_ALIGN_BYTES, features);
    if (receives) this.rx = new NetRxQueue(memory, guest, rx, layoutOf(rx, 2 * pair), features, buffers);
    this.tx = new NetTxQueue(memory, guest, tx, layoutOf(tx, 2 * pair + TX), features, buffers);
    this.up = true;
  }

  /** Both queues of every pair, and the control queue behind them (section 5.1.2). */
  private queueSizes(features: FeatureSet, queuePairs: number): number[] {
    const { pairs } = this.ref;
    if (queuePairs !== pairs.length) throw new Error(`a device of ${queuePairs} queue pairs, planned: ${pairs.length}`);
    const sizes = pairs.flatMap(({ rx, tx }) => [rx.layout.queueSize, tx.layout.queueSize]);
    return hasFeature(features, VIRTIO_NET_F_CTRL_VQ) ? [...sizes, CONTROL_QUEUE_SIZE] : sizes;
  }

  /** Places a queue of the settled size and makes it empty, as vring_new_virtqueue does. */
  private placeQueue(index: number, queueSize: number, features: FeatureSet): SplitLayout {
    const { memory, guest, ref } = this;
    const layoutOf = (queue: GuestQueueRef): SplitLayout =>
      ringLayoutAt(queue.layout.descAddr, queueSize, GUEST_RING_ALIGN_BYTES, features);
    if (ref.control !== null && index === controlQueueIndex(ref.pairs.length)) {
      const layout = layoutOf(ref.control);
      this.control = new NetControlDriver(memory, guest, ref.control, layout, features);
      return layout;
    }
    const { rx, tx } = ref.pairs[index >> 1];
    const queue = (index & 1) === TX ? tx : rx;
    const layout = layoutOf(queue);
    initialiseRing(memory, guest, queue, layout, features);
    return layout;
  }

  /** Buffers that the pair's rings hold, for stock-taking by whoever serves it: tokens of outstanding chains. */
  ringBuffers(): number[] {
    if (this.rx === null) return [];
    const held: number[] = [];
    const { rx, tx } = this.ref.pairs[this.share.pair];
    for (const ref of [rx, tx]) {
      for (const token of this.memory.words(ref.tokens)) if (token >= 0) held.push(token);
    }
    return held;
  }
}
