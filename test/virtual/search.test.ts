/** Searches on virtual time, where the same load with the same seed always loses the same. */
import { describe, expect, it } from 'vitest';
import { runSearch } from '../../src/experiment/search/search.ts';
import type { SearchPlan } from '../../src/experiment/search/search.ts';
import { parseGoal } from '../../src/experiment/search/search-goal.ts';
import type { SearchResult } from '../../src/experiment/search/search-result.ts';
import { searchLines } from '../../src/experiment/search/search-summary.ts';
import { loadVariants } from '../../src/experiment/sweep/variants.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const times = 'trial=60ms,sum=120ms,initial=40ms';
const GOALS = [`name=NDR,loss=0,${times}`, `name=PDR,loss=0.5%,${times}`].map(parseGoal);

function planOf(scenario: string, overrides: readonly string[] = []): SearchPlan {
  return {
    hostKind: 'virtual',
    variants: loadVariants(scenario, overrides, [{ name: scenario, overrides: [] }]),
    load: { unit: 'frames', counted: null },
    goals: GOALS,
    warmupNs: 2e7,
    runInNs: 4e7,
  };
}

function search(plan: SearchPlan, signal = new AbortController().signal): Promise<SearchResult> {
  return runSearch(plan, {
    signal,
    openBed: (variant) => openVirtualBed(variant),
  });
}

describe('a search', () => {
  it('finds what livelock carries, though the line offers twenty times more and delivers almost nothing', async () => {
    const result = await search(planOf('livelock'));
    expect(result).toMatchObject({ exitCode: 0, interrupted: false });
    const [{ goals, limits, ledger }] = result.variants;
    expect(ledger.faults).toEqual([]);
    for (const { regular, lowerPerSecond, upperPerSecond, goal, why } of goals) {
      expect(why).toBeNull();
      expect(regular).toBe(true);
      const carries = (load: number): boolean =>
        result.trials.some(({ perSecond, lossRatio }) => perSecond === load && lossRatio <= goal.lossRatio);
      const lossy = result.trials.map(({ perSecond }) => perSecond).filter((load) => !carries(load));
      // No load that lost more in all its trials lies below what is called carried.
      expect(Math.min(...lossy)).toBeGreaterThan(lowerPerSecond!);
      expect(upperPerSecond! - lowerPerSecond!).toBeLessThanOrEqual(upperPerSecond! * goal.widthRatio);
    }
    const atLine = result.trials.find(({ perSecond }) => perSecond === limits.max)!;
    expect(atLine.deliveredPerSecond).toBeLessThan(goals[0].lowerPerSecond! / 4);
    expect(searchLines(result, 120, (_, text) => text).join('\n')).toContain('conditional throughput in frames/s');
  });

  it('stops at the first trial where a guest forwards nothing, and says where it ends', async () => {
    const nowhere = planOf('livelock', ['vms.0.nf={kind: firewall, default: deny, rules: []}']);
    await expect(search(nowhere)).rejects.toThrow(/meets no goal at any load: 100 % is lost at .*most of it at vm0/);
  });

  it('says that the line is the limit where all of it is carried', async () => {
    const phases = 'run.phases=[{ name: slow, rate: 1kpps, duration: 1s }]';
    const slow = ['ports.0.speed=10Mbps', 'ports.1.speed=10Mbps', phases];
    const { variants } = await search(planOf('livelock', slow));
    const [{ goals, limits }] = variants;
    expect(goals[0]).toMatchObject({ lowerPerSecond: limits.max, upperPerSecond: null, regular: false });
    expect(goals[0].why).toBe('all that the line carries');
  });

  it('keeps what it has when it is interrupted', async () => {
    const controller = new AbortController();
    const result = await runSearch(planOf('livelock'), {
      signal: controller.signal,
      openBed: (variant) => openVirtualBed(variant),
      watcher: { tried: () => controller.abort() },
    });
    expect(result).toMatchObject({ interrupted: true, exitCode: 130 });
    expect(result.trials).toHaveLength(1);
    expect(result.variants[0].goals.map(({ why }) => why)).toEqual(['interrupted', 'interrupted']);
  });
});
