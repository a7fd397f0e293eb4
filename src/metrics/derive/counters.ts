/** Counters read by the names that their component gives them: one that is not kept is an error, never a zero. */
import type { AnyComponent, CounterName } from '../../../actors/component.ts';
import type { ActorPlan } from '../../runtime/plan.ts';
import type { Snapshot } from './snapshot.ts';

/** What was counted, by actor and counter. */
export type CounterTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Reads counters of one actor, which is of that component. @throws for one that it does not keep. */
export function counterOf<C extends AnyComponent>(
  { kind }: C,
  counters: CounterTable,
  actor: string,
  name: CounterName<NoInfer<C>>,
): number {
  const value = counters[actor]?.[name];
  if (value === undefined) throw new Error(`no counter ${name} of ${actor} in these results: is it a ${kind}?`);
  return value;
}

/** Whether an actor keeps that counter: on host kernel another component may stand under its name. */
export function keepsCounter<C extends AnyComponent>(
  _component: C,
  counters: CounterTable,
  actor: string,
  name: CounterName<NoInfer<C>>,
): boolean {
  return counters[actor]?.[name] !== undefined;
}

/** Where a counter lies in the page of an actor. @throws for an actor of another component, and a counter it lacks. */
export function placeOfCounter<C extends AnyComponent>(
  { kind }: C,
  { name: actor, spec, counters }: Pick<ActorPlan, 'name' | 'spec' | 'counters'>,
  name: CounterName<NoInfer<C>>,
): number {
  if (spec.kind !== kind) throw new Error(`${actor} is a ${spec.kind}, no ${kind}`);
  const index = counters.findIndex((counter) => counter.name === name);
  if (index < 0) throw new Error(`${actor} keeps no counter ${name}`);
  return index;
}

/** The page of an actor that counts. @throws for one that does not. */
export function pageOf({ counters }: Pick<Snapshot, 'counters'>, actor: string): Float64Array {
  const page = counters.get(actor);
  if (page === undefined) throw new Error(`${actor} keeps no counters`);
  return page;
}
