/**
 * How one thread wakes another, and how it avoids to.
 *
 * A thread that found nothing to do parks: it stores PARKED, looks at all its inputs once more, and only then waits on
 * the word. Whoever publishes work for it looks at the word after publishing; both sides order their store before
 * their load (Atomics are sequentially consistent), so at least one of them sees the other: either the sleeper finds
 * the work in its second look or the publisher finds PARKED. The publisher that swaps PARKED for AWAKE is the only
 * one that pays for the wake-up (V8's wait and notify share one process-wide lock); everybody after it finds a thread
 * that is awake or about to be.
 */
import type { Memory, Region, Arena } from './arena.ts';
import { WRITER_STRIDE_BYTES } from './arena.ts';

const AWAKE = 0;
const PARKED = 1;

/** Reserves one doorbell word, on a cache line of its own. */
export function reserveDoorbell(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

/** The sleeper's end: one per thread. */
export class Doorbell {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Announces the sleep. The caller must look at its inputs once more before it waits. */
  park(): void {
    Atomics.store(this.words, 0, PARKED);
  }

  /** Takes the announcement back: the second look found work. */
  unpark(): void {
    Atomics.store(this.words, 0, AWAKE);
  }

  /** Sleeps until rung or `timeoutMs` passed; returns at once if it was rung since `park`. */
  wait(timeoutMs: number): void {
    Atomics.wait(this.words, 0, PARKED, timeoutMs);
    Atomics.store(this.words, 0, AWAKE);
  }

  /** True while parked: for hosts that schedule by themselves instead of waiting. */
  get parked(): boolean {
    return Atomics.load(this.words, 0) === PARKED;
  }
}

let paid = 0;

/** Wake-ups that the calling thread has paid for so far; each thread has its own instance of this module. */
export function wakeupsPaid(): number {
  return paid;
}

/** The caller's end. Any number of threads may hold one. */
export class Ringer {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Wakes the thread if it sleeps. Call after publishing. Returns true when a wake-up was paid. */
  ring(): boolean {
    if (Atomics.load(this.words, 0) !== PARKED) return false;
    if (Atomics.compareExchange(this.words, 0, PARKED, AWAKE) !== PARKED) return false;
    Atomics.notify(this.words, 0, 1);
    paid++;
    return true;
  }
}

/**
 * A level-triggered event word, as an eventfd is: kick, call, interrupt. Signalled by any thread, taken by one.
 * The taker clears it before it looks at what the event announces, so an event that comes meanwhile stays set.
 */
export class EventWord {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  signal(): void {
    Atomics.store(this.words, 0, 1);
  }

  /** True once per signal or run of signals. */
  take(): boolean {
    if (Atomics.load(this.words, 0) === 0) return false;
    Atomics.store(this.words, 0, 0);
    return true;
  }

  /** True when a signal waits; leaves it there. */
  get pending(): boolean {
    return Atomics.load(this.words, 0) !== 0;
  }
}
