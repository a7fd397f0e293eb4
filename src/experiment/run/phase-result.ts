/** From the snapshots at both ends of a phase to what is reported of it. */
import type { CounterName } from '../../../actors/component.ts';
import { KERNEL_END } from '../../../actors/kernel/devices.ts';
import { SINK } from '../../../actors/wire/sink.ts';
import { counterOf, pageOf } from '../../metrics/derive/counters.ts';
import type { CounterTable } from '../../metrics/derive/counters.ts';
import { counterGrowth } from '../../metrics/derive/hops.ts';
import { planLanes } from '../../metrics/derive/lanes.ts';
import { addHistograms, histogramGrowth, summariseHistogram } from '../../metrics/derive/latency.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import { planStreamMeters, streamRows } from '../../metrics/text/stream-rows.ts';
import { threadShares } from '../../metrics/derive/thread-shares.ts';
import type { Host } from '../../runtime/host.ts';
import type { Plan } from '../../runtime/plan.ts';
import { formatRate } from '../../scenario/text/quantities.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import { streamRatesFps } from '../../scenario/stream-rates.ts';
import { countLosses } from './losses.ts';
import type { Losses } from './losses.ts';
import { describeConnections } from './connection-result.ts';
import { describeLateness } from './lateness.ts';
import type {
  CoreResult,
  DropCount,
  EndResult,
  LatencyResult,
  PhaseResult,
  StreamResult,
  TotalResult,
} from './run-result.ts';

/** One phase as it was passed through. */
export interface PassedPhase {
  readonly spec: PhaseSpec;
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly complete: boolean;
  readonly cores: readonly CoreResult[] | null;
  readonly throttling: PhaseResult['throttling'];
}

/** Encodes a latency histogram, where the document wants it. */
export type EncodeHistogram = (counts: Float64Array) => Promise<string>;

/** What the run was doing between two snapshots of it. */
export async function describePhase(
  host: Pick<Host, 'plan' | 'places'>,
  scenario: Scenario,
  phase: PassedPhase,
  encode: EncodeHistogram | null,
): Promise<PhaseResult> {
  const { plan, places } = host;
  const { spec, before, after, complete, cores, throttling } = phase;
  const drops = countDrops(plan, before, after);
  const ratesFps = requestedFps(scenario, spec);
  const counters = counterTable(plan, before, after);
  const foreignFrames = plan.ports.reduce((sum, { sink }) => sum + counterOf(SINK, counters, sink, 'rx_foreign'), 0);
  const droppedFrames = drops.reduce((sum, { frames }) => sum + frames, 0);
  const losses = countLosses(planLanes(plan), before, after, { droppedFrames, foreignFrames });
  const streams = describeStreams(plan, ratesFps, before, after, losses.lostFrames > 0);
  const connections = describeConnections(plan, scenario, spec, before, after);
  const ends = describeEnds(plan, counters);
  const arrivals = plan.streams.map(({ name }) => histogramGrowth(before.latency.get(name)!, after.latency.get(name)!));
  const latency: LatencyResult[] = [];
  for (const [i, { name }] of plan.streams.entries()) {
    const summary = summariseHistogram(arrivals[i]);
    const hdr = encode === null || summary === null ? null : await encode(arrivals[i]);
    latency.push({ stream: name, summary, hdr });
  }
  return {
    name: spec.name,
    rate: formatRate(spec.rate),
    beganAtNs: before.atNs,
    durationNs: spec.durationNs,
    elapsedNs: after.atNs - before.atNs,
    complete,
    streams,
    connections,
    ends,
    total: totalOf({ streams, connections, ends, losses }),
    drops,
    latency,
    latencyAll: summariseHistogram(addHistograms(arrivals)),
    lateness: describeLateness(plan, scenario, ratesFps, counters, [before, after]),
    threads: threadShares(places, before, after),
    cores,
    throttling,
    counters,
  };
}

/** Frames/s of each stream in a phase, in the order of the plan's streams. */
export function requestedFps(scenario: Scenario, { rate }: Pick<PhaseSpec, 'rate'>): number[] {
  return streamRatesFps({ ports: scenario.ports, streams: scenario.traffic.streams }, rate);
}

/** Every place and reason that ended frames, most first. `before` null counts from the beginning. */
export function countDrops(plan: Plan, before: Snapshot | null, after: Snapshot): DropCount[] {
  return planLanes(plan)
    .flatMap(({ actor, drops }) => {
      const grown = growthSince(actor, before, after);
      return drops.map(({ index, place, counter, reason }) => ({
        place,
        actor,
        counter,
        reason,
        frames: grown[index],
      }));
    })
    .filter(({ frames }) => frames > 0)
    .sort((a, b) => b.frames - a.frames);
}

/** Counters by actor and name. `before` null counts from the beginning. */
export function counterTable(plan: Plan, before: Snapshot | null, after: Snapshot): CounterTable {
  const actors = plan.threads.flatMap((thread) => thread.actors).filter(({ counters }) => counters.length > 0);
  return Object.fromEntries(
    actors.map(({ name, counters }) => {
      const grown = growthSince(name, before, after);
      return [name, Object.fromEntries(counters.map((counter, i) => [counter.name, grown[i]]))];
    }),
  );
}

function growthSince(actor: string, before: Snapshot | null, after: Snapshot): Float64Array {
  return before === null ? pageOf(after, actor) : counterGrowth(actor, before, after);
}

function describeStreams(
  plan: Plan,
  ratesFps: readonly number[],
  before: Snapshot,
  after: Snapshot,
  anythingLost: boolean,
): StreamResult[] {
  return streamRows(planStreamMeters(plan), before, after).map((row, i) => {
    // With nothing lost anywhere the difference is what was under way at either end.
    const lost = anythingLost ? Math.max(0, row.sentFrames - row.deliveredFrames) : 0;
    return { ...row, requestedFps: ratesFps[i], lossRatio: row.sentFrames === 0 ? null : lost / row.sentFrames };
  });
}

function describeEnds({ ends }: Plan, counters: CounterTable): EndResult[] {
  return ends.map(({ name, port }) => {
    const of = (counter: CounterName<typeof KERNEL_END>): number => counterOf(KERNEL_END, counters, name, counter);
    return {
      port,
      sentFrames: of('tx_packets'),
      sentBytes: of('tx_bytes'),
      receivedFrames: of('rx_to_programs'),
      receivedBytes: of('rx_bytes'),
    };
  });
}

type Parts = Pick<PhaseResult, 'streams' | 'connections' | 'ends'> & { readonly losses: Losses };

/** Frames of streams, clients and programs together; what guests take and send on the way is none of them. */
function totalOf({ streams, connections, ends, losses }: Parts): TotalResult {
  const sum = (of: (stream: StreamResult) => number): number => streams.reduce((total, each) => total + of(each), 0);
  const others = [...connections, ...ends];
  const othersSent = others.reduce((total, each) => total + each.sentFrames, 0);
  const othersReceived = others.reduce((total, each) => total + each.receivedFrames, 0);
  const sentFrames = sum((stream) => stream.sentFrames) + othersSent;
  return {
    // A client sends what its connections call for, a program what it likes: nothing more was offered.
    offeredFrames: sum((stream) => stream.offeredFrames) + othersSent,
    sentFrames,
    deliveredFrames: sum((stream) => stream.deliveredFrames) + othersReceived,
    ...losses,
    lossRatio: sentFrames === 0 ? null : losses.lostFrames / sentFrames,
  };
}
