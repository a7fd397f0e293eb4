import type { Libc } from '../os/libc.ts';
import { openLibc } from '../os/libc.ts';
import { SCHED_NUMBER, currentTid, describePolicy, setThreadPolicy, threadPolicy } from '../os/os-threads.ts';

/** Any FIFO thread runs above every fair one, and 1 is what a small RLIMIT_RTPRIO still allows. */
export const INTERRUPT_FIFO_PRIORITY = 1;

/**
 * Lets the softirq thread move itself between interrupt class (SCHED_FIFO) and its peers' level (SCHED_OTHER, with the
 * nice value the thread had before): one system call each way, 2 to 3 us. Where the kernel or a missing koffi does not
 * allow it, `switchable` is false, both moves do nothing and answer false, and `reason` says why.
 */
export class SelfPolicy {
  readonly switchable: boolean;
  readonly reason: string;
  private readonly setScheduler: Libc['setScheduler'] | null;
  private readonly fifoParam: Int32Array;
  private readonly otherParam = new Int32Array(1);

  /** Tries both moves on the calling thread, which is left at SCHED_OTHER if they succeed. */
  constructor(fifoPriority = INTERRUPT_FIFO_PRIORITY) {
    const { libc, reason } = openLibc();
    this.fifoParam = Int32Array.of(fifoPriority);
    this.reason = libc === null ? reason : tryRoundTrip(fifoPriority);
    this.switchable = libc !== null && this.reason === '';
    this.setScheduler = this.switchable && libc !== null ? libc.setScheduler : null;
  }

  /** Enters interrupt class. True when the thread is there now. */
  toFifo(): boolean {
    return this.setScheduler !== null && this.setScheduler(0, SCHED_NUMBER.fifo, this.fifoParam) === 0;
  }

  /** Joins its peers. True when the thread is there now. */
  toOther(): boolean {
    return this.setScheduler !== null && this.setScheduler(0, SCHED_NUMBER.other, this.otherParam) === 0;
  }

  /**
   * Puts another thread of this process into interrupt class: what a timer tick does to softirq work that ksoftirqd
   * holds. The caller pays for waking the other core. False when it was not allowed or the thread has gone.
   */
  liftThread(tid: number): boolean {
    return this.setScheduler !== null && this.setScheduler(tid, SCHED_NUMBER.fifo, this.fifoParam) === 0;
  }
}

function tryRoundTrip(fifoPriority: number): string {
  const tid = currentTid();
  const before = threadPolicy(tid);
  const nice = before.class === 'other' || before.class === 'batch' ? before.nice : 0;
  const raised = setThreadPolicy(tid, { class: 'fifo', priority: fifoPriority });
  if (!raised.granted) return raised.reason;
  const lowered = setThreadPolicy(tid, { class: 'other', nice });
  return lowered.granted ? '' : `the thread cannot leave ${describePolicy(lowered.obtained)}: ${lowered.reason}`;
}
