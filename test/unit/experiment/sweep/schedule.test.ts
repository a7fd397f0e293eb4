import { describe, expect, it } from 'vitest';
import { TrialQueue } from '../../../../src/experiment/sweep/trial-queue.ts';
import type { PlannedTrial } from '../../../../src/experiment/sweep/trial-queue.ts';

const SIZE = { rates: 2, variants: 3, rounds: 2, repeatsPerTrialMax: 2, repeatsMax: 100 };
const ONE = { ...SIZE, rates: 1, variants: 1, rounds: 1 };

/** Passes all trials; those that `invalid` says so of are asked for again. */
function drain(queue: TrialQueue, invalid: (trial: PlannedTrial) => boolean = () => false): string[] {
  const order: string[] = [];
  for (let trial = queue.next(); trial !== null; trial = queue.next()) {
    const { round, rateIndex, variantIndex, attempt } = trial;
    order.push(`${round}:${rateIndex}${'ABC'[variantIndex]}${"'".repeat(attempt)}`);
    if (invalid(trial)) queue.repeat(trial);
  }
  return order;
}

describe('the order of a sweep’s trials', () => {
  it('goes through all variants at each rate, and through all rates in each round', () => {
    expect(drain(new TrialQueue(SIZE)).join(' ')).toBe('0:0A 0:0B 0:0C 0:1A 0:1B 0:1C 1:0A 1:0B 1:0C 1:1A 1:1B 1:1C');
  });

  it('makes invalid trials again at the end of their round', () => {
    const order = drain(
      new TrialQueue(SIZE),
      ({ round, rateIndex, variantIndex, attempt }) =>
        round === 0 && attempt === 0 && ((rateIndex === 0 && variantIndex === 1) || variantIndex === 2),
    );
    expect(order.slice(0, 10).join(' ')).toBe("0:0A 0:0B 0:0C 0:1A 0:1B 0:1C 0:0B' 0:0C' 0:1C' 1:0A");
  });

  it('gives a trial up after its last repeat', () => {
    expect(drain(new TrialQueue(ONE), () => true)).toEqual(['0:0A', "0:0A'", "0:0A''"]);
  });

  it('makes no more repeats than all trials together may have', () => {
    expect(drain(new TrialQueue({ ...SIZE, repeatsMax: 5 }), () => true)).toHaveLength(12 + 5);
    expect(drain(new TrialQueue({ ...SIZE, rates: 0 }))).toEqual([]);
  });
});
