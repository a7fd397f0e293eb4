/**
 * Single-producer, single-consumer ring of 32-bit ids.
 *
 *     word  0         tail   written by the producer, read by the consumer
 *     word 32 (128 B) head   written by the consumer, read by the producer
 *     word 64 (256 B) slots  capacity words; a slot belongs to the producer until tail passes it,
 *                            to the consumer until head passes it
 *
 * Head and tail run freely modulo 2^32; capacity is a power of two. Slots are written plainly before the atomic store
 * of tail and read plainly after the atomic load of it. Each method does at most one atomic operation on the ring, so
 * that the model test can run both sides through every interleaving.
 */
import type { Memory, Region } from './arena.ts';
import type { Arena } from './arena.ts';
import type { Announcement } from './pending-queue.ts';
import { Announcer } from './pending-queue.ts';

const TAIL_WORD = 0;
const HEAD_WORD = 32;
const SLOTS_WORD = 64;

/** A ring as the plan describes it. `capacity` is the number of ids it holds, a power of two. */
export interface RingRef {
  readonly region: Region;
  readonly capacity: number;
  /** Where publishing announces the ring to a reader of many; set while the plan is made. */
  announced: Announcement | null;
}

/** Reserves a ring for at least `ids` ids. */
export function reserveRing(arena: Arena, ids: number): RingRef {
  let capacity = 2;
  while (capacity < ids) capacity *= 2;
  return { region: arena.reserve((SLOTS_WORD + capacity) * 4), capacity, announced: null };
}

/** The writing end. Owned by exactly one thread. */
export class IdRingProducer {
  private readonly words: Int32Array;
  private readonly capacity: number;
  private readonly mask: number;
  private tail: number;
  /** Lags the consumer's head, never leads it. */
  private headSeen: number;
  private readonly announcer: Announcer | null;

  constructor(memory: Memory, ring: RingRef) {
    this.announcer = ring.announced === null ? null : new Announcer(memory, ring.announced);
    this.words = memory.words(ring.region);
    this.capacity = ring.capacity;
    this.mask = ring.capacity - 1;
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.headSeen = Atomics.load(this.words, HEAD_WORD);
  }

  /** Free slots known, at least `wanted` if there are that many. Reads the consumer's head only when it must. */
  writable(wanted: number): number {
    const free = this.capacity - ((this.tail - this.headSeen) | 0);
    if (free >= wanted) return free;
    this.headSeen = Atomics.load(this.words, HEAD_WORD);
    return this.capacity - ((this.tail - this.headSeen) | 0);
  }

  /** Ids written and not yet taken, by a fresh look at the consumer's head; includes ids not yet published. */
  depth(): number {
    this.headSeen = Atomics.load(this.words, HEAD_WORD);
    return (this.tail - this.headSeen) | 0;
  }

  /** Writes one id. The caller has checked `writable`; the consumer sees it after `publish`. */
  put(id: number): void {
    this.words[SLOTS_WORD + (this.tail & this.mask)] = id;
    this.tail = (this.tail + 1) | 0;
  }

  /** Makes everything put so far visible, and then known to a reader of many rings. Once a batch. */
  publish(): void {
    Atomics.store(this.words, TAIL_WORD, this.tail);
    if (this.announcer !== null) this.announcer.announce();
  }
}

/** The reading end. Owned by exactly one thread. */
export class IdRingConsumer {
  private readonly words: Int32Array;
  private readonly mask: number;
  private head: number;
  /** Lags the producer's tail, never leads it. */
  private tailSeen: number;

  constructor(memory: Memory, ring: RingRef) {
    this.words = memory.words(ring.region);
    this.mask = ring.capacity - 1;
    this.head = Atomics.load(this.words, HEAD_WORD);
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
  }

  /**
   * Ids ready known, at least `wanted` if there are that many. Reads the producer's tail only when it must, so an
   * answer above zero may be an old one: only asking for more than is known, or finding none, is a fresh look.
   */
  readable(wanted: number): number {
    const ready = (this.tailSeen - this.head) | 0;
    if (ready >= wanted) return ready;
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
    return (this.tailSeen - this.head) | 0;
  }

  /** Ids ready, by a fresh look at the producer's tail. */
  depth(): number {
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
    return (this.tailSeen - this.head) | 0;
  }

  /** Reads one id. The caller has checked `readable`; the slot goes back to the producer at `release`. */
  take(): number {
    const id = this.words[SLOTS_WORD + (this.head & this.mask)];
    this.head = (this.head + 1) | 0;
    return id;
  }

  /** The id that `take` would read. */
  peek(): number {
    return this.words[SLOTS_WORD + (this.head & this.mask)];
  }

  /** Hands the slots of everything taken so far back to the producer. Once a batch. */
  release(): void {
    Atomics.store(this.words, HEAD_WORD, this.head);
  }
}

/** A look at how full a ring is, for anybody who is at neither end of it. */
export class IdRingGauge {
  private readonly words: Int32Array;

  constructor(memory: Memory, ring: RingRef) {
    this.words = memory.words(ring.region);
  }

  /** Ids in the ring: exact while both ends rest, and at most a batch wrong while they do not. */
  depth(): number {
    return (Atomics.load(this.words, TAIL_WORD) - Atomics.load(this.words, HEAD_WORD)) | 0;
  }
}

/** Ids lying in a ring, seen from outside. Exact only while both ends are parked. */
export function ringDepth(memory: Memory, ring: RingRef): number {
  const words = memory.words(ring.region);
  return (Atomics.load(words, TAIL_WORD) - Atomics.load(words, HEAD_WORD)) | 0;
}

/** Every id lying in a ring, oldest first, for stock-taking while both ends are parked. */
export function ringIds(memory: Memory, ring: RingRef): number[] {
  const words = memory.words(ring.region);
  const head = Atomics.load(words, HEAD_WORD);
  const ids: number[] = [];
  for (let i = 0, n = ringDepth(memory, ring); i < n; i++) {
    ids.push(words[SLOTS_WORD + ((head + i) & (ring.capacity - 1))]);
  }
  return ids;
}
