import type { SchedulerLimits } from '../scheduler-limits.ts';
import type { VirtualRandom } from './virtual-random.ts';
import type { VirtualThread } from './virtual-thread.ts';

/** Sums of times are exact to less than this: virtual time is a double and runs for hours at most. */
const ROUNDING_NS = 0.5;

/**
 * One virtual CPU and its run queue. Real-time threads run in order of arrival and preempt all others. The others share
 * it by weighted run time (virtual runtime, as CFS and EEVDF count it): whoever has had least runs next, for a slice,
 * and keeps its slice while real-time work interrupts it. SCHED_IDLE threads have next to no weight and are preempted
 * by any other that wakes. Softirq work is never taken off the CPU within a visit, since bottom halves are off.
 */
export class VirtualCpu {
  readonly index: number;
  running: VirtualThread | null = null;
  /** When the running thread's turn is paid for. */
  busyUntilNs = 0;
  readonly limits: SchedulerLimits;
  private readonly random: VirtualRandom;
  private readonly jitter: number;
  private readonly realtime: VirtualThread[] = [];
  private readonly fair: VirtualThread[] = [];
  /** Whose slice it is: running, or interrupted by real-time work. */
  private holder: VirtualThread | null = null;
  private sliceUsedNs = 0;
  /** The holder is to give way: TIF_NEED_RESCHED. */
  private reschedule = false;
  /** By jitter: when the running thread is cut short. */
  private cutNs = Infinity;
  /** Least virtual runtime among those who want the CPU; never falls. */
  private vruntimeMin = 0;
  private last: VirtualThread | null = null;

  constructor(index: number, limits: SchedulerLimits, random: VirtualRandom, jitter: number) {
    this.index = index;
    this.limits = limits;
    this.random = random;
    this.jitter = jitter;
  }

  /** Charges the running thread for the time up to `nowNs`. Before every decision. */
  account(nowNs: number): void {
    const running = this.running;
    if (running === null) return;
    const ranNs = nowNs - running.sinceNs;
    running.runNs += ranNs;
    running.sinceNs = nowNs;
    if (!running.realtime) {
      running.vruntime += ranNs * running.vruntimeScale;
      this.sliceUsedNs += ranNs;
      // Nobody waited: the next slice has begun.
      if (this.fair.length === 0) this.sliceUsedNs %= this.limits.sliceNs;
    }
    if (nowNs >= this.cutNs) {
      this.cutNs = Infinity;
      this.reschedule = true;
    }
  }

  /** Makes a thread runnable that was asleep, or that comes from real-time work to the level of its peers. */
  wake(thread: VirtualThread, nowNs: number): void {
    thread.state = 'queued';
    thread.sinceNs = nowNs;
    if (thread.realtime) {
      this.realtime.push(thread);
      return;
    }
    this.raiseVruntimeMin();
    thread.vruntime = Math.max(thread.vruntime, this.vruntimeMin - this.limits.wakeupCreditNs);
    this.fair.push(thread);
    const { holder } = this;
    if (holder === null) return;
    const behindNs = holder.vruntime - thread.vruntime;
    if ((holder.idleClass && !thread.idleClass) || behindNs > this.limits.wakeupGranularityNs) this.reschedule = true;
  }

  /** Takes a fair thread into real-time class that is queued, or holds the slice and has not begun its turn. */
  lift(thread: VirtualThread): void {
    if (this.holder === thread) this.holder = null;
    else this.fair.splice(this.fair.indexOf(thread), 1);
    thread.realtime = true;
    if (this.running === thread) return;
    thread.state = 'queued';
    this.realtime.push(thread);
  }

  /** Takes the running thread off the CPU: it sleeps, or it comes back by `wake`. */
  leave(nowNs: number): void {
    const running = this.running!;
    running.state = 'asleep';
    running.sinceNs = nowNs;
    running.remainingNs = 0;
    this.running = null;
    this.cutNs = Infinity;
    if (this.holder === running) this.holder = null;
  }

  /** Puts the running fair thread back into the queue; another may be chosen. */
  requeue(nowNs: number): void {
    const running = this.running!;
    this.suspend(nowNs);
    this.enqueueHolder(running);
  }

  /** need_resched(): a fair thread should run now instead of the one that holds, or held, the slice. */
  needsReschedule(): boolean {
    if (this.fair.length === 0) return false;
    return this.holder === null || this.reschedule || this.sliceUsedNs > this.limits.sliceNs - ROUNDING_NS;
  }

  /** Decides who runs from `nowNs` on. */
  choose(nowNs: number): void {
    const running = this.running;
    if (running !== null && running.realtime) return;
    if (this.realtime.length > 0) {
      if (running !== null) this.suspend(nowNs);
      this.start(this.realtime.shift()!, nowNs);
      return;
    }
    if (running !== null) {
      if (!this.givesWay(running)) return;
      this.requeue(nowNs);
    } else if (this.holder !== null) {
      if (!this.givesWay(this.holder)) return this.start(this.holder, nowNs);
      this.enqueueHolder(this.holder);
    }
    if (this.fair.length === 0) return;
    const next = this.takeNext();
    this.holder = next;
    this.sliceUsedNs = 0;
    this.reschedule = false;
    this.start(next, nowNs);
  }

  /** The running thread is busy with a turn for `costNs` from `nowNs` on. */
  spend(costNs: number, nowNs: number): void {
    this.busyUntilNs = nowNs + costNs;
    if (this.jitter > 0 && this.fair.length > 0 && this.random.fraction() < this.jitter / 2) {
      this.cutNs = nowNs + this.random.fraction() * costNs;
    }
  }

  /** When this CPU must be looked at again; Infinity when it idles. */
  nextEventNs(nowNs: number): number {
    const running = this.running;
    if (running === null) return Infinity;
    if (running.realtime || this.fair.length === 0 || running.visiting) return this.busyUntilNs;
    const sliceEndNs = nowNs + this.limits.sliceNs - this.sliceUsedNs;
    return Math.min(this.busyUntilNs, this.cutNs, Math.max(nowNs, sliceEndNs));
  }

  private givesWay(holder: VirtualThread): boolean {
    return this.needsReschedule() && !holder.visiting;
  }

  private start(thread: VirtualThread, nowNs: number): void {
    thread.waitNs += nowNs - thread.sinceNs;
    thread.sinceNs = nowNs;
    thread.state = 'running';
    thread.switches++;
    this.running = thread;
    const switchNs = thread === this.last ? 0 : this.limits.switchNs;
    this.last = thread;
    this.busyUntilNs = nowNs + switchNs + thread.remainingNs;
    thread.remainingNs = 0;
  }

  private suspend(nowNs: number): void {
    const running = this.running!;
    running.state = 'interrupted';
    running.remainingNs = Math.max(0, this.busyUntilNs - nowNs);
    running.sinceNs = nowNs;
    this.running = null;
    this.cutNs = Infinity;
  }

  private enqueueHolder(holder: VirtualThread): void {
    holder.state = 'queued';
    this.holder = null;
    this.fair.push(holder);
  }

  private takeNext(): VirtualThread {
    const fair = this.fair;
    let next = 0;
    if (this.jitter > 0 && this.random.fraction() < this.jitter) next = this.random.index(fair.length);
    else for (let i = 1; i < fair.length; i++) if (fair[i].vruntime < fair[next].vruntime) next = i;
    const thread = fair[next];
    fair[next] = fair[fair.length - 1];
    fair.pop();
    return thread;
  }

  private raiseVruntimeMin(): void {
    let least = this.holder === null ? Infinity : this.holder.vruntime;
    for (let i = 0; i < this.fair.length; i++) least = Math.min(least, this.fair[i].vruntime);
    if (least < Infinity) this.vruntimeMin = Math.max(this.vruntimeMin, least);
  }
}
