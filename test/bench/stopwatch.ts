import { readFileSync } from 'node:fs';
import { nowNs } from '../../src/runtime/threads/clock.ts';
import type { BenchReport } from './bench-task.ts';

const ARRIVED_WORD = 0;

/** Begins a measurement on both threads of a pair at once, and ends it on each. */
export class Stopwatch {
  private readonly meeting: Int32Array;
  private startNs = 0;
  private waitedNs = 0;

  /** @param meeting its first word counts arrivals; it is zero before a job. */
  constructor(meeting: Int32Array) {
    this.meeting = meeting;
  }

  /** Waits until both threads are here for the `time`-th time, spinning. */
  meet(time: number): void {
    Atomics.add(this.meeting, ARRIVED_WORD, 1);
    while (Atomics.load(this.meeting, ARRIVED_WORD) < 2 * time);
  }

  /** Starts the time after both have met. */
  beginTogether(time = 1): void {
    this.waitedNs = waitedNs();
    this.meet(time);
    this.startNs = nowNs();
  }

  /** Starts the time of a thread that measures alone, or that must not spin. */
  beginAlone(): void {
    this.waitedNs = waitedNs();
    this.startNs = nowNs();
  }

  end(values: Readonly<Record<string, number>> = {}): BenchReport {
    const endNs = nowNs();
    return { startNs: this.startNs, endNs, waitNs: waitedNs() - this.waitedNs, values };
  }
}

/**
 * Time this thread has spent runnable without a core: second field of schedstat (Documentation/scheduler/sched-stats).
 */
function waitedNs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]);
}
