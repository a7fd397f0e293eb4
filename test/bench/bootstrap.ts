import { quantileSorted } from 'simple-statistics';
import { VirtualRandom } from '../../src/runtime/virtual/virtual-random.ts';

const RESAMPLES = 10_000;
const SEED = 1;

/**
 * Percentile bootstrap (Efron, Annals of Statistics 7(1), 1979) of the mean.
 * @returns the limits between which the mean lies with 95 % confidence, as far as `values` tell.
 */
export function meanInterval(values: readonly number[]): readonly [number, number] {
  const random = new VirtualRandom(SEED);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.index(values.length)];
    return sum / values.length;
  }).sort((a, b) => a - b);
  return [quantileSorted(means, 0.025), quantileSorted(means, 0.975)];
}
