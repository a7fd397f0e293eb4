/** What every sink shows of an interval, derived once, so that screen, lines and NDJSON cannot disagree. */
import type { ThreadPlace } from '../../runtime/host.ts';
import type { Plan } from '../../runtime/plan.ts';
import { connectionRows, planConnectionMeters } from '../text/connection-rows.ts';
import type { ConnectionRow } from '../text/connection-rows.ts';
import { hopRows } from './hops.ts';
import type { HopRow } from './hops.ts';
import { planLanes } from './lanes.ts';
import { addHistograms, histogramGrowth, summariseHistogram } from './latency.ts';
import type { LatencySummary } from './latency.ts';
import type { Interval } from './sampler.ts';
import type { Snapshot } from './snapshot.ts';
import { planStreamMeters, streamRows } from '../text/stream-rows.ts';
import { threadShares } from './thread-shares.ts';
import type { ThreadRow } from './thread-shares.ts';

/** One stream over an interval. A ratio without a denominator is null. */
export interface StreamRates {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly offeredFps: number;
  readonly sentFps: number;
  readonly deliveredFps: number;
  /** Share of sent frames that did not arrive; frames under way count as lost, and frames of before as arrived. */
  readonly lossRatio: number | null;
  /** Of its frames that arrived in the interval. */
  readonly latency: LatencySummary | null;
}

/** TCP connections of one port's clients over an interval, connections/s. */
export interface ConnectionRates {
  readonly name: string;
  readonly offeredPerSecond: number;
  readonly establishedPerSecond: number;
  readonly completedPerSecond: number;
  readonly failedPerSecond: number;
  /** The reasons for which connections failed in the interval. */
  readonly failures: readonly { readonly counter: string; readonly reason: string; readonly perSecond: number }[];
  /** Of connections completed in the interval, from the intended start to the close. */
  readonly latency: LatencySummary | null;
}

export interface IntervalRecord {
  readonly phase: string;
  /** End of the interval, ns since the first sample. */
  readonly sinceStartNs: number;
  /** End of the interval on the run's clock. */
  readonly monotonicNs: number;
  readonly elapsedNs: number;
  readonly streams: readonly StreamRates[];
  readonly connections: readonly ConnectionRates[];
  readonly hops: readonly HopRow[];
  readonly threads: readonly ThreadRow[];
  readonly latency: LatencySummary | null;
}

/** Makes the function that turns intervals into records. `startNs` is the run's clock at the first sample. */
export function createRecorder(
  plan: Plan,
  places: readonly ThreadPlace[],
  startNs: number,
): (interval: Interval) => IntervalRecord {
  const lanes = planLanes(plan);
  const meters = planStreamMeters(plan);
  const clients = planConnectionMeters(plan);
  return ({ phase, before, after }) => {
    const elapsedNs = after.atNs - before.atNs;
    const seconds = elapsedNs / 1e9;
    const arrivals = new Map(plan.streams.map(({ name }) => [name, growthOf(name, before, after)] as const));
    return {
      phase,
      sinceStartNs: after.atNs - startNs,
      monotonicNs: after.atNs,
      elapsedNs,
      streams: streamRows(meters, before, after).map(
        ({ name, from, to, offeredFrames, sentFrames, deliveredFrames }) => ({
          name,
          from,
          to,
          offeredFps: offeredFrames / seconds,
          sentFps: sentFrames / seconds,
          deliveredFps: deliveredFrames / seconds,
          lossRatio: lossRatio(sentFrames, deliveredFrames),
          latency: summariseHistogram(arrivals.get(name)!),
        }),
      ),
      connections: connectionRows(clients, before, after).map((row) => ratesOf(row, seconds)),
      hops: hopRows(lanes, before, after),
      threads: threadShares(places, before, after),
      latency: summariseHistogram(addHistograms([...arrivals.values()])),
    };
  };
}

function ratesOf(
  { name, offered, established, completed, failures, latency }: ConnectionRow,
  seconds: number,
): ConnectionRates {
  return {
    name,
    offeredPerSecond: offered / seconds,
    establishedPerSecond: established / seconds,
    completedPerSecond: completed / seconds,
    failedPerSecond: failures.reduce((sum, { connections }) => sum + connections, 0) / seconds,
    failures: failures
      .filter(({ connections }) => connections > 0)
      .map(({ counter, reason, connections }) => ({ counter, reason, perSecond: connections / seconds })),
    latency,
  };
}

/** Share of `sentFrames` that is not among `deliveredFrames`; null when nothing was sent. */
export function lossRatio(sentFrames: number, deliveredFrames: number): number | null {
  return sentFrames === 0 ? null : Math.max(0, sentFrames - deliveredFrames) / sentFrames;
}

function growthOf(stream: string, before: Snapshot, after: Snapshot): Float64Array {
  const end = after.latency.get(stream);
  const start = before.latency.get(stream);
  return end === undefined || start === undefined ? new Float64Array(0) : histogramGrowth(start, end);
}
