/** Judges what a scenario expects of the shape of a sweep's curves. */
import { formatAmount, formatShare, formatTime } from '../../text/number-format.ts';
import { SWEEP_METRICS } from '../../scenario/words.ts';
import type { SweepAt, SweepExpectation, SweepMeasurement } from '../../scenario/scenario.ts';
import { holds } from '../judge/expectations.ts';
import type { ExpectationResult } from '../run/run-result.ts';
import { formatMultiple } from './offered-rates.ts';
import { lossFreeRateOf, peakOf, sharesOf } from './points.ts';
import type { PointResult, SweepResult } from './sweep-result.ts';

/** A multiple of L that was offered differs from the one that was asked for by rounding alone. */
const MULTIPLE_TOLERANCE = 1e-9;

/**
 * Judges each expectation by the points of all variants. Nothing is said of a variant or a load that was left out, of a
 * point whose trials are not judged, and of a sweep that was interrupted. What has no value at a point that is judged,
 * such as a place of loss where nothing was lost, is not met.
 */
export function judgeSweep(
  expectations: readonly SweepExpectation[],
  points: readonly PointResult[],
  { lossFreeRatioMax, interrupted }: Pick<SweepResult, 'lossFreeRatioMax' | 'interrupted'>,
): ExpectationResult[] {
  return expectations.map(({ left: measured, relation, right: against, why }) => {
    const left = measure(measured, points, lossFreeRatioMax);
    const times = against.kind === 'value' ? 1 : against.times;
    const compared = against.kind === 'value' ? against.value : measure(against.measurement, points, lossFreeRatioMax);
    const right = typeof compared === 'number' ? compared * times : compared;
    const shown = show(measured, right);
    const rightText =
      against.kind === 'value'
        ? shown
        : `${times === 1 ? '' : `${times} x `}${describe(against.measurement)} (${shown})`;
    const unjudged = interrupted || left === undefined || right === undefined;
    return {
      text: `${describe(measured)} ${show(measured, left)} ${relation} ${rightText}`,
      why,
      passed: unjudged ? null : left !== null && right !== null && holds(left, relation, right),
      left: left ?? null,
      right: right ?? null,
    };
  });
}

/** Undefined where there is nothing to judge; null where what was measured has no such value. */
function measure(
  measurement: SweepMeasurement,
  all: readonly PointResult[],
  lossFreeRatioMax: number,
): number | null | undefined {
  const own = all.filter(({ variant }) => variant === measurement.variant);
  if (measurement.at === null) {
    return own.some(({ status }) => status === 'valid') ? lossFreeRateOf(own, lossFreeRatioMax) : undefined;
  }
  const point = pointAt(measurement.at, own);
  return point?.status === 'valid' ? valueAt(measurement, point) : undefined;
}

function pointAt(at: SweepAt, own: readonly PointResult[]): PointResult | undefined {
  switch (at.kind) {
    case 'peak':
      return peakOf(own) ?? undefined;
    case 'floor': {
      const peak = peakOf(own);
      const beyond = own.filter(({ rateIndex }) => peak !== null && rateIndex >= peak.rateIndex);
      const egress = ({ egressPerSecond }: PointResult): number => egressPerSecond.median;
      return beyond.length === 0
        ? undefined
        : beyond.reduce((least, each) => (egress(each) < egress(least) ? each : least));
    }
    case 'multiple':
      return own.find(({ multiple }) => multiple !== null && Math.abs(multiple - at.multiple) < MULTIPLE_TOLERANCE);
    case 'rate':
      return own.find(({ offeredPerSecond }) => offeredPerSecond === at.perSecond);
  }
}

function valueAt({ metric, place, threads }: SweepMeasurement, point: PointResult): number | null {
  switch (metric) {
    case 'egress':
      return point.egressPerSecond.median;
    case 'loss':
      return point.lossRatio?.median ?? null;
    case 'dropShare': {
      const lost = point.lostAt.reduce((sum, { ratio }) => sum + ratio, 0);
      return lost === 0 ? null : (point.lostAt.find((each) => each.place === place)?.ratio ?? 0) / lost;
    }
    case 'latencyP50': {
      const known = point.streams.flatMap(({ latency }) => latency?.p50Ns ?? []);
      return known.length === 0 ? null : Math.max(...known);
    }
    case 'waiting':
      return threads === null ? null : (sharesOf(point, threads)?.waitingRatio ?? null);
    case 'lossFree':
      return null;
  }
}

/** `egress of vhost at 4 x L`. */
function describe({ metric, variant, at, place, threads }: SweepMeasurement): string {
  const subject = place ?? threads;
  const part = subject === null ? '' : ` of ${subject}`;
  return `${metric}${part} of ${variant}${at === null ? '' : ` at ${describeAt(at)}`}`;
}

function describeAt(at: SweepAt): string {
  if (at.kind === 'multiple') return `${formatMultiple(at.multiple)} L`;
  return at.kind === 'rate' ? `${formatAmount(at.perSecond)}/s` : `its ${at.kind}`;
}

function show({ metric }: SweepMeasurement, value: number | null | undefined): string {
  if (value === undefined) return '(not in this sweep)';
  if (value === null) return 'not measured';
  switch (SWEEP_METRICS[metric].unit) {
    case 'rate':
      return `${formatAmount(value)}/s`;
    case 'ratio':
      return formatShare(value);
    case 'ns':
      return formatTime(value);
  }
}
