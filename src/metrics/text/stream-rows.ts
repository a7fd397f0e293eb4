import type { Plan } from '../../runtime/plan.ts';
import type { Snapshot } from '../derive/snapshot.ts';

/** Frames of one stream between two snapshots: asked for, sent, and arrived intact and new at its sink. */
export interface StreamRow {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly offeredFrames: number;
  readonly sentFrames: number;
  readonly deliveredFrames: number;
}

/** Where a stream's counters lie. */
interface StreamMeter {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly offered: CounterPlace;
  readonly sent: CounterPlace;
  readonly delivered: CounterPlace;
}

interface CounterPlace {
  readonly actor: string;
  readonly index: number;
}

/** Finds the counters of every stream of a plan. @throws when an actor does not count a stream it serves. */
export function planStreamMeters(plan: Plan): StreamMeter[] {
  const actors = new Map(plan.threads.flatMap(({ actors }) => actors.map((actor) => [actor.name, actor] as const)));
  const find = (actor: string, counter: string): CounterPlace => {
    const index = actors.get(actor)?.counters.findIndex(({ name }) => name === counter) ?? -1;
    if (index < 0) throw new Error(`${actor} has no counter ${counter}`);
    return { actor, index };
  };
  return plan.streams.map(({ name, from, to, generator, sink }) => ({
    name,
    from,
    to,
    offered: find(generator, `offered_${name}`),
    sent: find(generator, `tx_${name}`),
    delivered: find(sink, `rx_${name}`),
  }));
}

export function streamRows(meters: readonly StreamMeter[], before: Snapshot, after: Snapshot): StreamRow[] {
  const growth = ({ actor, index }: CounterPlace): number =>
    (after.counters.get(actor)?.[index] ?? 0) - (before.counters.get(actor)?.[index] ?? 0);
  return meters.map(({ name, from, to, offered, sent, delivered }) => ({
    name,
    from,
    to,
    offeredFrames: growth(offered),
    sentFrames: growth(sent),
    deliveredFrames: growth(delivered),
  }));
}
