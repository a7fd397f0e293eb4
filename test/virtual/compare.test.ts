import { describe, expect, it } from 'vitest';
import { blocksOf, caveatsOf } from '../../src/experiment/compare/from-files.ts';
import { compareBlocks } from '../../src/experiment/compare/judge-compare.ts';
import { measureBlocks } from '../../src/experiment/compare/measure-blocks.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import { loadVariants } from '../../src/experiment/sweep/variants.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const load = { unit: 'frames', counted: null } as const;
const signal = new AbortController().signal;
const BLOCKS = 8;

/** Delivered at a load that neither side carries; B has what `changed` sets. */
async function deliveredOf(changed: readonly string[]) {
  const [a, b] = loadVariants(
    'accelerated',
    [],
    [
      { name: 'a', overrides: [] },
      { name: 'b', overrides: changed.map((assignment) => ({ flag: '--set-b', assignment })) },
    ],
  );
  const beds = [await openVirtualBed(a), await openVirtualBed(b)] as const;
  const rates = [{ kind: 'frames', perSecond: 800_000 }] as const;
  const plan = { load, rates, blocks: BLOCKS, durationNs: 3e7, runInNs: 2e7, warmupNs: 0, seed: 1 };
  const { blocks, leftOut } = await measureBlocks(beds, plan, { signal });
  expect({ made: blocks.length, leftOut }).toEqual({ made: BLOCKS, leftOut: 0 });
  const figures = compareBlocks(blocks, load, [beds[0].threads(), beds[1].threads()]);
  return figures.find(({ figure }) => figure === 'delivered')!.test;
}

describe('a comparison on virtual time', () => {
  it('finds what 5 % more work of the guest costs, and nothing between a scenario and itself', async () => {
    const slower = await deliveredOf(['hosts.0.costs.guestForward=800ns']);
    expect(slower.shown).toBe(true);
    expect(slower.ratio!.estimate).toBeLessThan(0.99);
    const same = await deliveredOf([]);
    expect(same.shown).toBe(false);
    expect(same.ratio!.low).toBeLessThanOrEqual(1);
    expect(same.ratio!.high).toBeGreaterThanOrEqual(1);
  });

  it('pairs the rounds of two sweeps, and says that they were not measured in turn', async () => {
    const sweep = await runSweep(
      {
        hostKind: 'virtual',
        variants: loadVariants('livelock', [], [{ name: 'itself', overrides: [] }]),
        load,
        offered: { kind: 'rates', rates: [{ kind: 'frames', perSecond: 50_000 }] },
        ...{ trials: 6, durationNs: 2e7, warmupNs: 0, runInNs: 1e7, probeNs: 1e7, lossFreeRatioMax: 0.005 },
      },
      { openBed: (variant) => openVirtualBed(variant), signal },
    );
    const side = { result: sweep, variant: sweep.variants[0], path: 'a.json' };
    const { blocks, leftOut } = blocksOf(side, { ...side, path: 'b.json' });
    expect({ made: blocks.length, leftOut }).toEqual({ made: 6, leftOut: 0 });
    const [delivered] = compareBlocks(blocks, load, [[], []]);
    expect(delivered.test).toMatchObject({ shown: false, pValue: 1 });
    expect(caveatsOf(side, { ...side, path: 'b.json' }).join()).toContain('not measured in turn');
    expect(caveatsOf(side, side)).toEqual([]);
  });
});
