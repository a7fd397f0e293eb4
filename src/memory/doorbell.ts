/**
 * How one thread wakes another, and how it avoids to.
 *
 * A thread that found nothing to do parks: it stores PARKED, looks at all its inputs once more, and only then waits on
 * the word. Whoever publishes work for it looks at the word after publishing; both sides order their store before
 * their load (Atomics are sequentially consistent), so at least one of them sees the other: either the sleeper finds
 * the work in its second look or the publisher finds PARKED. The publisher that swaps PARKED for AWAKE is the only
 * one that pays for the wake-up; everybody after it finds a thread
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

  /** Sleeps until rung; returns at once if it was rung since `park`, and now and then for no reason. */
  wait(): void {
    parking.wait(this.words, PARKED);
    Atomics.store(this.words, 0, AWAKE);
  }

  /** True while parked: for hosts that schedule by themselves instead of waiting. */
  get parked(): boolean {
    return Atomics.load(this.words, 0) === PARKED;
  }
}

/**
 * How threads sleep on a word and are woken: all threads of a process that sleep must do it in the same way. A host
 * that schedules by itself puts no thread to sleep, and only takes note of who is woken.
 */
export interface Parking {
  /** Sleeps while the first of `words` is `value`, for a second at most. */
  wait(words: Int32Array, value: number): void;
  /** Wakes the thread that sleeps on the first of `words`. */
  wake(words: Int32Array): void;
}

const SLEEP_MS_MAX = 1000;

/**
 * The way that is always there. V8 keeps all sleepers of a process behind one lock: a thread that loses its core while
 * it holds it, as every thread beside a softirq may, makes all others wait that want to sleep or to wake somebody.
 */
const ATOMICS_PARKING: Parking = {
  wait: (words, value) => void Atomics.wait(words, 0, value, SLEEP_MS_MAX),
  wake: (words) => void Atomics.notify(words, 0, 1),
};

let parking = ATOMICS_PARKING;

/**
 * Has the calling thread sleep and wake in another way: each thread has its own instance of this module.
 * @returns the way before.
 */
export function useParking(other: Parking): Parking {
  const before = parking;
  parking = other;
  return before;
}

/** Wakes the thread that sleeps on the first of `words`. */
export function wake(words: Int32Array): void {
  parking.wake(words);
}

/** Has `note` told whenever the calling thread wakes one whose doorbell lies at one of `offsetsBytes`. */
export function noteWakes(offsetsBytes: ReadonlySet<number>, note: () => void): void {
  const before = parking;
  parking = {
    wait: (words, value) => before.wait(words, value),
    wake: (words) => {
      before.wake(words);
      if (offsetsBytes.has(words.byteOffset)) note();
    },
  };
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
    wake(this.words);
    return true;
  }
}

/** The doorbells of several threads. */
export function ringersOf(memory: Memory, regions: readonly Region[]): Ringer[] {
  return regions.map((region) => new Ringer(memory, region));
}

/** Rings every one of them. @returns how many wake-ups were paid. */
export function ringAll(ringers: readonly Ringer[]): number {
  let woken = 0;
  for (let i = 0; i < ringers.length; i++) if (ringers[i].ring()) woken++;
  return woken;
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
