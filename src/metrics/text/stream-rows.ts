import type { AnyComponent, CounterName } from '../../../actors/component.ts';
import { GENERATOR, offeredCounter, sentCounter } from '../../../actors/wire/generator.ts';
import { SINK, arrivedCounter } from '../../../actors/wire/sink.ts';
import { pageOf, placeOfCounter } from '../derive/counters.ts';
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
  const find = <C extends AnyComponent>(component: C, actor: string, counter: CounterName<C>): CounterPlace => {
    return { actor, index: placeOfCounter(component, actors.get(actor)!, counter) };
  };
  return plan.streams.map(({ name, from, to, generator, sink }) => ({
    name,
    from,
    to,
    offered: find(GENERATOR, generator, offeredCounter(name)),
    sent: find(GENERATOR, generator, sentCounter(name)),
    delivered: find(SINK, sink, arrivedCounter(name)),
  }));
}

export function streamRows(meters: readonly StreamMeter[], before: Snapshot, after: Snapshot): StreamRow[] {
  const growth = ({ actor, index }: CounterPlace): number => pageOf(after, actor)[index] - pageOf(before, actor)[index];
  return meters.map(({ name, from, to, offered, sent, delivered }) => ({
    name,
    from,
    to,
    offeredFrames: growth(offered),
    sentFrames: growth(sent),
    deliveredFrames: growth(delivered),
  }));
}
