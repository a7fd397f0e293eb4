import { scaleLinear } from 'd3-scale';
import type { ScaleLinear } from 'd3-scale';

export type Scale = ScaleLinear<number, number>;

/** A linear scale from zero, and the unit its ticks are written in. */
export interface RateAxis {
  readonly scale: Scale;
  readonly ticks: readonly number[];
  /** `k frames/s`, `connections/s`. */
  readonly unit: string;
  /** A tick in that unit. */
  readonly write: (amount: number) => string;
}

/** From 0 to `max` over `lengthPx`, upwards when it is negative; `perSecond` is what is counted, such as frames/s. */
export function rateAxis(max: number, lengthPx: number, tickCount: number, perSecond: string): RateAxis {
  const range = lengthPx < 0 ? [-lengthPx, 0] : [0, lengthPx];
  const scale = scaleLinear([0, max > 0 ? max : 1], range);
  const [factor, prefix] = max >= 2e6 ? [1e6, 'M '] : max >= 2e3 ? [1e3, 'k '] : [1, ''];
  return {
    scale,
    ticks: scale.ticks(tickCount),
    unit: `${prefix}${perSecond}`,
    write: (amount) => String(Number((amount / factor).toPrecision(6))),
  };
}

/** From 0 to `max` over `lengthPx`, upwards. */
export function shareScale(max: number, lengthPx: number): Scale {
  return scaleLinear([0, max], [lengthPx, 0]);
}
