import { describe, expect, it } from 'vitest';
import { describeHeading } from '../../../src/experiment/tell/run-heading.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { StillHost } from '../../support/still-host.ts';

/** The parts of a run, with what is offered in each. */
function partsOf(name: string, overrides: readonly string[]): string[] {
  const scenario = loadScenario(name, { overrides: ['expect=[]', ...overrides] });
  const { parts } = describeHeading(scenario, new StillHost(buildPlan(scenario)));
  return parts.map((part) => `${part.name} ${part.rate}`);
}

describe('what the heading says is offered', () => {
  it('is what was asked for, and what a share of the line comes to', () => {
    const phases = 'run.phases=[{name: a, rate: 80kpps, duration: 1s}, {name: b, rate: 10%, duration: 1s}]';
    expect(partsOf('livelock', [phases])).toEqual([
      'warm-up 80kpps, its middle third 298 k/s',
      'a 80kpps',
      'b 10% (298 k/s)',
      'settle ',
    ]);
  });

  it('is all streams together where some have a rate of their own, whatever the phase says', () => {
    const phases = 'run.phases=[{name: a, duration: 1s}, {name: b, rate: 500kpps, duration: 1s}]';
    expect(partsOf('scale-out', [phases, 'run.timeline=[]'])).toEqual([
      'warm-up 6 k/s',
      'a 6 k/s',
      'b 6 k/s',
      'settle ',
    ]);
    expect(partsOf('network-appliance', [phases])).toContain('b 520 k/s');
  });

  it('is connections where there are clients', () => {
    const phases = 'run.phases=[{name: a, connections: 2kcps, duration: 1s}]';
    expect(partsOf('tcp-terminate', [phases])).toContain('a 2 k connections/s');
  });
});
