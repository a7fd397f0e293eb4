import type { Actor } from '../../actors/actor.ts';
import type { CpuBurner } from './cpu-burn.ts';

/** Frames an actor may move in one poll. Drivers and workers have limits of their own below or above it. */
export const POLL_BUDGET = 64;

/** The actors of one thread, polled in order: what every kind of thread does, whatever decides when it does it. */
export class ThreadRound {
  private readonly actors: readonly Actor[];
  private readonly burner: CpuBurner;
  /** Frames that the first actor moved in the last round. */
  firstMoved = 0;

  constructor(actors: readonly Actor[], burner: CpuBurner) {
    this.actors = actors;
    this.burner = burner;
  }

  /** Polls every actor once; burns what each declared; returns the frames moved. */
  poll(nowNs: number): number {
    const actors = this.actors;
    let moved = 0;
    for (let i = 0; i < actors.length; i++) {
      const actor = actors[i];
      const n = actor.poll(POLL_BUDGET, nowNs);
      if (i === 0) this.firstMoved = n;
      if (actor.debtNs > 0) this.settle(actor);
      if (n > 0) {
        moved += n;
        actor.commit();
      }
    }
    return moved;
  }

  /** Has every actor turn its notifications on and look again; true when all of them may sleep. */
  arm(): boolean {
    const actors = this.actors;
    let quiet = true;
    for (let i = 0; i < actors.length; i++) {
      if (!actors[i].arm()) quiet = false;
      if (actors[i].debtNs > 0) this.settle(actors[i]);
    }
    return quiet;
  }

  commit(): void {
    for (const actor of this.actors) actor.commit();
  }

  private settle(actor: Actor): void {
    const ns = actor.debtNs;
    actor.debtNs = 0;
    this.burner.burn(ns);
  }
}
