/** From single trials to one figure for each variant and rate. */
import { mean, median } from 'simple-statistics';
import type { ThreadPlan } from '../../runtime/plan.ts';
import type { TotalResult } from '../run/run-result.ts';
import type { OfferedRate } from './offered-rates.ts';
import { measuredParts, measuredWhole } from './swept-load.ts';
import type { LoadUnit, MeasuredPart, SweptLoad } from './swept-load.ts';
import type { KindShares, PointResult, Spread, StreamPoint, TrialResult } from './sweep-result.ts';

/** @param values at least one. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median([...values]), min: Math.min(...values), max: Math.max(...values) };
}

/** Every thread of a variant's host and what it does: those of its plan, and softirq where that is the kernel's own. */
export interface KindedThreads {
  readonly threads: readonly Pick<ThreadPlan, 'name' | 'kind'>[];
}

/** Null when none is known. */
function spreadOfKnown(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : spreadOf(known);
}

/** One point for each rate of a variant at which a trial was made, in the order of the rates. */
export function variantPoints(
  variant: string,
  run: KindedThreads,
  load: SweptLoad,
  rates: readonly OfferedRate[],
  trials: readonly TrialResult[],
): PointResult[] {
  const own = trials.filter((trial) => trial.variant === variant);
  return rates.flatMap((rate, rateIndex) => {
    const made = own.filter((trial) => trial.rateIndex === rateIndex);
    return made.length === 0 ? [] : [pointOf(variant, run, load, rate, rateIndex, made)];
  });
}

function pointOf(
  variant: string,
  run: KindedThreads,
  load: SweptLoad,
  { offeredPerSecond, multiple }: OfferedRate,
  rateIndex: number,
  made: readonly TrialResult[],
): PointResult {
  const usable = made.filter(({ validity }) => validity.status !== 'invalid');
  const used = believed(made);
  const whole = used.map(({ phase }) => measuredWhole(phase, load));
  return {
    variant,
    rateIndex,
    offeredPerSecond,
    multiple,
    trials: made.length,
    validTrials: usable.length,
    status: usable.length > 0 ? usable[0].validity.status : 'invalid',
    egressPerSecond: spreadOf(used.map((trial, i) => perSecond(trial, whole[i].delivered))),
    lossRatio: spreadOfKnown(whole.map(({ lossRatio }) => lossRatio)),
    streams: streamPoints(used, load.unit),
    lostAt: lostAt(used),
    threads: kindShares(run, used),
  };
}

/** Egress per second of each trial that is believed: the valid ones, or all where none is. */
export function egressOf(made: readonly TrialResult[], load: SweptLoad): number[] {
  return believed(made).map((trial) => perSecond(trial, measuredWhole(trial.phase, load).delivered));
}

function believed(made: readonly TrialResult[]): readonly TrialResult[] {
  const usable = made.filter(({ validity }) => validity.status !== 'invalid');
  return usable.length > 0 ? usable : made;
}

/** A count in a trial's phase, per second. */
function perSecond({ phase }: TrialResult, count: number): number {
  return (count * 1e9) / phase.elapsedNs;
}

function streamPoints(trials: readonly TrialResult[], unit: LoadUnit): StreamPoint[] {
  const measured = trials.map(({ phase }) => measuredParts(phase, unit));
  return measured[0].map(({ name }, i) => {
    const parts = measured.map((each) => each[i]);
    return {
      name,
      requestedPerSecond: median(parts.map(({ requestedPerSecond }) => requestedPerSecond)),
      egressPerSecond: spreadOf(trials.map((trial, t) => perSecond(trial, parts[t].delivered))),
      lossRatio: spreadOfKnown(parts.map(({ lossRatio }) => lossRatio)),
      latency: latencyOf(parts),
    };
  });
}

/** Medians over the trials in which anything arrived; null when it did in none. */
function latencyOf(parts: readonly MeasuredPart[]): StreamPoint['latency'] {
  const known = parts.flatMap(({ latency }) => (latency === null ? [] : [latency]));
  if (known.length === 0) return null;
  return { p50Ns: median(known.map(({ p50Ns }) => p50Ns)), p99Ns: median(known.map(({ p99Ns }) => p99Ns)) };
}

function lostAt(trials: readonly TrialResult[]): PointResult['lostAt'] {
  const places = new Set(trials.flatMap(({ phase }) => phase.drops.map(({ place }) => place)));
  return [...places]
    .map((place) => ({ place, ratio: median(trials.map(({ phase }) => droppedShare(phase, place))) }))
    .filter(({ ratio }) => ratio > 0)
    .sort((a, b) => b.ratio - a.ratio);
}

function droppedShare({ total, drops }: { total: TotalResult; drops: TrialResult['phase']['drops'] }, place: string) {
  const frames = drops.reduce((sum, drop) => (drop.place === place ? sum + drop.frames : sum), 0);
  const there = total.sentFrames + total.floodedFrames;
  return there === 0 ? 0 : frames / there;
}

function kindShares({ threads }: KindedThreads, trials: readonly TrialResult[]): KindShares[] {
  const kinds = [...new Set(threads.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const names = threads.filter((thread) => thread.kind === kind).map(({ name }) => name);
    const rowsOf = ({ phase }: TrialResult) => phase.threads.filter(({ name }) => names.includes(name));
    const running = trials.map((trial) => rowsOf(trial).reduce((sum, { runningRatio }) => sum + runningRatio, 0));
    const waiting = trials.map((trial) => meanWaiting(rowsOf(trial).map(({ waitingRatio }) => waitingRatio)));
    const known = waiting.filter((ratio) => ratio !== null);
    return {
      kind,
      threads: names.length,
      runningCores: median(running),
      waitingRatio: known.length === 0 ? null : median(known),
    };
  });
}

function meanWaiting(ratios: readonly (number | null)[]): number | null {
  const known = ratios.filter((ratio) => ratio !== null);
  return known.length === 0 ? null : mean(known);
}

/** The shares of one kind of thread at a point. */
export function sharesOf({ threads }: PointResult, kind: ThreadPlan['kind']): KindShares | null {
  return threads.find((shares) => shares.kind === kind) ?? null;
}

/** Highest offered rate with a median loss of at most `lossRatioMax`; null when no valid point has so little. */
export function lossFreeRateOf(points: readonly PointResult[], lossRatioMax: number): number | null {
  const carried = validOf(points).filter(({ lossRatio }) => lossRatio !== null && lossRatio.median <= lossRatioMax);
  return carried.length === 0 ? null : Math.max(...carried.map((point) => point.offeredPerSecond));
}

/** The valid point with the highest median egress; null when there is none. */
export function peakOf(points: readonly PointResult[]): PointResult | null {
  return validOf(points).reduce<PointResult | null>(
    (best, point) => (best === null || point.egressPerSecond.median > best.egressPerSecond.median ? point : best),
    null,
  );
}

/** A point whose trials were all invalid is shown, and is no figure. */
function validOf(points: readonly PointResult[]): PointResult[] {
  return points.filter(({ validTrials }) => validTrials > 0);
}
