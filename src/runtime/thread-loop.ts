import type { Actor } from '../../actors/actor.ts';
import type { Doorbell } from '../memory/doorbell.ts';
import { nowNs } from './clock.ts';
import type { CpuBurner } from './cpu-burn.ts';
import type { ThreadControl } from './thread-control.ts';

/** Frames an actor may move in one poll. Drivers and workers have limits of their own below or above it. */
export const POLL_BUDGET = 64;
/** A sleeper that nobody rings looks again after this: a safety net that no correct run needs. */
const SLEEP_MS_MAX = 1000;
/** Rounds without work after which a spinning thread publishes its counters all the same. */
const IDLE_ROUNDS_PER_COMMIT = 256;

/** What one thread of the run does all day. */
export interface ThreadLoopParts {
  readonly actors: readonly Actor[];
  readonly doorbell: Doorbell;
  readonly control: ThreadControl;
  readonly burner: CpuBurner;
  /** Hardware: time never stands still for it, so it never sleeps. */
  readonly spins: boolean;
}

/**
 * Polls the actors of one thread until all are idle, turns their notifications on, looks once more, and sleeps on the
 * thread's doorbell. Comes out when the control word says so, always between two polls.
 */
export class ThreadLoop {
  private readonly actors: readonly Actor[];
  private readonly doorbell: Doorbell;
  private readonly control: ThreadControl;
  private readonly burner: CpuBurner;
  private readonly spins: boolean;

  constructor(parts: ThreadLoopParts) {
    this.actors = parts.actors;
    this.doorbell = parts.doorbell;
    this.control = parts.control;
    this.burner = parts.burner;
    this.spins = parts.spins;
  }

  /** Runs until called out. */
  run(): void {
    if (this.spins) this.spin();
    else this.pollAndSleep();
    this.commit();
  }

  private spin(): void {
    let idleRounds = 0;
    while (this.control.running) {
      if (this.round(nowNs()) > 0) idleRounds = 0;
      else if (++idleRounds % IDLE_ROUNDS_PER_COMMIT === 0) this.commit();
    }
  }

  private pollAndSleep(): void {
    while (this.control.running) {
      if (this.round(nowNs()) > 0) continue;
      this.doorbell.park();
      if (this.armed() && this.control.running) {
        this.commit();
        this.doorbell.wait(SLEEP_MS_MAX);
      } else {
        this.doorbell.unpark();
      }
    }
  }

  /** Polls every actor once, in order; burns what each declared; returns the frames moved. */
  private round(now: number): number {
    const actors = this.actors;
    let moved = 0;
    for (let i = 0; i < actors.length; i++) {
      const actor = actors[i];
      const n = actor.poll(POLL_BUDGET, now);
      if (actor.debtNs > 0) this.settle(actor);
      if (n > 0) {
        moved += n;
        actor.commit();
      }
    }
    return moved;
  }

  /** Every actor turns its notifications on and looks again. */
  private armed(): boolean {
    const actors = this.actors;
    let quiet = true;
    for (let i = 0; i < actors.length; i++) {
      if (!actors[i].arm()) quiet = false;
      if (actors[i].debtNs > 0) this.settle(actors[i]);
    }
    return quiet;
  }

  private settle(actor: Actor): void {
    const ns = actor.debtNs;
    actor.debtNs = 0;
    this.burner.burn(ns);
  }

  private commit(): void {
    for (const actor of this.actors) actor.commit();
  }
}
