/**
 * Which softirq context runs, for how long, and what ends it: __do_softirq() and run_ksoftirqd() of kernel/softirq.c
 * with net_rx_action() of net/core/dev.c inside, as a state machine without a clock or a thread of its own. A host
 * opens a visit, polls, reports each poll, and does what the verdict says.
 *
 *     visit   one __do_softirq(): sweeps until nothing is pending, time or restarts are used up, or a thread must run
 *     sweep   one net_rx_action(): polls until the poll list is empty or its budget or time is used up
 *     poll    one NAPI instance, at most its weight of frames, and all that follows in the same call chain
 */

/**
 * Who runs softirq work: the exit of a hard interrupt or a tick (irq_exit), a thread that enables bottom halves again
 * (local_bh_enable, netif_rx_ni), the CPU's ksoftirqd, or the thread of a threaded NAPI instance.
 */
export type SoftirqContext = 'interrupt' | 'bh-enable' | 'ksoftirqd' | 'threaded';

/**
 * `continue`: poll again. `yield`: the visit is over with work left, which is ksoftirqd's from now on; ksoftirqd itself
 * lets other threads run if one should. `idle`: the visit is over and nothing is left.
 */
export type SoftirqVerdict = 'continue' | 'yield' | 'idle';

export interface SoftirqLimits {
  /** Ticks a second of the modelled kernel. Its time limits are compared in whole ticks (jiffies). */
  readonly hz: number;
  /** Frames a sweep may begin another poll with: netdev_budget. */
  readonly sweepBudgetFrames: number;
  /** Time limit of a sweep: 2 jiffies, or netdev_budget_usecs. */
  readonly sweepTimeNs: number;
  /** Sweeps in a visit: MAX_SOFTIRQ_RESTART. */
  readonly visitSweepsMax: number;
  /** Time limit of a visit: MAX_SOFTIRQ_TIME. */
  readonly visitTimeNs: number;
  /**
   * A sweep polls each scheduled instance once at most: net_rx_action with a repoll list, since d75b1ade567f (v3.19).
   */
  readonly repollList: boolean;
  /** Inline visits are refused while ksoftirqd is runnable: ksoftirqd_running(), from 4cd13c21b207 to d15121be7485. */
  readonly ksoftirqdGuard: boolean;
}

/** What was done in one context. */
export interface ContextUse {
  visits: number;
  frames: number;
  /** From the beginning to the end of each poll, interruptions included. */
  ns: number;
}

export class SoftirqPolicy {
  /** Sweeps that ended with work left: softnet_data.time_squeeze. */
  timeSqueeze = 0;
  /** Inline visits that woke ksoftirqd: wakeup_softirqd() where it slept. */
  handovers = 0;
  /** Inline visits that the guard refused. */
  refusals = 0;
  readonly use: Readonly<Record<SoftirqContext, ContextUse>> = {
    interrupt: { visits: 0, frames: 0, ns: 0 },
    'bh-enable': { visits: 0, frames: 0, ns: 0 },
    ksoftirqd: { visits: 0, frames: 0, ns: 0 },
    threaded: { visits: 0, frames: 0, ns: 0 },
  };
  private readonly limits: SoftirqLimits;
  private readonly tickNs: number;
  private context: SoftirqContext | null = null;
  private current: ContextUse;
  private sinceNs = 0;
  private visitEndNs = 0;
  private sweepEndNs = 0;
  private sweepsLeft = 0;
  private budgetLeft = 0;
  private pollsLeft = 0;
  private ksoftirqdAwake = false;

  constructor(limits: SoftirqLimits) {
    this.limits = limits;
    this.tickNs = 1e9 / limits.hz;
    this.current = this.use.interrupt;
  }

  /** A visit is open: bottom halves are off, and no thread of the same CPU runs until it ends. */
  get visiting(): boolean {
    return this.context !== null;
  }

  /** ksoftirqd was woken and has not yet found everything done. */
  get ksoftirqdRunnable(): boolean {
    return this.ksoftirqdAwake;
  }

  /**
   * Opens a visit with `scheduled` NAPI instances on the poll list. False when the guard refuses it; then the work
   * stays ksoftirqd's.
   */
  begin(context: SoftirqContext, scheduled: number, nowNs: number): boolean {
    if (this.context !== null) throw new Error(`softirq visit (${context}) begun within another (${this.context})`);
    const inline = context === 'interrupt' || context === 'bh-enable';
    if (inline && this.ksoftirqdAwake && this.limits.ksoftirqdGuard) {
      this.refusals++;
      return false;
    }
    this.context = context;
    this.current = this.use[context];
    this.current.visits++;
    this.sinceNs = nowNs;
    this.visitEndNs = this.deadlineNs(nowNs, this.limits.visitTimeNs);
    this.sweepsLeft = this.limits.visitSweepsMax;
    this.beginSweep(scheduled, nowNs);
    return true;
  }

  /**
   * Reports a poll of `work` frames that ended at `nowNs`, with `scheduled` instances on the poll list now, those whose
   * interrupt waits among them. `needResched`: the scheduler wants another thread on this CPU (need_resched); it ends a
   * visit only between two sweeps, and threaded polling between two polls (napi_threaded_poll).
   */
  afterPoll(work: number, scheduled: number, needResched: boolean, nowNs: number): SoftirqVerdict {
    this.current.frames += work;
    this.current.ns += nowNs - this.sinceNs;
    this.sinceNs = nowNs;
    if (scheduled === 0) {
      this.context = null;
      this.ksoftirqdAwake = false;
      return 'idle';
    }
    if (this.context === 'threaded') {
      if (!needResched) return 'continue';
      this.context = null;
      return 'yield';
    }
    // The budget is tested before a poll, so a sweep may exceed it by almost one weight.
    this.budgetLeft -= work;
    const squeezed = this.budgetLeft <= 0 || nowNs >= this.sweepEndNs;
    if (!squeezed && !(this.limits.repollList && --this.pollsLeft <= 0)) return 'continue';
    if (squeezed) this.timeSqueeze++;
    if (nowNs < this.visitEndNs && !needResched && --this.sweepsLeft > 0) {
      this.beginSweep(scheduled, nowNs);
      return 'continue';
    }
    if (!this.ksoftirqdAwake && this.context !== 'ksoftirqd') this.handovers++;
    this.ksoftirqdAwake = true;
    this.context = null;
    return 'yield';
  }

  /** Closes the visit with work left, for a reason of the host's: the run pauses, or an inline visit takes over. */
  abandon(): void {
    this.ksoftirqdAwake = true;
    this.context = null;
  }

  /** When the next tick after `nowNs` comes; one that finds ksoftirqd waiting begins an inline visit on its exit. */
  nextTickNs(nowNs: number): number {
    return (Math.floor(nowNs / this.tickNs) + 1) * this.tickNs;
  }

  private beginSweep(scheduled: number, nowNs: number): void {
    this.pollsLeft = scheduled;
    this.budgetLeft = this.limits.sweepBudgetFrames;
    this.sweepEndNs = this.deadlineNs(nowNs, this.limits.sweepTimeNs);
  }

  /** jiffies + limit: counted from the last tick, so that a limit of one tick lasts from nothing to one tick. */
  private deadlineNs(nowNs: number, limitNs: number): number {
    return Math.floor(nowNs / this.tickNs) * this.tickNs + limitNs;
  }
}
