/** Each shipped scenario on real threads: ledger, order, and what holds at any rate. Rates and loss are printed only. */
import { describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { PlacementError, ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario, shippedScenarios } from '../../src/scenario/file.ts';

const PHASE_NS = 1e9;

/** Skips a test whose scenario insists on more cores than this machine has. */
async function runOnThreads(name: string, { skip }: Pick<TestContext, 'skip'>): Promise<RunResult> {
  const loaded = loadScenario(name, { overrides: ['run.warmup=1500ms'] });
  const phases = loaded.run.phases.map((phase) => ({ ...phase, durationNs: PHASE_NS }));
  const scenario = { ...loaded, run: { ...loaded.run, phases } };
  try {
    const host = await ThreadHost.create(buildPlan(scenario));
    return await runScenario(scenario, host, { signal: new AbortController().signal });
  } catch (error) {
    if (error instanceof PlacementError) skip(error.message);
    throw error;
  }
}

/** Unmet relations that hold on any machine: between two measurements of a run, and counters that stay at zero. */
function brokenRelations({ scenario, validity, expectations }: RunResult): string[] {
  if (validity.status !== 'valid') return [];
  const judged = scenario.expect.map(({ left, relation, right }) => {
    return right.kind === 'measurement' || (left.metric === 'counter' && relation === '==' && right.value === 0);
  });
  return scenario.expect.flatMap(({ why }, i) => (judged[i] && expectations[i].passed === false ? [why] : []));
}

describe('each cause, on real threads', () => {
  it.for(shippedScenarios())('%s: every frame is accounted for, in order and whole', async (name, context) => {
    const result = await runOnThreads(name, context);
    expect(result.ledger.faults).toEqual([]);
    expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
    expect(result.phases.reduce((sum, { total }) => sum + total.deliveredFrames, 0)).toBeGreaterThan(0);
    const unmet = result.expectations.filter(({ passed }) => passed === false).map(({ text }) => text);
    if (unmet.length > 0) console.warn(`${name}, ${result.validity.status}: ${unmet.join('; ')}`);
    // Machines are noisy: a relation is broken when two runs in turn say so.
    const once = brokenRelations(result);
    if (once.length === 0) return;
    const twice = brokenRelations(await runOnThreads(name, context));
    expect(once.filter((why) => twice.includes(why))).toEqual([]);
  });

  it('a flood leaves the existing path less than it carried before, and the accelerated path more than that', async (context) => {
    const existing = await runOnThreads('livelock', context);
    const accelerated = await runOnThreads('accelerated', context);
    const [carried, flooded] = [existing.phases[0], existing.phases[existing.phases.length - 1]];
    expect(flooded.total.deliveredFrames).toBeLessThan(carried.total.deliveredFrames);
    const bypassed = accelerated.phases[accelerated.phases.length - 1];
    expect(bypassed.total.deliveredFrames).toBeGreaterThan(flooded.total.deliveredFrames);
  });
});
