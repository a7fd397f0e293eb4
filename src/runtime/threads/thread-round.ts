import type { Actor } from '../../../actors/actor.ts';
import type { CpuBurner } from './cpu-burn.ts';
import type { PollList } from '../poll-list.ts';

/** Frames an actor may move in one poll. Drivers and workers have limits of their own below or above it. */
export const POLL_BUDGET = 64;

/** The actors of one thread, polled in order: what every kind of thread does, whatever decides when it does it. */
export class ThreadRound {
  private readonly actors: readonly Actor[];
  private readonly list: PollList;
  private readonly burner: CpuBurner;
  /** Frames that the first actor moved in the last round. */
  firstMoved = 0;

  constructor(actors: readonly Actor[], list: PollList, burner: CpuBurner) {
    this.actors = actors;
    this.list = list;
    this.burner = burner;
  }

  /** Polls every actor that may have work once; burns what each declared; returns the frames moved. */
  poll(nowNs: number): number {
    const { actors, list } = this;
    const { always } = list;
    let moved = 0;
    for (let i = 0; i < always.length; i++) {
      const n = this.pollOne(actors[always[i]], nowNs);
      if (i === 0) this.firstMoved = n;
      moved += n;
    }
    for (let turns = list.collect(); turns > 0; turns--) {
      const index = list.next();
      const n = this.pollOne(actors[index], nowNs);
      if (n >= POLL_BUDGET) list.leftOver(index);
      moved += n;
    }
    return moved;
  }

  private pollOne(actor: Actor, nowNs: number): number {
    const n = actor.poll(POLL_BUDGET, nowNs);
    if (actor.debtNs > 0) this.settle(actor);
    if (n > 0) actor.commit();
    return n;
  }

  /** Has every actor turn its notifications on and look again; true when all of them may sleep. */
  arm(): boolean {
    const { actors, list } = this;
    let { quiet } = list;
    for (let i = 0; i < list.always.length; i++) {
      const actor = actors[list.always[i]];
      if (!actor.arm()) quiet = false;
      if (actor.debtNs > 0) this.settle(actor);
    }
    return quiet;
  }

  /** Publishes the counters of actors that count in polls which move nothing. */
  commit(): void {
    const { actors, list } = this;
    for (let i = 0; i < list.always.length; i++) actors[list.always[i]].commit();
  }

  private settle(actor: Actor): void {
    const ns = actor.debtNs;
    actor.debtNs = 0;
    this.burner.burn(ns);
  }
}
