/**
 * Stock-taking: with every thread parked at a batch boundary, each frame and each buffer of a run is found exactly
 * once, or the run has failed.
 */
import type { AnyComponent, CounterName } from '../../../actors/component.ts';
import { GENERATOR, sentCounter } from '../../../actors/wire/generator.ts';
import { SINK, arrivedCounter } from '../../../actors/wire/sink.ts';
import { pageOf, placeOfCounter } from '../../metrics/derive/counters.ts';
import { UNEXPLAINED } from '../../../actors/kernel/devices.ts';
import { countFrames, flowOf } from '../../metrics/derive/frame-counts.ts';
import { planLanes } from '../../metrics/derive/lanes.ts';
import type { Lane } from '../../metrics/derive/lanes.ts';
import { takeSnapshot } from '../../metrics/derive/snapshot.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import { returnedIds } from '../../memory/frame-pool.ts';
import { ringIds } from '../../memory/id-ring.ts';
import { depotEntries } from '../../memory/magazine.ts';
import type { Host, Stock } from '../../runtime/host.ts';
import type { Plan } from '../../runtime/plan.ts';
import { findEachOnce } from './find-once.ts';
import type { Holding } from './find-once.ts';
import type { Ledger } from '../run/run-result.ts';

/** Takes stock of a paused host. What does not balance is named; nothing is thrown for it. */
export async function takeLedger(host: Host): Promise<Ledger> {
  // Actors take back what was returned to them while they count, so what is left is read after them.
  const stock = await host.takeStock();
  const snapshot = takeSnapshot(host);
  const lanes = planLanes(host.plan);
  const counts = ledgerCounts(lanes, snapshot);
  const inFlight = findInFlight(host.plan, snapshot, stock);
  const inFlightFrames = inFlight.reduce((sum, { frames }) => sum + frames, 0);
  const slots = findSlots(host, stock);
  const guests = host.plan.guests.map(({ vm, depot, addresses }) => {
    const held = stock.guestBuffers.filter((guest) => guest.vm === vm).flatMap((guest) => guest.addresses);
    const holdings = [
      { where: `held by ${vm}`, ids: held },
      { where: `${vm}'s depot`, ids: depotEntries(host.memory, depot) },
    ];
    return { vm, total: addresses.length, ...findEachOnce(`buffer of ${vm}`, addresses, holdings) };
  });
  const faults = [
    ...frameFaults(counts, inFlightFrames),
    ...laneFaults(lanes, snapshot),
    ...guestFaults(host.plan, lanes, snapshot, stock),
    ...streamFaults(host.plan, snapshot),
    ...slots.faults,
    ...guests.flatMap((guest) => guest.faults),
  ];
  return {
    balanced: faults.length === 0,
    ...counts,
    unexplainedFrames: countUnexplained(lanes, snapshot),
    inFlightFrames,
    inFlight,
    slots: { total: slots.total, foundOnce: slots.foundOnce },
    guestBuffers: guests.map(({ vm, total, foundOnce }) => ({ vm, total, foundOnce })),
    faults,
  };
}

/** What a ledger can say when the threads cannot be parked: the counters, and that nothing was counted by hand. */
export function ledgerNotTaken(host: Host, latest: Snapshot, why: string): Ledger {
  return {
    balanced: false,
    ...ledgerCounts(planLanes(host.plan), latest),
    unexplainedFrames: 0,
    inFlightFrames: 0,
    inFlight: [],
    slots: { total: 0, foundOnce: 0 },
    guestBuffers: [],
    faults: [`stock was not taken: ${why}`],
  };
}

type LedgerCounts = Pick<Ledger, 'sentFrames' | 'copiedFrames' | 'receivedFrames' | 'consumedFrames' | 'droppedFrames'>;

function ledgerCounts(lanes: readonly Lane[], snapshot: Snapshot): LedgerCounts {
  const { floodedFrames, begunFrames, ...counts } = countFrames(lanes, snapshot);
  return { ...counts, copiedFrames: floodedFrames + begunFrames };
}

/** What went into a real kernel and is in none of its accounts. */
function countUnexplained(lanes: readonly Lane[], snapshot: Snapshot): number {
  return lanes.reduce((sum, { actor, drops }) => {
    const index = drops.find(({ counter }) => counter === UNEXPLAINED)?.index;
    return index === undefined ? sum : sum + snapshot.counters.get(actor)![index];
  }, 0);
}

function findInFlight(plan: Plan, snapshot: Snapshot, stock: Stock): Ledger['inFlight'] {
  const rings = plan.rings.filter(({ carries }) => carries === 'frames');
  const places = [...rings, ...plan.wires].map(({ name }) => ({ where: name, frames: snapshot.depths.get(name)! }));
  return [
    ...places,
    { where: 'guests, virtqueues included', frames: stock.frames },
    { where: "queues of this machine's kernel", frames: stock.framesInKernel ?? 0 },
  ].filter(({ frames }) => frames !== 0);
}

function frameFaults(counts: LedgerCounts, inFlightFrames: number): string[] {
  const { sentFrames, copiedFrames, receivedFrames, consumedFrames, droppedFrames } = counts;
  const difference = sentFrames + copiedFrames - receivedFrames - consumedFrames - droppedFrames - inFlightFrames;
  if (difference === 0) return [];
  const what = difference > 0 ? `${difference} frames are unaccounted for` : `${-difference} frames came from nowhere`;
  return [
    `${what}: ${sentFrames} sent + ${copiedFrames} copies, against ${receivedFrames} received + ` +
      `${consumedFrames} consumed + ${droppedFrames} dropped + ${inFlightFrames} in flight`,
  ];
}

/** Every lane but a guest's hands on or drops all it took by the end of each poll. */
function laneFaults(lanes: readonly Lane[], snapshot: Snapshot): string[] {
  return lanes.flatMap((lane) => {
    if (lane.inIndexes.length === 0 || lane.outIndexes.length === 0 || lane.place === 'guest') return [];
    const { inFrames, outFrames, copiedFrames, droppedFrames } = flowOf(lane, snapshot);
    if (inFrames + copiedFrames === outFrames + droppedFrames) return [];
    const name = lane.name === '' ? lane.actor : `${lane.actor} ${lane.name}`;
    return [
      `${name} does not balance: ${inFrames} in + ${copiedFrames} copies, ${outFrames} out + ${droppedFrames} dropped`,
    ];
  });
}

/** What vhost or the VMM put into guests and has not taken out again was dropped there or is found there. */
function guestFaults(plan: Plan, lanes: readonly Lane[], snapshot: Snapshot, stock: Stock): string[] {
  // A NIC that serves a guest's queues itself puts frames there too, and its share cannot be told from here.
  const kinds = new Set(plan.threads.flatMap(({ actors }) => actors.map(({ spec }) => spec.kind)));
  if (kinds.has('vhost-accelerated') || kinds.has('vhost-control')) return [];
  let [entered, begun, left, consumed, dropped] = [0, 0, 0, 0, 0];
  for (const lane of lanes) {
    const flow = flowOf(lane, snapshot);
    const backend = lane.place === 'vhost' || lane.place === 'vmm';
    if (backend && lane.name === 'rx') entered += flow.outFrames;
    if (backend && lane.name === 'tx') left += flow.inFrames;
    if (lane.place === 'guest') {
      begun += flow.copiedFrames;
      consumed += flow.consumedFrames;
      dropped += flow.droppedFrames;
    }
  }
  if (entered + begun === left + consumed + dropped + stock.frames) return [];
  return [
    `guests do not balance: ${entered} frames entered, ${begun} began there, ${left} left, ${consumed} ended there, ` +
      `${dropped} were dropped, ` +
      `${stock.frames} found inside`,
  ];
}

/** What a sink counts of frames that it counts for no stream. */
const UNATTRIBUTED = ['rx_arp', 'rx_foreign', 'rx_corrupt', 'rx_duplicate'] as const;

/** Generators and sinks attribute each frame to a stream, or to a reason why not. */
function streamFaults(plan: Plan, snapshot: Snapshot): string[] {
  const actors = plan.threads.flatMap((thread) => thread.actors);
  return actors.flatMap((actor) => {
    const { name, spec } = actor;
    if (spec.kind !== 'generator' && spec.kind !== 'sink') return [];
    const page = pageOf(snapshot, name);
    const sumOf = <C extends AnyComponent>(component: C, names: readonly CounterName<NoInfer<C>>[]): number =>
      names.reduce((sum, counter) => sum + page[placeOfCounter(component, actor, counter)], 0);
    const streams = plan.streams.filter((stream) => stream[spec.kind] === name).map((stream) => stream.name);
    const [total, attributed] =
      spec.kind === 'generator'
        ? [sumOf(GENERATOR, ['tx_packets']), sumOf(GENERATOR, streams.map(sentCounter))]
        : [sumOf(SINK, ['rx_packets']), sumOf(SINK, [...streams.map(arrivedCounter), ...UNATTRIBUTED])];
    return total === attributed ? [] : [`${name} counted ${total} frames and attributed ${attributed}`];
  });
}

/** Host slots: in rings of any kind, or in an actor's hands. */
function findSlots(host: Host, stock: Stock): { total: number; foundOnce: number; faults: string[] } {
  const { plan, memory } = host;
  const ids = plan.pools.flatMap(({ firstId, slots }) => Array.from({ length: slots }, (_, i) => firstId + i));
  const holdings: Holding[] = [
    { where: 'held by actors', ids: stock.slots },
    ...plan.rings.map(({ name, ring }) => ({ where: name, ids: ringIds(memory, ring) })),
    ...plan.slotMemories.map((slots) => ({ where: 'on the way home', ids: returnedIds(memory, slots) })),
  ];
  return { total: ids.length, ...findEachOnce('slot', ids, holdings) };
}
