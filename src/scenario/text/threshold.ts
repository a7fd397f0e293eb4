/** Values that autoscaling compares with. */
import { SCALING_METRICS } from '../words.ts';
import type { ScalingMetric } from '../words.ts';
import { QuantityError, parseConnectionRate, parseRate } from './quantities.ts';

/** In the unit of the metric; null for a value in another unit. */
export function thresholdValue(metric: ScalingMetric, value: number | string): number | null {
  const { unit } = SCALING_METRICS[metric];
  if (typeof value === 'number') return unit === 'ratio' ? value : null;
  try {
    if (unit === 'cps') return parseConnectionRate(value);
    const rate = parseRate(value);
    if (rate.kind === 'frames' && unit === 'fps') return rate.perSecond;
    if (rate.kind === 'lineRate' && unit === 'ratio') return rate.share;
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
  }
  return null;
}
