/**
 * A vNIC inside the guest: probed by the vCPU that owns it, usable for transmission by all.
 *
 * The owner publishes what it negotiated in a few words of guest memory; the `up` word is stored last.
 */
import type { Memory, Region } from '../memory/arena.ts';
import type { Magazine } from '../memory/magazine.ts';
import type { FeatureSet } from './features.ts';
import { NO_FEATURES } from './features.ts';
import type { GuestMemory } from './guest-memory.ts';
import { GuestProbe } from './guest-probe.ts';
import type { GuestQueueRef, GuestTxQueueRef } from './net-queues.ts';
import { NetRxQueue, NetTxQueue, initialiseTxRing } from './net-queues.ts';
import { PciTrapGuest } from './pci-trap.ts';
import { ringLayoutAt } from './ring-format.ts';
import type { SplitLayout } from './split-layout.ts';

/** Of the published words: 1 once the vNIC is up, stored last. */
export const UP_WORD = 0;
const FEATURES_LO_WORD = 1;
const FEATURES_HI_WORD = 2;
const QUEUE_SIZE_WORD = 3;
/** Words of the published state: up, features, the size of each of the two queues. */
export const GUEST_NIC_WORDS = 8;

/** The guest keeps the used ring, which the device writes, off the cache lines that it writes itself. */
export const GUEST_RING_ALIGN_BYTES = 128;

const RX = 0;
const TX = 1;

/** Where a vNIC's driver data lies in guest memory. Layouts are those of the largest queue the driver wants. */
export interface GuestNicRef {
  readonly rx: GuestQueueRef;
  readonly tx: GuestTxQueueRef;
  readonly published: Region;
  readonly wanted: FeatureSet;
}

/** What the driver of a vNIC that is up settled on; nothing before. */
export function publishedFeatures(published: Int32Array): FeatureSet {
  if (Atomics.load(published, UP_WORD) === 0) return NO_FEATURES;
  return { lo: published[FEATURES_LO_WORD] >>> 0, hi: published[FEATURES_HI_WORD] >>> 0 };
}

export class GuestNic {
  /** Null until up, and on vCPUs that do not own the vNIC. */
  rx: NetRxQueue | null = null;
  tx!: NetTxQueue;
  up = false;
  /** A register access is with the VMM: ring its doorbell. */
  trapped = false;
  /** Why the probe failed; the vNIC stays down. */
  failure: string | null = null;
  private readonly memory: Memory;
  private readonly guest: GuestMemory;
  private readonly buffers: Magazine;
  private readonly ref: GuestNicRef;
  private readonly published: Int32Array;
  private readonly probe: GuestProbe | null;

  /** @param pci the trap mailbox, for the vCPU that owns the vNIC; null on the others. */
  constructor(memory: Memory, guest: GuestMemory, buffers: Magazine, ref: GuestNicRef, pci: Int32Array | null) {
    this.memory = memory;
    this.guest = guest;
    this.buffers = buffers;
    this.ref = ref;
    this.published = memory.words(ref.published);
    const probing = pci !== null && Atomics.load(this.published, UP_WORD) === 0;
    this.probe = probing
      ? new GuestProbe(new PciTrapGuest(pci, 0), {
          wanted: ref.wanted,
          queueSizes: [ref.rx.layout.queueSize, ref.tx.layout.queueSize],
          placeQueue: (index, queueSize, features) => this.placeQueue(index, queueSize, features),
        })
      : null;
  }

  /** One step towards being up; true at the step that gets there. */
  step(): boolean {
    if (this.probe === null) return this.adopt();
    if (this.failure !== null) return false;
    const state = this.probe.step();
    this.trapped = state === 'busy';
    this.failure = this.probe.failure;
    if (state !== 'ready') return false;
    const { features, queues } = this.probe.device!;
    this.openTx(features, queues[TX].layout);
    this.published[FEATURES_LO_WORD] = features.lo | 0;
    this.published[FEATURES_HI_WORD] = features.hi | 0;
    this.published[QUEUE_SIZE_WORD + RX] = queues[RX].layout.queueSize;
    this.published[QUEUE_SIZE_WORD + TX] = queues[TX].layout.queueSize;
    Atomics.store(this.published, UP_WORD, 1);
    return true;
  }

  /** True when a step now would find nothing new. */
  quiet(): boolean {
    if (this.failure !== null) return true;
    return this.probe === null ? Atomics.load(this.published, UP_WORD) === 0 : !this.probe.answered;
  }

  /** A vCPU that does not own the vNIC waits for the one that does. */
  private adopt(): boolean {
    const published = this.published;
    if (Atomics.load(published, UP_WORD) === 0) return false;
    const features = publishedFeatures(published);
    this.openTx(
      features,
      ringLayoutAt(this.ref.tx.layout.descAddr, published[QUEUE_SIZE_WORD + TX], GUEST_RING_ALIGN_BYTES, features),
    );
    return true;
  }

  private openTx(features: FeatureSet, layout: SplitLayout): void {
    this.tx = new NetTxQueue(this.memory, this.guest, this.ref.tx, layout, features, this.buffers);
    this.up = true;
  }

  /** Places a queue of the settled size and makes it empty, as vring_new_virtqueue does. */
  private placeQueue(index: number, queueSize: number, features: FeatureSet): SplitLayout {
    const { memory, guest, ref, buffers } = this;
    const { descAddr } = (index === RX ? ref.rx : ref.tx).layout;
    const layout = ringLayoutAt(descAddr, queueSize, GUEST_RING_ALIGN_BYTES, features);
    if (index === RX) this.rx = new NetRxQueue(memory, guest, ref.rx, layout, features, buffers);
    else initialiseTxRing(memory, guest, ref.tx, layout, features);
    return layout;
  }

  /** Buffers that the rings hold, for stock-taking by the owner: tokens of outstanding chains are buffer addresses. */
  ringBuffers(): number[] {
    if (this.rx === null) return [];
    const held: number[] = [];
    for (const ref of [this.ref.rx, this.ref.tx]) {
      for (const token of this.memory.words(ref.tokens)) if (token >= 0) held.push(token);
    }
    return held;
  }
}
