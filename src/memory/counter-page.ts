/**
 * Counters as 64-bit floats, exact to 2^53. An actor counts in private numbers and commits them once a poll to its own
 * words of shared memory; nobody else writes there. Aligned 8-byte stores do not tear on the machines Node runs on.
 */
import type { Memory, Region } from './arena.ts';
import type { Arena } from './arena.ts';

/** Reserves the shared words for `count` counters. */
export function reserveCounters(arena: Arena, count: number): Region {
  return arena.reserve(count * 8);
}

/** The writer's end. `values[i]` is counter i; the owner adds to it freely. */
export class CounterPage {
  readonly values: Float64Array;
  private readonly shared: Float64Array;

  constructor(memory: Memory, region: Region) {
    this.shared = memory.doubles(region);
    this.values = this.shared.slice();
  }

  /** Publishes the private numbers. Once a poll. */
  commit(): void {
    const values = this.values;
    const shared = this.shared;
    for (let i = 0; i < values.length; i++) shared[i] = values[i];
  }
}
