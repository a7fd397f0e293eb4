import { scaleLinear } from 'd3-scale';
import type { ScaleLinear } from 'd3-scale';

export type Scale = ScaleLinear<number, number>;

/** A linear scale from zero, and the unit its ticks are written in. */
export interface RateAxis {
  readonly scale: Scale;
  readonly ticks: readonly number[];
  /** `k frames/s`. */
  readonly unit: string;
  /** A tick in that unit. */
  readonly write: (perSecond: number) => string;
}

/** From 0 to `max` over `lengthPx`; upwards when it is negative. */
export function rateAxis(max: number, lengthPx: number, tickCount: number): RateAxis {
  const range = lengthPx < 0 ? [-lengthPx, 0] : [0, lengthPx];
  const scale = scaleLinear([0, max > 0 ? max : 1], range);
  const [factor, prefix] = max >= 2e6 ? [1e6, 'M '] : max >= 2e3 ? [1e3, 'k '] : [1, ''];
  return {
    scale,
    ticks: scale.ticks(tickCount),
    unit: `${prefix}frames/s`,
    write: (perSecond) => String(Number((perSecond / factor).toPrecision(6))),
  };
}

/** From 0 to `max` over `lengthPx`, upwards. */
export function shareScale(max: number, lengthPx: number): Scale {
  return scaleLinear([0, max], [lengthPx, 0]);
}
