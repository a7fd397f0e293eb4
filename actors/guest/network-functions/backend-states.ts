/**
 * Between a control plane and a function that spreads clients over backends: what each backend is to take, and how far
 * the function has followed.
 */
import type { Memory, Region } from '../../../src/memory/arena.ts';

/* The words of `states`: how often they were changed, then one for each backend. */
export const BACKEND_CHANGES_WORD = 0;
export const FIRST_BACKEND_WORD = 1;

/** In rotation. */
export const BACKEND_IN = 0;
/** Keeps the connections it has and takes no new ones. */
export const BACKEND_DRAINED = 1;
/** Takes nothing. */
export const BACKEND_OUT = 2;

/* The words of `accounts`: which change was followed, then connections by backend, kept while any backend is drained. */
export const FOLLOWED_WORD = 0;
export const FIRST_CONNECTIONS_WORD = 1;

export interface BackendStatesConfig {
  /** Guest memory where the control plane says what each backend takes; one for all vCPUs. */
  readonly states: Region;
  /** Guest memory where this vCPU says how far it has followed that, and how many connections it has. */
  readonly accounts: Region;
}

/** The function's side. Allocates nothing after construction. */
export class BackendStates {
  /** What was said when it was followed last, by backend. */
  readonly stateOf: Int32Array;
  /** Whether any backend is drained. */
  draining = false;
  private readonly states: Int32Array;
  private readonly accounts: Int32Array;
  private changesSeen = -1;

  constructor(memory: Memory, { states, accounts }: BackendStatesConfig, backends: number) {
    this.stateOf = new Int32Array(backends);
    this.states = memory.words(states);
    this.accounts = memory.words(accounts);
  }

  /** Once a batch. @param live connections by backend. @returns whether `stateOf` may have changed. */
  follow(live: Int32Array): boolean {
    const { states, stateOf } = this;
    const changes = Atomics.load(states, BACKEND_CHANGES_WORD);
    if (changes === this.changesSeen) {
      if (this.draining) this.publish(live);
      return false;
    }
    this.changesSeen = changes;
    this.draining = false;
    for (let i = 0; i < stateOf.length; i++) {
      stateOf[i] = Atomics.load(states, FIRST_BACKEND_WORD + i);
      if (stateOf[i] === BACKEND_DRAINED) this.draining = true;
    }
    this.publish(live);
    // Last: who sees that the change was followed sees the connections of then.
    Atomics.store(this.accounts, FOLLOWED_WORD, changes);
    return true;
  }

  private publish(live: Int32Array): void {
    for (let i = 0; i < live.length; i++) Atomics.store(this.accounts, FIRST_CONNECTIONS_WORD + i, live[i]);
  }
}
