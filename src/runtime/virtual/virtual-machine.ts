import { useParking } from '../../memory/doorbell.ts';
import type { Parking } from '../../memory/doorbell.ts';
import type { HardwarePolls, HostPlan, Plan } from '../plan.ts';
import type { SchedulerLimits } from '../scheduler-limits.ts';
import { VirtualCpu } from './virtual-cpu.ts';
import { VirtualEvents } from './virtual-events.ts';
import type { VirtualHostOptions } from './virtual-options.ts';
import { POLL_BUDGET } from '../poll-round.ts';
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
  private readonly polls: HardwarePolls;
  private readonly random: VirtualRandom;
  private readonly events: VirtualEvents;
  private readonly firstThread: number;
  private readonly firstTick: number;
  /** Threads by where their doorbells lie, which all are in one buffer, and those rung since the last look. */
  private readonly byDoorbell: ReadonlyMap<number, VirtualThread>;
  private readonly rung: VirtualThread[] = [];
  private rungCount = 0;
  private readonly parking: Parking;
  /** Whose turn it is: the one that rings. */
  private ringer: VirtualThread;

  /** @param plan its hosts' schedulers the CPUs have: each that of the first of its threads that is of a host. */
  constructor(
    threads: readonly VirtualThread[],
    { hosts, polls }: Pick<Plan, 'hosts' | 'polls'>,
    options: VirtualHostOptions,
  ) {
    this.polls = polls;
    this.threads = threads;
    this.options = options;
    this.random = new VirtualRandom(options.seed);
    this.cpus = Array.from(
      { length: 1 + Math.max(...threads.map(({ cpu }) => cpu)) },
      (_, cpu) => new VirtualCpu(cpu, schedulerOf(threads, hosts, cpu), this.random, options.jitter),
    );
    this.firstThread = this.cpus.length;
    this.firstTick = this.firstThread + threads.length;
    this.events = new VirtualEvents(this.firstTick + threads.length, this.random);
    this.ringer = threads[0];
    this.byDoorbell = new Map(threads.map((thread) => [thread.plan.doorbell.offsetBytes, thread]));
    this.parking = { wait: () => undefined, wake: ({ byteOffset }) => this.noteRung(byteOffset) };
    for (const thread of threads) this.setWake(thread, START_SPREAD_NS * this.random.fraction());
  }

  /** Simulates up to and including `untilNs`. @throws what an actor throws, with its name. */
  runUntil(untilNs: number): void {
    const before = useParking(this.parking);
    try {
      // Whatever was rung between two runs.
      for (const thread of this.threads) this.rung[this.rungCount++] = thread;
      this.wakeRung();
      this.passEvents(untilNs);
    } finally {
      useParking(before);
    }
    this.nowNs = untilNs;
  }

  private passEvents(untilNs: number): void {
    const { events, firstThread, firstTick } = this;
    for (let at = events.nextNs; at <= untilNs; at = events.nextNs) {
      this.nowNs = at;
      const source = events.take();
      if (source < firstThread) this.lookAtCpu(this.cpus[source]);
      else if (source >= firstTick) this.tick(this.threads[source - firstTick]);
      else this.lookAtThread(this.threads[source - firstThread]);
    }
  }

  /** The thread that was polled last, or is. */
  get polled(): VirtualThread {
    return this.ringer;
  }

  /** Makes a sleeping thread look at its inputs again: one of its ports was changed. */
  rouse(thread: VirtualThread): void {
    // One that is about to sleep finds its doorbell rung.
    if (thread.state === 'asleep' || thread.parking) thread.doorbell.unpark();
    if (thread.sleeping) this.awaken(thread, 0);
  }

  /** A raiser found a softirq thread waiting as ksoftirqd: softirq work is to run inline. */
  lift(thread: VirtualThread): void {
    this.setWake(thread, this.wakeDelayNs(thread));
  }

  private lookAtThread(thread: VirtualThread): void {
    if (thread.hardware) return this.pollHardware(thread);
    const cpu = this.cpus[thread.cpu];
    cpu.account(this.nowNs);
    if (thread.state === 'asleep') cpu.wake(thread, this.nowNs);
    else if (!this.interruptKsoftirqd(cpu, thread, false)) return;
    this.decide(cpu);
  }

  /** The timer interrupt finds softirq work with ksoftirqd; its exit runs that work inline, if it may. */
  private tick(thread: VirtualThread): void {
    const cpu = this.cpus[thread.cpu];
    cpu.account(this.nowNs);
    if (this.interruptKsoftirqd(cpu, thread, true)) this.decide(cpu);
    else this.setTick(thread);
  }

  /** ksoftirqd waits for the CPU, and somebody else begins to run its work inline; false when the guard forbids it. */
  private interruptKsoftirqd(cpu: VirtualCpu, thread: VirtualThread, tick: boolean): boolean {
    if (!thread.softirq!.beginInline(this.nowNs, tick)) return false;
    this.cancelLifts(thread);
    cpu.lift(thread);
    return true;
  }

  /**
   * Hardware is not a program: its components work side by side, at no CPU's cost, and none ever has more to do than it
   * can. So what it does takes no time, and while an actor may have moved all it may in one poll it is polled again.
   */
  private pollHardware(thread: VirtualThread): void {
    const { nowNs, polls } = this;
    this.ringer = thread;
    let moved = 0;
    do {
      thread.pollAll(nowNs);
      moved += thread.moved;
    } while (thread.moved >= POLL_BUDGET);
    this.wakeRung();
    const meanNs = moved > 0 ? polls.hardwarePollNs : polls.hardwareIdlePollNs;
    this.events.set(this.firstThread + thread.index, nowNs + meanNs * (0.5 + this.random.fraction()));
  }

  private lookAtCpu(cpu: VirtualCpu): void {
    cpu.account(this.nowNs);
    const { running } = cpu;
    if (running !== null && running.turnOpen && this.nowNs >= cpu.busyUntilNs) this.endTurn(cpu, running);
    this.decide(cpu);
  }

  /**
   * Lets the CPU choose its thread, begins that thread's next turn if the last is paid for, and sets the next event.
   */
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
    if (thread.softirq !== null && !thread.visiting) this.beginVisit(thread);
    this.ringer = thread;
    const costNs = thread.turn(this.nowNs);
    thread.turnOpen = true;
    cpu.spend(costNs, this.nowNs);
    this.wakeRung();
  }

  private beginVisit(thread: VirtualThread): void {
    const softirq = thread.softirq!;
    // A thread that slept has no ksoftirqd beside it, so the guard refuses nothing here.
    if (thread.realtime) {
      softirq.beginInline(this.nowNs, false);
    } else {
      this.cancelLifts(thread);
      softirq.beginFair(this.nowNs);
    }
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
    const softirq = thread.softirq!;
    const verdict = thread.afterSoftirqTurn(!thread.realtime && cpu.needsReschedule(), nowNs);
    if (verdict === 'continue') return;
    if (verdict === 'idle') {
      // A parked softirq thread is in interrupt class, so that it preempts when it is rung.
      thread.realtime = !softirq.threaded;
      thread.doorbell.park();
      return this.sleep(cpu, thread);
    }
    if (thread.realtime) {
      cpu.leave(nowNs);
      thread.realtime = false;
      cpu.wake(thread, nowNs);
    } else {
      if (!cpu.needsReschedule()) return;
      cpu.requeue(nowNs);
    }
    if (softirq.threaded) return;
    softirq.defer();
    this.setTick(thread);
  }

  private sleep(cpu: VirtualCpu, thread: VirtualThread): void {
    cpu.leave(this.nowNs);
    thread.sleeping = true;
  }

  private noteRung(offsetBytes: number): void {
    const thread = this.byDoorbell.get(offsetBytes);
    if (thread !== undefined) this.rung[this.rungCount++] = thread;
  }

  /** Wakes the threads whose doorbells were rung in the turn that was just made. One about to sleep finds it itself. */
  private wakeRung(): void {
    const { rung, rungCount } = this;
    for (let i = 0; i < rungCount; i++) {
      const thread = rung[i];
      if (thread.sleeping && !thread.doorbell.parked) this.awaken(thread, this.wakeDelayNs(thread));
    }
    this.rungCount = 0;
  }

  private awaken(thread: VirtualThread, delayNs: number): void {
    thread.sleeping = false;
    if (thread.cpu === this.ringer.cpu) this.ringer.softirq?.reschedule.woke();
    this.setWake(thread, delayNs);
  }

  private wakeDelayNs(thread: VirtualThread): number {
    const { wakeLocalNs, wakeRemoteNs } = this.cpus[thread.cpu].limits;
    return !this.ringer.hardware && this.ringer.cpu === thread.cpu ? wakeLocalNs : wakeRemoteNs;
  }

  private setWake(thread: VirtualThread, delayNs: number): void {
    const { jitter } = this.options;
    const lateNs = jitter > 0 ? delayNs * WAKE_JITTER_FACTOR * jitter * this.random.fraction() : 0;
    this.events.set(this.firstThread + thread.index, this.nowNs + delayNs + lateNs);
  }

  private setTick(thread: VirtualThread): void {
    this.events.set(this.firstTick + thread.index, thread.softirq!.policy.nextTickNs(this.nowNs));
  }

  /** ksoftirqd has the CPU, or its work runs inline: neither a tick nor a raiser lifts it now. */
  private cancelLifts(thread: VirtualThread): void {
    this.events.cancel(this.firstThread + thread.index);
    this.events.cancel(this.firstTick + thread.index);
  }
}

function schedulerOf(threads: readonly VirtualThread[], hosts: readonly HostPlan[], cpu: number): SchedulerLimits {
  const seated = threads.find((thread) => thread.cpu === cpu && thread.plan.host !== null);
  return (hosts.find(({ name }) => name === seated?.plan.host) ?? hosts[0]).scheduler;
}
