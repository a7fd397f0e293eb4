/** How near two curves of delivered against offered load lie to each other once each is measured by its own host. */

/** One offered load: what arrived in the median of the trials, and in the least and the most. Frames/s. */
export interface CurvePoint {
  /** Of the host's own loss-free rate. */
  readonly multiple: number;
  readonly offeredPerSecond: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly validTrials: number;
}

/** A host's curve, in ascending multiples. */
export interface Curve {
  readonly lossFreePerSecond: number;
  readonly points: readonly CurvePoint[];
}

type Points = Pick<Curve, 'points'>;

/** Points that rest on a valid trial. */
const believed = ({ points }: Points): CurvePoint[] => points.filter(({ validTrials }) => validTrials > 0);

/** The most that arrived at any load, frames/s; 0 where no point is valid. */
export function peakPerSecond(curve: Points): number {
  return Math.max(0, ...believed(curve).map(({ median }) => median));
}

/** What was left of the peak at a multiple; null where there is no valid point. */
export function shareOfPeak(curve: Points, multiple: number): number | null {
  const point = believed(curve).find((each) => Math.abs(each.multiple - multiple) < 1e-6);
  const peak = peakPerSecond(curve);
  return point === undefined || peak === 0 ? null : point.median / peak;
}

export interface CurveDistance {
  /** Root of the mean square of the differences in share of the peak, at the multiples that both have. */
  readonly rms: number;
  readonly multiples: readonly number[];
  /** The multiple at which they are farthest apart, and by how much: above 0 where the first is the higher one. */
  readonly worst: { readonly multiple: number; readonly difference: number };
}

/** Null where they have no valid point in common. */
export function curveDistance(a: Points, b: Points): CurveDistance | null {
  const differences = believed(a).flatMap(({ multiple }) => {
    const [left, right] = [shareOfPeak(a, multiple), shareOfPeak(b, multiple)];
    return left === null || right === null ? [] : [{ multiple, difference: left - right }];
  });
  if (differences.length === 0) return null;
  const squares = differences.reduce((sum, { difference }) => sum + difference ** 2, 0);
  const worst = differences.reduce((most, each) =>
    Math.abs(each.difference) > Math.abs(most.difference) ? each : most,
  );
  return {
    rms: Math.sqrt(squares / differences.length),
    multiples: differences.map(({ multiple }) => multiple),
    worst,
  };
}
