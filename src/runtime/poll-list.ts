import type { Memory } from '../memory/arena.ts';
import { PendingQueue } from '../memory/pending-queue.ts';
import type { ThreadPlan } from './plan.ts';

/**
 * Which actors of a thread a round polls: those that look for work in every round, in the order of the plan, and then
 * those whose input announced frames to this thread.
 */
export class PollList {
  /** Indexes of actors that are polled in every round. */
  readonly always: readonly number[];
  private readonly pending: PendingQueue | null;
  /** Of actors that are announced: the index by number, and the number by index. */
  private readonly indexes: readonly number[];
  private readonly numbers: readonly number[];

  constructor(memory: Memory, { actors, pending }: Pick<ThreadPlan, 'actors' | 'pending'>) {
    this.numbers = actors.map(({ announced }) => announced ?? -1);
    const all = actors.map((_, index) => index);
    this.always = all.filter((index) => this.numbers[index] < 0);
    const announced = all.filter((index) => this.numbers[index] >= 0);
    this.indexes = announced.sort((a, b) => this.numbers[a] - this.numbers[b]);
    this.pending = pending === null ? null : new PendingQueue(memory, pending);
    this.addAll();
  }

  /** Has every actor polled in the next round: its ports may have changed. */
  addAll(): void {
    for (const index of this.indexes) this.leftOver(index);
  }

  /** Has an actor polled again in the next round that may have left something, whoever is announced. */
  leftOver(index: number): void {
    if (this.numbers[index] >= 0) this.pending!.push(this.numbers[index]);
  }

  /** Takes notice of announcements. @returns how many actors `next` can give. */
  collect(): number {
    return this.pending === null ? 0 : this.pending.collect();
  }

  /** The index of the next announced actor. */
  next(): number {
    return this.indexes[this.pending!.shift()];
  }

  /** True when no announced actor is to be polled: the look before sleeping. */
  get quiet(): boolean {
    return this.pending === null || this.pending.empty;
  }
}
