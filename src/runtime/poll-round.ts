/**
 * The poll round: what a thread does with its actors, whatever host runs it and whatever decides when. Both hosts run
 * this code; they differ only in how the time is paid that an actor took (RoundAccounts), and in who sleeps how.
 */
import type { Actor } from '../../actors/actor.ts';
import { Softirq } from '../../actors/host/softirq.ts';
import type { Doorbell } from '../memory/doorbell.ts';
import type { PollList } from './poll-list.ts';

/** Frames an actor may move in one poll. Drivers and workers have limits of their own below or above it. */
export const POLL_BUDGET = 64;

/** How a host has a thread pay for its actors' work. Called for every poll: it allocates nothing. */
export interface RoundAccounts {
  /** The actor of number `index` was polled, and moved `frames`; `debtNs` is what it declared, to be set to 0. */
  polled(actor: Actor, index: number, frames: number): void;
  /** The actor was armed, and may have declared something for that. */
  armed(actor: Actor): void;
}

export class PollRound {
  /** The actor by which this is a softirq thread; null on all others. */
  readonly softirq: Softirq | null;
  /** Frames that NAPI polls moved in the last round: those of the actor `softirq`. */
  napiFrames = 0;
  private readonly thread: string;
  private readonly actors: readonly Actor[];
  private readonly list: PollList;
  private readonly accounts: RoundAccounts;
  private readonly softirqAt: number;

  /** @param thread its name, for errors. */
  constructor(thread: string, actors: readonly Actor[], list: PollList, accounts: RoundAccounts) {
    this.thread = thread;
    this.actors = actors;
    this.list = list;
    this.accounts = accounts;
    this.softirq = actors.find((actor) => actor instanceof Softirq) ?? null;
    this.softirqAt = this.softirq === null ? -1 : actors.indexOf(this.softirq);
  }

  /**
   * Polls every actor that may have work once. @returns the frames moved.
   * @throws what an actor throws, with its name.
   */
  poll(nowNs: number): number {
    const { actors, list, accounts, softirqAt } = this;
    const { always } = list;
    let moved = 0;
    let at = 0;
    try {
      for (let i = 0; i < always.length; i++) {
        at = always[i];
        const n = actors[at].poll(POLL_BUDGET, nowNs);
        accounts.polled(actors[at], at, n);
        if (at === softirqAt) this.napiFrames = n;
        moved += n;
      }
      for (let turns = list.collect(); turns > 0; turns--) {
        at = list.next();
        const n = actors[at].poll(POLL_BUDGET, nowNs);
        accounts.polled(actors[at], at, n);
        if (n >= POLL_BUDGET) list.leftOver(at);
        moved += n;
      }
    } catch (error) {
      throw this.failure(at, error);
    }
    return moved;
  }

  /** Has every actor turn its notifications on and look again. @returns true when all of them may sleep. */
  arm(): boolean {
    const { actors, list, accounts } = this;
    const { always } = list;
    let { quiet } = list;
    let at = 0;
    try {
      for (let i = 0; i < always.length; i++) {
        at = always[i];
        if (!actors[at].arm()) quiet = false;
        accounts.armed(actors[at]);
      }
    } catch (error) {
      throw this.failure(at, error);
    }
    return quiet;
  }

  /**
   * After a softirq round, the NAPI instances that keep its visit open: those on the poll list, and when there is none,
   * one for what bridge or tap has left over. In Linux that is moved on within the call chain of the poll it came by.
   */
  scheduled(): number {
    const { scheduled } = this.softirq!;
    return scheduled > 0 || this.arm() ? scheduled : 1;
  }

  /** Parks and looks once more. @returns true when the thread may sleep on `doorbell`; otherwise it is not parked. */
  park(doorbell: Doorbell): boolean {
    doorbell.park();
    if (this.arm()) return true;
    doorbell.unpark();
    return false;
  }

  /** Publishes the counters of actors that count in polls which move nothing: those polled in every round. */
  commit(): void {
    const { actors, list } = this;
    for (let i = 0; i < list.always.length; i++) actors[list.always[i]].commit();
  }

  private failure(at: number, cause: unknown): Error {
    const message = cause instanceof Error ? cause.message : String(cause);
    return new Error(`actor ${this.actors[at].name} on thread ${this.thread}: ${message}`, { cause });
  }
}
