import { VirtualCpu } from './virtual-cpu.ts';
import { VirtualEvents } from './virtual-events.ts';
import type { VirtualHostOptions } from './virtual-options.ts';
import { VirtualRandom } from './virtual-random.ts';
import type { VirtualThread } from './virtual-thread.ts';

/** Threads start within this time of each other, in random order. */
const START_SPREAD_NS = 10_000;
/** Times a wake-up's usual delay that jitter may add. */
const WAKE_JITTER_FACTOR = 9;

/**
 * Discrete-event simulation of the run's threads on virtual CPUs. Hardware threads are polled in a period of their own
 * and occupy no CPU. All others run by turns on theirs, sleep on their doorbells, and are woken some time after
 * somebody rang. Event sources: each CPU (the end of a turn, of a slice), each thread (its wake-up or, for hardware,
 * its next poll), and each softirq thread's tick.
 */
export class VirtualMachine {
  nowNs = 0;
  readonly threads: readonly VirtualThread[];
  private readonly cpus: readonly VirtualCpu[];
  private readonly options: VirtualHostOptions;
  private readonly random: VirtualRandom;
  private readonly events: VirtualEvents;
  private readonly firstThread: number;
  private readonly firstTick: number;
  /** Threads with a parked doorbell that no CPU runs: asleep, or ksoftirqd waiting for its turn. */
  private readonly sleepers: VirtualThread[] = [];

  constructor(threads: readonly VirtualThread[], options: VirtualHostOptions) {
    this.threads = threads;
    this.options = options;
    this.random = new VirtualRandom(options.seed);
    this.cpus = Array.from(
      { length: 1 + Math.max(...threads.map(({ cpu }) => cpu)) },
      (_, cpu) => new VirtualCpu(cpu, options.scheduler, this.random, options.jitter),
    );
    this.firstThread = this.cpus.length;
    this.firstTick = this.firstThread + threads.length;
    this.events = new VirtualEvents(this.firstTick + threads.length, this.random);
    for (const thread of threads) this.setWake(thread, START_SPREAD_NS * this.random.fraction());
  }

  /** Simulates up to and including `untilNs`. @throws what an actor throws, with its name. */
  runUntil(untilNs: number): void {
    const { events, firstThread, firstTick } = this;
    for (let at = events.nextNs; at <= untilNs; at = events.nextNs) {
      this.nowNs = at;
      const source = events.take();
      if (source < firstThread) this.lookAtCpu(this.cpus[source]);
      else if (source >= firstTick) this.tick(this.threads[source - firstTick]);
      else this.lookAtThread(this.threads[source - firstThread]);
    }
    this.nowNs = untilNs;
  }

  /** Makes a sleeping thread look at its inputs again: one of its ports was changed. */
  rouse(thread: VirtualThread): void {
    // One that is about to sleep finds its doorbell rung.
    thread.doorbell.unpark();
    const at = this.sleepers.indexOf(thread);
    if (at >= 0) this.awaken(at, 'interrupt', this.nowNs);
  }

  private lookAtThread(thread: VirtualThread): void {
    if (thread.hardware) return this.pollHardware(thread);
    const cpu = this.cpus[thread.cpu];
    cpu.account(this.nowNs);
    if (thread.state === 'asleep') cpu.wake(thread, this.nowNs);
    else if (!this.interrupted(thread)) return;
    this.decide(cpu);
  }

  /** An interrupt or BH-enable for a softirq thread that waits as ksoftirqd: softirq work runs inline, if it may. */
  private interrupted(thread: VirtualThread): boolean {
    const policy = thread.softirq;
    if (policy === null || thread.realtime || thread.state !== 'queued' || policy.visiting) return false;
    if (!policy.begin(thread.context, this.nowNs)) return false;
    this.stopWatching(thread);
    this.cpus[thread.cpu].lift(thread);
    return true;
  }

  private tick(thread: VirtualThread): void {
    const cpu = this.cpus[thread.cpu];
    cpu.account(this.nowNs);
    thread.context = 'interrupt';
    if (this.interrupted(thread)) this.decide(cpu);
    else if (thread.state === 'queued') this.setTick(thread);
  }

  private pollHardware(thread: VirtualThread): void {
    const { nowNs, options } = this;
    const costNs = thread.pollAll(nowNs);
    this.wakeRung(thread);
    const meanNs = thread.moved > 0 ? options.hardwarePollNs : options.hardwareIdlePollNs;
    const periodNs = meanNs * (0.5 + this.random.fraction());
    this.events.set(this.firstThread + thread.index, nowNs + Math.max(periodNs, costNs));
  }

  private lookAtCpu(cpu: VirtualCpu): void {
    cpu.account(this.nowNs);
    const { running } = cpu;
    if (running !== null && running.turnOpen && this.nowNs >= cpu.busyUntilNs) this.endTurn(cpu, running);
    this.decide(cpu);
  }

  /** Lets the CPU choose its thread, begins that thread's next turn if the last is paid for, and sets the next event. */
  private decide(cpu: VirtualCpu): void {
    const { nowNs } = this;
    cpu.choose(nowNs);
    const { running } = cpu;
    if (running !== null && !running.turnOpen && nowNs >= cpu.busyUntilNs) this.beginTurn(cpu, running);
    const nextNs = cpu.nextEventNs(nowNs);
    if (nextNs < Infinity) this.events.set(cpu.index, nextNs);
    else this.events.cancel(cpu.index);
  }

  private beginTurn(cpu: VirtualCpu, thread: VirtualThread): void {
    const { softirq } = thread;
    if (softirq !== null && !softirq.visiting) this.beginVisit(thread);
    const costNs = thread.turn(this.nowNs);
    thread.turnOpen = true;
    cpu.spend(costNs, this.nowNs);
    this.wakeRung(thread);
  }

  private beginVisit(thread: VirtualThread): void {
    if (!thread.realtime) {
      this.stopWatching(thread);
      thread.context = thread.threadedNapi ? 'threaded' : 'ksoftirqd';
    }
    // An inline visit begins on a thread that slept, when ksoftirqd does not run, so the guard has nothing to refuse.
    thread.softirq!.begin(thread.context, this.nowNs);
  }

  private endTurn(cpu: VirtualCpu, thread: VirtualThread): void {
    thread.turnOpen = false;
    if (thread.softirq !== null) return this.endSoftirqTurn(cpu, thread);
    if (!thread.parking) return;
    thread.parking = false;
    if (thread.doorbell.parked) this.sleep(cpu, thread);
  }

  private endSoftirqTurn(cpu: VirtualCpu, thread: VirtualThread): void {
    const { nowNs } = this;
    const policy = thread.softirq!;
    const verdict = policy.afterPoll(thread.napiFrames, !thread.armAll(), cpu.needsReschedule(), nowNs);
    if (verdict === 'continue') return;
    if (verdict === 'idle') {
      // A parked softirq thread is in interrupt class, so that it preempts when it is rung.
      thread.realtime = !thread.threadedNapi;
      thread.doorbell.park();
      return this.sleep(cpu, thread);
    }
    if (thread.realtime) {
      cpu.leave();
      thread.realtime = false;
      cpu.wake(thread, nowNs);
    } else {
      if (!cpu.needsReschedule()) return;
      cpu.requeue(nowNs);
    }
    if (thread.threadedNapi) return;
    thread.doorbell.park();
    this.sleepers.push(thread);
    this.setTick(thread);
  }

  private sleep(cpu: VirtualCpu, thread: VirtualThread): void {
    cpu.leave();
    thread.sinceNs = this.nowNs;
    this.sleepers.push(thread);
  }

  /** ksoftirqd gets the CPU, or its work is taken over inline: it is rung no more. */
  private stopWatching(thread: VirtualThread): void {
    const at = this.sleepers.indexOf(thread);
    if (at >= 0) this.removeSleeper(at);
    thread.doorbell.unpark();
    this.events.cancel(this.firstThread + thread.index);
    this.events.cancel(this.firstTick + thread.index);
  }

  /** Finds the doorbells that `ringer` rang in its turn. */
  private wakeRung(ringer: VirtualThread): void {
    const { sleepers } = this;
    for (let i = sleepers.length - 1; i >= 0; i--) {
      const sleeper = sleepers[i];
      if (sleeper.doorbell.parked) continue;
      const { wakeLocalNs, wakeRemoteNs } = this.options.scheduler;
      const local = !ringer.hardware && ringer.cpu === sleeper.cpu;
      this.awaken(i, ringer.hardware ? 'interrupt' : 'bh-enable', this.nowNs + (local ? wakeLocalNs : wakeRemoteNs));
    }
  }

  private awaken(at: number, context: 'interrupt' | 'bh-enable', whenNs: number): void {
    const thread = this.sleepers[at];
    this.removeSleeper(at);
    thread.context = context;
    this.setWake(thread, whenNs);
  }

  private removeSleeper(at: number): void {
    const { sleepers } = this;
    sleepers[at] = sleepers[sleepers.length - 1];
    sleepers.pop();
  }

  private setWake(thread: VirtualThread, whenNs: number): void {
    const { jitter } = this.options;
    const lateNs = jitter > 0 ? (whenNs - this.nowNs) * WAKE_JITTER_FACTOR * jitter * this.random.fraction() : 0;
    this.events.set(this.firstThread + thread.index, whenNs + lateNs);
  }

  private setTick(thread: VirtualThread): void {
    this.events.set(this.firstTick + thread.index, thread.softirq!.nextTickNs(this.nowNs));
  }
}
