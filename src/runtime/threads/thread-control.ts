/**
 * The word by which the main thread calls a busy thread out of its loop.
 *
 *     word  0         stay       number of the stay in the loop that is wanted, or OUT; written by the main thread
 *
 * Stays are numbered since a thread may be late: one that has not gone in yet when it is called out, and told to go in
 * again, must not take the second stay for the first, or it would never hear that it was told.
 */
import type { Memory, Region, Arena } from '../../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../../memory/arena.ts';

const STAY_WORD = 0;
const OUT = 0;
const NO_STAY = -1;

export function reserveThreadControl(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

/** Main thread: has the thread go into its loop and come out. */
export class ThreadCaller {
  private readonly words: Int32Array;
  private stays = 0;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** True from `callIn` until `callOut`. */
  get running(): boolean {
    return Atomics.load(this.words, STAY_WORD) !== OUT;
  }

  /** @returns the number of the new stay, which the thread must be told. */
  callIn(): number {
    this.stays++;
    Atomics.store(this.words, STAY_WORD, this.stays);
    return this.stays;
  }

  /** The thread's doorbell must be rung as well. */
  callOut(): void {
    Atomics.store(this.words, STAY_WORD, OUT);
  }
}

/** The thread's side. */
export class ThreadControl {
  private readonly words: Int32Array;
  private stay = NO_STAY;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Takes up a stay of the main thread's. */
  enter(stay: number): void {
    this.stay = stay;
  }

  /** Whether to stay in the loop. */
  get running(): boolean {
    return Atomics.load(this.words, STAY_WORD) === this.stay;
  }
}
