/** How runs on real threads are judged: the margins for noise, and what is a fault in any run. */
import { describe, expect, it } from 'vitest';
import type { ExpectationResult, RunResult } from '../../../src/experiment/run/run-result.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { faultsOf, isBroken } from '../../support/real-thread-runs.ts';

/** Whether a relation of `delivered` or `loss` is broken by these two numbers. */
function broken(metric: 'delivered' | 'loss', relation: string, left: number | null, right: number | null): boolean {
  const value = metric === 'loss' ? '1%' : '1kpps';
  const expectation = `{metric: ${metric}, phase: flood, relation: '${relation}', value: ${value}}`;
  const scenario = loadScenario('livelock', { overrides: [`expect=[${expectation}]`] });
  const holds = { '<=': () => left! <= right!, '>=': () => left! >= right!, '==': () => left === right }[relation]!;
  const passed = left !== null && right !== null && holds();
  const result: ExpectationResult = { text: '', why: '', passed, left, right };
  return isBroken({ scenario, expectations: [result] }, 0);
}

describe('a relation on real threads', () => {
  it.each([
    ['delivered', '<=', 109, 100, false],
    ['delivered', '<=', 111, 100, true],
    ['delivered', '>=', 91, 100, false],
    ['delivered', '>=', 89, 100, true],
    ['loss', '<=', 0.024, 0.005, false],
    ['loss', '<=', 0.026, 0.005, true],
    ['loss', '>=', 0.89, 0.9, false],
    ['loss', '>=', 0.87, 0.9, true],
    ['delivered', '==', 0, 0, false],
    ['delivered', '==', 1, 0, true],
    ['delivered', '>=', null, 100, true],
  ] as const)('%s %s: %s against %s is broken: %s', (metric, relation, left, right, isSo) => {
    expect(broken(metric, relation, left, right)).toBe(isSo);
  });
});

it('an unbalanced ledger, frames that are not as they were sent, and silence are faults of any run', () => {
  const run = {
    ledger: { faults: [] },
    integrity: { foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 },
    phases: [{ total: { deliveredFrames: 5 } }],
  } as unknown as RunResult;
  expect(faultsOf(run)).toEqual([]);
  expect(faultsOf({ ...run, ledger: { ...run.ledger, faults: ['1 is missing'] } })).toEqual(['1 is missing']);
  expect(faultsOf({ ...run, integrity: { ...run.integrity, corruptFrames: 2 } })).toEqual(['2 corruptFrames']);
  expect(faultsOf({ ...run, phases: [] })).toEqual(['nothing was delivered']);
});
