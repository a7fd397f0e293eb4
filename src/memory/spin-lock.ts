/**
 * A lock word in shared memory, tried and never waited for: an actor that finds it taken comes back at its next poll.
 * The holder keeps it for one batch at most; one that parks with it rings those who wait when it lets go.
 */
import type { Memory, Region, Arena } from './arena.ts';
import { WRITER_STRIDE_BYTES } from './arena.ts';

export function reserveLock(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

export class SpinLock {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  tryAcquire(): boolean {
    return Atomics.compareExchange(this.words, 0, 0, 1) === 0;
  }

  /** Taken by somebody now. */
  get taken(): boolean {
    return Atomics.load(this.words, 0) !== 0;
  }

  release(): void {
    Atomics.store(this.words, 0, 0);
  }
}
