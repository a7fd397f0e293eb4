/** The path as counters tell it: each way through each actor of a plan, as its component describes it. */
import { componentOf, placeOf } from '../../../actors/registry.ts';
import type { DropPlace, Place } from '../../../actors/registry.ts';
import type { CounterRole, CounterSpec } from '../../../actors/actor.ts';
import type { PortTable, Queue } from '../../../actors/component.ts';
import type { Region } from '../../memory/arena.ts';
import type { ActorPlan, Plan } from '../../runtime/plan.ts';

/** A ring or wire that frames wait in before a lane. */
export interface LaneInput {
  /** Its name in `Snapshot.depths`. */
  readonly name: string;
  /** Frames it may hold. */
  readonly limit: number;
}

/** A reason for frames to end in a lane. */
export interface LaneDrop {
  readonly index: number;
  readonly counter: string;
  readonly reason: string;
  readonly place: DropPlace;
}

/** One way through one actor. Indexes are into the actor's counter page. */
export interface Lane {
  readonly actor: string;
  readonly place: Place;
  /** The VM of a vCPU, otherwise null. */
  readonly vm: string | null;
  /** `rx`, `tx`, `backlog`; empty for an actor that has one lane only. */
  readonly name: string;
  /** None for a generator, where frames begin. */
  readonly inIndexes: readonly number[];
  /** None for a sink, where frames end as they should. */
  readonly outIndexes: readonly number[];
  readonly cloneIndexes: readonly number[];
  /** Frames that ended here because they had done their job. */
  readonly consumeIndexes: readonly number[];
  readonly drops: readonly LaneDrop[];
  readonly inputs: readonly LaneInput[];
}

/** Every lane of a run, in the order a frame passes them. */
export function planLanes(plan: Plan): Lane[] {
  const inputs = inputsByRegion(plan);
  const placed = plan.threads.flatMap(({ actors, vm }) => actors.flatMap((actor) => lanesOf(actor, vm, inputs)));
  return placed.sort((a, b) => a.position - b.position).map(({ lane }) => lane);
}

function lanesOf(
  actor: ActorPlan,
  vm: string | null,
  inputs: ReadonlyMap<string, LaneInput>,
): { readonly lane: Lane; readonly position: number }[] {
  const { lanes } = componentOf(actor.spec.kind);
  const place = placeOf(actor.spec);
  const names = Object.keys(lanes);
  return names.map((name) => ({
    position: lanes[name],
    lane: {
      actor: actor.name,
      place,
      vm: place === 'guest' ? vm : null,
      name: names.length === 1 ? '' : name,
      inIndexes: indexesOf(actor.counters, name, 'in'),
      outIndexes: indexesOf(actor.counters, name, 'out'),
      cloneIndexes: indexesOf(actor.counters, name, 'clone'),
      consumeIndexes: indexesOf(actor.counters, name, 'consume'),
      drops: actor.counters.flatMap((counter, index): LaneDrop[] =>
        counter.role === 'drop' && counter.lane === name
          ? [{ index, counter: counter.name, reason: counter.reason, place: counter.place ?? place }]
          : [],
      ),
      inputs: waitingBefore(actor, name).flatMap(({ region }) => inputs.get(keyOf(region)) ?? []),
    },
  }));
}

function indexesOf(counters: readonly CounterSpec[], lane: string, role: CounterRole): number[] {
  return counters.flatMap((counter, index) =>
    counter.role === role && counter.role !== 'event' && counter.lane === lane ? [index] : [],
  );
}

/** What frames wait in before a lane, in the order in which the actor was connected; virtqueues are not of the plan. */
function waitingBefore(actor: ActorPlan, lane: string): readonly Queue[] {
  const ports = Object.values(componentOf(actor.spec.kind).ports as PortTable);
  return actor.attachments.flatMap(({ port, link }) => {
    const waiting = ports.find(({ name }) => name === port)?.waiting[lane];
    return waiting === undefined ? [] : waiting(link);
  });
}

function inputsByRegion(plan: Plan): Map<string, LaneInput> {
  return new Map([
    ...plan.rings.map(({ name, ring, limit }) => [keyOf(ring.region), { name, limit }] as const),
    ...plan.wires.map(({ name, wire }) => [keyOf(wire.region), { name, limit: wire.cells }] as const),
  ]);
}

/** Tells regions apart: two ends of one ring name the same. */
export function keyOf(region: Region): string {
  return `${region.buffer}:${region.offsetBytes}`;
}
