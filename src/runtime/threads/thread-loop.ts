import type { Doorbell } from '../../memory/doorbell.ts';
import { CONTEXT_TICK } from '../../kernel/softirq-line.ts';
import type { SoftirqRaiser } from '../../kernel/softirq-line.ts';
import { nowNs } from './clock.ts';
import type { ThreadControl } from './thread-control.ts';
import type { ThreadRound } from './thread-round.ts';

/** Rounds without work after which a spinning thread publishes its counters all the same. */
const IDLE_ROUNDS_PER_COMMIT = 256;

/** What a thread does between two calls of the main thread; it comes out between two polls when it is told to. */
export interface ThreadLoop {
  run(): void;
}

/** A thread of the modelled host or guest: polls until all is idle, arms, looks once more, sleeps on its doorbell. */
export class SleepingLoop implements ThreadLoop {
  private readonly round: ThreadRound;
  private readonly doorbell: Doorbell;
  private readonly control: ThreadControl;

  constructor(round: ThreadRound, doorbell: Doorbell, control: ThreadControl) {
    this.round = round;
    this.doorbell = doorbell;
    this.control = control;
  }

  run(): void {
    while (this.control.running) {
      if (this.round.poll(nowNs()) > 0) continue;
      this.doorbell.park();
      if (this.round.arm() && this.control.running) {
        this.round.commit();
        this.doorbell.wait();
      } else {
        this.doorbell.unpark();
      }
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
  private readonly round: ThreadRound;
  private readonly control: ThreadControl;
  private readonly timers: readonly HostTimer[];

  constructor(round: ThreadRound, control: ThreadControl, timers: readonly HostTimer[]) {
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
