import type { Doorbell } from '../../memory/doorbell.ts';
import { CONTEXT_TICK } from '../../kernel/softirq-line.ts';
import type { SoftirqRaiser } from '../../kernel/softirq-line.ts';
import type { PollRound } from '../poll-round.ts';
import { nowNs } from './clock.ts';
import type { ThreadControl } from './thread-control.ts';

/** Rounds without work after which a spinning thread publishes its counters all the same. */
const IDLE_ROUNDS_PER_COMMIT = 256;

/** What a thread does between two calls of the main thread; it comes out between two polls when it is told to. */
export interface ThreadLoop {
  run(): void;
}

/** Parks, looks once more, and sleeps until rung if there is nothing to do and nobody calls the thread out. */
export function sleepIfIdle(round: PollRound, doorbell: Doorbell, control: ThreadControl): void {
  if (!round.park(doorbell)) return;
  if (!control.running) return doorbell.unpark();
  round.commit();
  doorbell.wait();
}

/** A thread of the modelled host or guest: polls until all is idle, arms, looks once more, sleeps on its doorbell. */
export class SleepingLoop implements ThreadLoop {
  private readonly round: PollRound;
  private readonly doorbell: Doorbell;
  private readonly control: ThreadControl;

  constructor(round: PollRound, doorbell: Doorbell, control: ThreadControl) {
    this.round = round;
    this.doorbell = doorbell;
    this.control = control;
  }

  run(): void {
    while (this.control.running) {
      if (this.round.poll(nowNs()) > 0) continue;
      sleepIfIdle(this.round, this.doorbell, this.control);
    }
    this.round.commit();
  }
}

/** The timer interrupt of one host, as hardware carries it. */
export class HostTimer {
  private readonly cpus: readonly SoftirqRaiser[];
  private readonly tickNs: number;
  private nextNs = 0;

  /** @param cpus softirq lines of the CPUs that it ticks for, `tickNs` apart. */
  constructor(cpus: readonly SoftirqRaiser[], tickNs: number) {
    this.cpus = cpus;
    this.tickNs = tickNs;
  }

  /** It matters to softirq only where ksoftirqd holds work: the interrupt's exit runs that work inline. */
  passTo(nowNs: number): void {
    if (nowNs < this.nextNs) return;
    this.nextNs = (Math.floor(nowNs / this.tickNs) + 1) * this.tickNs;
    for (const cpu of this.cpus) if (cpu.deferred) cpu.raise(CONTEXT_TICK);
  }
}

/** Hardware: time never stands still for it, so it never sleeps. It also carries the hosts' timer interrupts. */
export class SpinningLoop implements ThreadLoop {
  private readonly round: PollRound;
  private readonly control: ThreadControl;
  private readonly timers: readonly HostTimer[];

  constructor(round: PollRound, control: ThreadControl, timers: readonly HostTimer[]) {
    this.round = round;
    this.control = control;
    this.timers = timers;
  }

  run(): void {
    let idleRounds = 0;
    while (this.control.running) {
      const now = nowNs();
      if (this.round.poll(now) > 0) idleRounds = 0;
      else if (++idleRounds % IDLE_ROUNDS_PER_COMMIT === 0) this.round.commit();
      for (let i = 0; i < this.timers.length; i++) this.timers[i].passTo(now);
    }
    this.round.commit();
  }
}
