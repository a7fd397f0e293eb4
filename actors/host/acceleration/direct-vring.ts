/**
 * Mode `direct`: the NIC serves the vrings itself, as vDPA hardware does; vhost is control plane only. The driver in
 * the guest is the same, and cannot tell.
 *
 * Where the rings lie is handed down by vhost when the backend is set, through a few words of host memory:
 *
 *     word  0   generation: counted up after every change; odd while the rings are to be served
 *     words 1.. features lo, hi; then for each ring: size, the addresses of its three parts, base
 */
import type { Arena, Memory, Region } from '../../../src/memory/arena.ts';
import { DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES } from '../../../src/virtio/ring/device-chain.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import type { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { createDeviceQueue } from '../../../src/virtio/ring/ring-format.ts';
import type { DeviceQueue } from '../../../src/virtio/ring/ring-format.ts';
import type { VhostVring } from '../../../src/virtio/vhost/vhost-device.ts';
import { virtqueueErrorText } from '../../../src/virtio/ring/virtqueue-error.ts';
import type { AccelerationPort } from './handles.ts';

const GENERATION_WORD = 0;
const FEATURES_WORD = 1;
const RINGS_WORD = 3;
const RING_WORDS = 5;
const LAST_AVAIL_WORD = RINGS_WORD + 2 * RING_WORDS;
const RX = 0;
const TX = 1;

export function reserveDirectConfig(arena: Arena): Region {
  return arena.reserve((LAST_AVAIL_WORD + 2) * 4);
}

/** vhost's end: tells the hardware which rings to serve. */
export class DirectConfig {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Has both rings served, each from its base on. */
  serve(features: FeatureSet, vrings: readonly VhostVring[]): void {
    const words = this.words;
    words[FEATURES_WORD] = features.lo | 0;
    words[FEATURES_WORD + 1] = features.hi | 0;
    vrings.forEach(({ num, descAddr, availAddr, usedAddr, base }, i) => {
      words.set([num, descAddr, availAddr, usedAddr, base], RINGS_WORD + i * RING_WORDS);
    });
    if ((Atomics.load(words, GENERATION_WORD) & 1) === 0) Atomics.add(words, GENERATION_WORD, 1);
  }

  /** Has them served no longer. */
  release(): void {
    if ((Atomics.load(this.words, GENERATION_WORD) & 1) === 1) Atomics.add(this.words, GENERATION_WORD, 1);
  }

  /** Where the hardware stands in ring `index`, by its last report: VHOST_GET_VRING_BASE. */
  lastAvailIdx(index: number): number {
    return Atomics.load(this.words, LAST_AVAIL_WORD + index) >>> 0;
  }
}

/** The hardware's end: the vrings of one vNIC, seen as any other vNIC port. */
export class DirectPort implements AccelerationPort {
  sendAddr = 0;
  sendBytes = 0;
  private readonly words: Int32Array;
  private readonly guest: GuestMemory;
  private generation = -1;
  private rx: DeviceQueue | null = null;
  private tx: DeviceQueue | null = null;
  private rxKnown = 0;
  private head = -1;

  constructor(memory: Memory, config: Region, guest: GuestMemory) {
    this.words = memory.words(config);
    this.guest = guest;
  }

  /** Takes up or leaves the rings as vhost last said. */
  refresh(): boolean {
    const generation = Atomics.load(this.words, GENERATION_WORD);
    if (generation === this.generation) return false;
    this.generation = generation;
    this.rx = (generation & 1) === 1 ? this.bind(RX) : null;
    this.tx = (generation & 1) === 1 ? this.bind(TX) : null;
    this.rxKnown = 0;
    this.head = -1;
    return false;
  }

  private bind(index: number): DeviceQueue {
    const word = RINGS_WORD + index * RING_WORDS;
    const [queueSize, descAddr, availAddr, usedAddr, base] = this.words.slice(word, word + RING_WORDS);
    const queue = createDeviceQueue({
      memory: this.guest,
      layout: { queueSize, descAddr, availAddr, usedAddr },
      features: { lo: this.words[FEATURES_WORD] >>> 0, hi: this.words[FEATURES_WORD + 1] >>> 0 },
      direction: index === RX ? DIRECTION_DEVICE_WRITES : DIRECTION_DEVICE_READS,
    });
    queue.start(base);
    // Hardware looks at its rings all the time and needs no kicks.
    queue.disableNotify();
    return queue;
  }

  accepts(lengthBytes: number): boolean {
    const rx = this.rx;
    if (rx === null) return false;
    if (this.rxKnown <= 0) this.rxKnown = rx.availCount();
    if (this.rxKnown <= 0) return false;
    this.head = rx.pop();
    if (this.head < 0) return false;
    this.rxKnown--;
    if (rx.writableBytes >= lengthBytes && rx.chainCount === 1) return true;
    rx.discard(1);
    this.rxKnown++;
    return false;
  }

  get hasBuffer(): boolean {
    return this.rx !== null && this.rx.broken === 0 && this.rxKnown > 0;
  }

  takeBuffer(): number {
    return this.rx!.chainAddr[0];
  }

  deliver(lengthBytes: number): void {
    this.rx!.pushUsed(this.head, lengthBytes);
  }

  publishRx(): boolean {
    this.rx!.publishUsed();
    Atomics.store(this.words, LAST_AVAIL_WORD + RX, this.rx!.lastAvailIdx);
    return this.rx!.shouldCall();
  }

  sendable(wanted: number): number {
    const tx = this.tx;
    if (tx === null) return 0;
    const ready = tx.availCount();
    return ready < wanted ? Math.max(0, ready) : wanted;
  }

  nextSend(): void {
    const tx = this.tx!;
    const head = tx.pop();
    this.sendBytes = 0;
    if (head < 0) return;
    // A chain of several buffers is beyond this hardware; it is completed unsent.
    this.sendBytes = tx.chainCount === 1 ? tx.readableBytes : 0;
    this.sendAddr = tx.chainAddr[0];
    tx.pushUsed(head, 0);
  }

  publishTx(): boolean {
    this.tx!.publishUsed();
    Atomics.store(this.words, LAST_AVAIL_WORD + TX, this.tx!.lastAvailIdx);
    return this.tx!.shouldCall();
  }

  framesHeld(): number {
    return this.tx === null ? 0 : this.tx.waiting;
  }

  /** Virtqueue errors of either ring, in words. */
  faults(): string[] {
    return [this.rx, this.tx].flatMap((queue, i) =>
      queue === null || queue.broken === 0
        ? []
        : [`vring ${i}: ${virtqueueErrorText(queue.broken, queue.brokenDetail)}`],
    );
  }
}
