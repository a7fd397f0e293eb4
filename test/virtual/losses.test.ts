import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { summaryLines } from '../../src/experiment/tell/summary.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { paintFor } from '../../src/metrics/text/text-table.ts';
import { withShortPhases } from '../support/short-phases.ts';

describe('what a phase lost', () => {
  it('counts no copy of a flooded frame as a frame lost', async () => {
    // Both VMs are on one bridge that forgets addresses at once, so that each is sent what is meant for the other.
    const overrides = ['expect=[]', 'bridges.br0.ageing=1ms'];
    const scenario = withShortPhases(loadScenario('noisy-neighbour-vhost', { overrides }), 2e8);
    const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
    const result = await runScenario(scenario, host, { signal: new AbortController().signal });
    const [solo, flood] = result.phases.map(({ total }) => total);
    expect(solo.floodedFrames).toBeGreaterThan(1000);
    expect(solo.droppedFrames).toBeGreaterThan(1000);
    expect(solo).toMatchObject({ lostFrames: 0, lossRatio: 0 });
    // Under the flood what its streams lost together.
    const lost = flood.sentFrames - flood.deliveredFrames;
    expect(lost).toBeGreaterThan(1000);
    expect(flood.lostFrames).toBe(lost);
    expect(flood.droppedFrames).toBeGreaterThan(lost);
    const lines = summaryLines(result, 200, paintFor(false)).join('\n');
    expect(lines).toMatch(/Where frames ended in phase solo: 0 of \S+( k)? lost, and [^\n]+ copies of flooded frames/);
    expect(result.verdict).toContain('Phase solo lost nothing.');
  });
});
