import type { Snapshot } from '../../src/metrics/derive/snapshot.ts';
import type { Plan } from '../../src/runtime/plan.ts';

/** Frames that arrived whole at any sink so far. */
export function deliveredFrames(plan: Plan, snapshot: Snapshot): number {
  return plan.streams.reduce((sum, { name, sink }) => sum + countOf(plan, snapshot, sink, `rx_${name}`), 0);
}

/** Frames that any generator has sent so far. */
export function sentFrames(plan: Plan, snapshot: Snapshot): number {
  return plan.streams.reduce((sum, { name, generator }) => sum + countOf(plan, snapshot, generator, `tx_${name}`), 0);
}

function countOf({ threads }: Plan, { counters }: Snapshot, actor: string, counter: string): number {
  const plan = threads.flatMap(({ actors }) => actors).find(({ name }) => name === actor)!;
  return counters.get(actor)![plan.counters.findIndex(({ name }) => name === counter)];
}
