import { expect, it } from 'vitest';
import { variantPoints } from '../../../../src/experiment/sweep/points.ts';
import { judgeSweep } from '../../../../src/experiment/sweep/sweep-expectations.ts';
import { parseScenario } from '../../../../src/plan/load-scenario.ts';
import { trialResult } from '../../../support/sweep-data.ts';
import type { TrialFigures } from '../../../support/sweep-data.ts';

const LOAD = { unit: 'frames', counted: null } as const;
const RATES = [{ rate: { kind: 'frames', perSecond: 2000 }, offeredPerSecond: 2000, multiple: null }] as const;

/** What comes of an expectation on the share of drops at a place, at the one load there is. */
function judged(figures: Partial<TrialFigures>, place = 'tap', interrupted = false): boolean | null {
  const line = `{ variant: vhost, metric: dropShare, place: ${place}, at: 2kpps, relation: '>=', value: 0% }`;
  const { sweep } = parseScenario(`sweep: { modes: [vhost], expect: [${line}] }\n`, 'x.yaml');
  const trial = trialResult({ variant: 'vhost', sent: 1000, delivered: [1000, 1000], ...figures });
  const points = variantPoints('vhost', { threads: [] }, LOAD, RATES, [trial]);
  const [result] = judgeSweep(sweep.expect, points, { lossFreeRatioMax: 0.005, interrupted });
  return result.passed;
}

it('a share of nothing is not met, however little is asked', () => {
  expect(judged({})).toBe(false);
  expect(judged({ dropped: [{ place: 'tap', frames: 10 }] })).toBe(true);
});

it('nothing is said of a point without a valid trial, nor of a sweep that was interrupted', () => {
  expect(judged({ status: 'invalid' })).toBeNull();
  expect(judged({ status: 'not judged' })).toBeNull();
  expect(judged({}, 'tap', true)).toBeNull();
});
