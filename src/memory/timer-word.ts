/**
 * The deadline of a sleeper's timer, one word: written by the sleeper, read by the timer that wakes it. Milliseconds of
 * the run's clock, which wrap after 49 days; 0 means off.
 */
import type { Memory, Region, Arena } from './arena.ts';

const MS_NS = 1e6;
const OFF = 0;

export function reserveTimerWord(arena: Arena): Region {
  return arena.reserve(4);
}

export class TimerWord {
  private readonly words: Int32Array;
  private armed = OFF;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Sets the deadline, rounded up to a whole millisecond; Infinity turns the timer off. */
  arm(deadlineNs: number): void {
    const ms = deadlineNs === Infinity ? OFF : Math.ceil(deadlineNs / MS_NS) | 0 || 1;
    if (ms === this.armed) return;
    this.armed = ms;
    Atomics.store(this.words, 0, ms);
  }

  /** Whether a deadline is set and has come. */
  due(nowNs: number): boolean {
    const ms = Atomics.load(this.words, 0);
    return ms !== OFF && ((Math.floor(nowNs / MS_NS) - ms) | 0) >= 0;
  }
}
