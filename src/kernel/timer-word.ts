/**
 * The deadline of a sleeper's timer, one word: written by the sleeper, read by the timer that wakes it. Ticks of 2^14 ns,
 * 16 us, of the run's clock, which wrap: a deadline more than nine hours ahead would count as passed. 0 means off.
 */
import type { Memory, Region, Arena } from '../memory/arena.ts';

const TICK_NS = 2 ** 14;
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

  /** Sets the deadline, rounded up to a whole tick; Infinity turns the timer off. */
  arm(deadlineNs: number): void {
    const tick = deadlineNs === Infinity ? OFF : Math.ceil(deadlineNs / TICK_NS) | 0 || 1;
    if (tick === this.armed) return;
    this.armed = tick;
    Atomics.store(this.words, 0, tick);
  }

  /** Whether a deadline is set and has come. */
  due(nowNs: number): boolean {
    const tick = Atomics.load(this.words, 0);
    return tick !== OFF && ((Math.floor(nowNs / TICK_NS) - tick) | 0) >= 0;
  }
}
