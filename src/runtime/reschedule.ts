import { CONTEXT_TICK } from '../kernel/softirq-line.ts';

/**
 * Whether the scheduler wants another thread on a softirq CPU (need_resched()): the rule of both hosts. Inline, the
 * softirq thread is above all others of its CPU and nobody can take it from it, so this stands for what the kernel's
 * scheduler would have noted meanwhile. As ksoftirqd it is an ordinary thread, and the scheduler itself does the rest.
 */
export class Reschedule {
  private readonly ticksPerSlice: number;
  private ticks = 0;
  private noted = false;

  /** @param sliceNs how long a thread runs before a tick finds that its turn is over. @param hz ticks a second. */
  constructor(sliceNs: number, hz: number) {
    this.ticksPerSlice = Math.max(1, Math.ceil((sliceNs * hz) / 1e9));
  }

  /**
   * A visit begins, for which `contexts` asked. A timer tick may find that whoever it interrupted has had its turn:
   * scheduler_tick() and check_preempt_tick(), kernel/sched/.
   */
  begin(contexts: number): void {
    this.noted = (contexts & CONTEXT_TICK) !== 0 && ++this.ticks % this.ticksPerSlice === 0;
  }

  /** The visit woke a thread of this CPU, which is to run next: check_preempt_wakeup(), kernel/sched/fair.c. */
  woke(): void {
    this.noted = true;
  }

  get wanted(): boolean {
    return this.noted;
  }
}
