/** Trials of virtual time made side by side in worker threads are those made one after another, to the last byte. */
import { afterAll, describe, expect, it } from 'vitest';
import { lookAhead } from '../../src/experiment/bed/look-ahead.ts';
import { openTrialPool } from '../../src/experiment/bed/trial-pool.ts';
import { runSearch } from '../../src/experiment/search/search.ts';
import { parseGoal } from '../../src/experiment/search/search-goal.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepPlan } from '../../src/experiment/sweep/sweep.ts';
import { loadVariants, modeChange } from '../../src/experiment/sweep/variants.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const SCENARIO = 'kvm-forum-2014';
const changes = ['vhost', 'accelerated'].map((mode) => modeChange(loadScenario(SCENARIO), mode));
const TIMES = { warmupNs: 0, runInNs: 2e7, durationNs: 3e7, probeNs: 2e7 };
const PLAN: SweepPlan = {
  hostKind: 'virtual',
  variants: loadVariants(SCENARIO, [], changes),
  load: { unit: 'frames', counted: null },
  offered: { kind: 'multiples', multiples: [0.5, 2] },
  trials: 2,
  lossFreeRatioMax: 0.005,
  ...TIMES,
};

const workers = await openTrialPool(2);
afterAll(() => workers.close());
const signal = new AbortController().signal;

/** What tells when it was made: of the machine, what its hypervisor took so far. */
const TIMES_OF_DAY = new Set(['startedAt', 'elapsedMs', 'stealRatioSinceBoot']);

/** What was found, without when. */
function bytesOf(result: object): string {
  return JSON.stringify(result, (key, value: unknown) => (TIMES_OF_DAY.has(key) ? null : value));
}

describe('trials side by side', () => {
  it('a sweep with its search for the loss-free rate: the same bytes, and the same order on the screen', async () => {
    const [here, there] = [[] as string[], [] as string[]];
    const tried =
      (order: string[]) =>
      ({ variant, rateIndex, round }: { variant: string; rateIndex: number; round: number }) =>
        order.push(`${variant} ${rateIndex} ${round}`);
    const alone = await runSweep(PLAN, {
      openBed: (variant) => openVirtualBed(variant),
      signal,
      watcher: { tried: tried(here) },
    });
    const together = await runSweep(PLAN, {
      openBed: (variant) => openVirtualBed(variant, workers),
      signal,
      watcher: { tried: tried(there) },
    });
    expect(alone.search!.lossFreePerSecond).toBeGreaterThan(0);
    expect(alone.trials).toHaveLength(8);
    expect(there).toEqual(here);
    expect(bytesOf(together)).toBe(bytesOf(alone));
  });

  it('a search, which begins trials it may not need: the same bytes', async () => {
    const goals = ['name=NDR,loss=0', 'name=PDR,loss=0.5%'].map((goal) =>
      parseGoal(`${goal},trial=40ms,sum=120ms,initial=20ms`),
    );
    const plan = { ...PLAN, ...TIMES, variants: [PLAN.variants[0]], goals };
    const alone = await runSearch(plan, { openBed: (variant) => openVirtualBed(variant), signal });
    const together = await runSearch(plan, { openBed: (variant) => openVirtualBed(variant, workers), signal });
    expect(alone.trials.length).toBeGreaterThan(8);
    expect(bytesOf(together)).toBe(bytesOf(alone));
  });

  it('trials that ask for the same differ in their seed, and a trial does not depend on those before it', async () => {
    const result = await runSweep(
      { ...PLAN, offered: { kind: 'rates', rates: [{ kind: 'frames', perSecond: 4e5 }] } },
      { openBed: (variant) => openVirtualBed(variant, workers), signal },
    );
    const [first, , second] = result.trials;
    expect([first, second].map(({ variant, round }) => [variant, round])).toEqual([
      ['vhost', 0],
      ['vhost', 1],
    ]);
    expect(first.phase.total).not.toEqual(second.phase.total);
    const alone = await runSweep(
      {
        ...PLAN,
        trials: 1,
        variants: [PLAN.variants[0]],
        offered: { kind: 'rates', rates: [{ kind: 'frames', perSecond: 4e5 }] },
      },
      { openBed: (variant) => openVirtualBed(variant), signal },
    );
    expect(JSON.stringify(alone.trials[0])).toBe(JSON.stringify(first));
  });

  it('ends at once when it is interrupted, and keeps what was measured', async () => {
    const controller = new AbortController();
    const pool = await openTrialPool(2);
    const rates = [{ kind: 'frames', perSecond: 5e4 } as const];
    const result = await runSweep(
      { ...PLAN, trials: 100, durationNs: 1e9, offered: { kind: 'rates', rates } },
      {
        openBed: (variant) => openVirtualBed(variant, pool),
        signal: controller.signal,
        watcher: { tried: () => controller.abort() },
      },
    );
    await pool.close();
    expect(result).toMatchObject({ interrupted: true, exitCode: 130 });
    expect(result.trials).toHaveLength(1);
    expect(result.variants.every(({ ledger }) => ledger.balanced)).toBe(true);
  });

  it('tells what went wrong in a worker, and goes on with the next', async () => {
    const [variant] = PLAN.variants;
    const plan = buildPlan(variant.scenario);
    const request = {
      name: 'x',
      rate: { kind: 'frames', perSecond: 1e4 } as const,
      runInNs: 0,
      durationNs: 1e6,
      repeat: 0,
    };
    const order = (buffers: typeof plan.buffers) =>
      workers.order(() => ({ variant, plan: { ...plan, buffers }, request }), signal);
    await expect(order([]).result).rejects.toThrow(/was given no access to memory/);
    expect((await order(plan.buffers).result)!.ledger.balanced).toBe(true);
  });
});

describe('looking ahead', () => {
  it('asks what follows the answers so far, and guesses from there; no more than wanted', async () => {
    const bisect = async (ask: (at: number) => Promise<boolean | null>): Promise<void> => {
      for (let [low, high] = [0, 64]; high - low > 1;) {
        const middle = (low + high) / 2;
        const carried = await ask(middle);
        if (carried === null) return;
        if (carried) low = middle;
        else high = middle;
      }
    };
    expect(await lookAhead(bisect, [], () => true, 3)).toEqual([32, 48, 56]);
    expect(await lookAhead(bisect, [false, true], (at) => at < 23, 9)).toEqual([24, 20, 22, 23]);
    expect(await lookAhead(bisect, [false, true], () => true, 0)).toEqual([]);
  });
});
