/** Each shipped scenario on real threads. Conservation and order always hold; what a machine lets be judged, does too. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run.ts';
import type { RunResult } from '../../src/experiment/run-result.ts';
import { PlacementError, ThreadHost } from '../../src/runtime/thread-host.ts';
import { buildPlan } from '../../src/topology/build-plan.ts';
import { loadScenario, shippedScenarios } from '../../src/topology/scenario-file.ts';

const PHASE_NS = 1e9;
/** An invalid trial is repeated; after these the figures are left unjudged and said to be. */
const TRIALS = 2;

/** Null where this machine lacks the cores the scenario insists on. */
async function runOnThreads(name: string): Promise<RunResult | null> {
  const loaded = loadScenario(name, { overrides: ['run.warmup=1500ms'] });
  const phases = loaded.run.phases.map((phase) => ({ ...phase, durationNs: PHASE_NS }));
  const scenario = { ...loaded, run: { ...loaded.run, phases } };
  try {
    const host = await ThreadHost.create(buildPlan(scenario));
    return await runScenario(scenario, host, { signal: new AbortController().signal });
  } catch (error) {
    if (error instanceof PlacementError) return null;
    throw error;
  }
}

describe('each cause, on real threads', () => {
  it.each(shippedScenarios())('%s', async (name) => {
    for (let trial = 1; trial <= TRIALS; trial++) {
      const result = await runOnThreads(name);
      if (result === null) return;
      expect(result.ledger.faults).toEqual([]);
      expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
      for (const { total } of result.phases) expect(total.deliveredFrames).toBeGreaterThan(0);
      if (result.validity.status !== 'valid') continue;
      const unmet = result.expectations.filter(({ passed }) => passed === false).map(({ text }) => text);
      expect(unmet).toEqual([]);
      return;
    }
    console.warn(`${name}: no valid trial in ${TRIALS}, its figures were not judged`);
  });
});
