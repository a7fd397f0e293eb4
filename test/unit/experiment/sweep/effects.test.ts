import { describe, expect, it } from 'vitest';
import { effectsAt } from '../../../../src/experiment/sweep/effects.ts';
import { expandKey, gridChanges, parseFactor, shortNames } from '../../../../src/experiment/sweep/grid.ts';

const MEMORY = { key: 'memory', values: ['4', '16'] };
const CACHE = { key: 'cache', values: ['1', '2'] };

/** Trials of each combination, in the order of the grid. */
function cellsOf(trials: readonly (readonly number[])[]) {
  const levels = gridChanges([MEMORY, CACHE], () => []).map((change) => change.levels!);
  return levels.map((level, i) => ({ levels: level, egressPerSecond: trials[i] }));
}

describe('the effects of a full factorial design', () => {
  it('are those of the published example: Jain 1991, 18.5 and 18.6', () => {
    // y of (-1,-1), (-1,1), (1,-1), (1,1): effects 41, 21.5, 9.5, 5; SSA 5547, SSB 1083, SSAB 300, SSE 102.
    const cells = cellsOf([
      [15, 18, 12],
      [25, 28, 19],
      [45, 48, 51],
      [75, 75, 81],
    ]);
    const { factors, interactions, trialsShare, higherShare } = effectsAt(0, [MEMORY, CACHE], cells)!;
    const total = 5547 + 1083 + 300 + 102;
    expect(factors[0].levels.map(({ egressPerSecond }) => egressPerSecond)).toEqual([41 - 21.5, 41 + 21.5]);
    expect(factors.map(({ share }) => share! * total)).toEqual([expect.closeTo(5547, 6), expect.closeTo(1083, 6)]);
    expect(interactions[0].share! * total).toBeCloseTo(300, 6);
    expect(trialsShare! * total).toBeCloseTo(102, 6);
    expect(higherShare).toBeCloseTo(0, 9);
  });

  it('add up to all of the variation, with three factors and unequal levels too', () => {
    const factors = [MEMORY, CACHE, { key: 'queue', values: ['a', 'b', 'c'] }];
    const cells = gridChanges(factors, () => []).map(({ levels }, i) => ({
      levels: levels!,
      egressPerSecond: [i * i, i * i + ((i * 7) % 5)],
    }));
    const { factors: alone, interactions, higherShare, trialsShare } = effectsAt(0, factors, cells)!;
    const shares = [...alone, ...interactions].map(({ share }) => share!);
    expect(interactions).toHaveLength(3);
    expect([...shares, higherShare!, trialsShare!].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
  });

  it('are not known where a combination is missing, and have no share of no variation', () => {
    expect(effectsAt(0, [MEMORY, CACHE], cellsOf([[1], [1], [1], [1]]).slice(1))).toBeNull();
    const { factors, trialsShare } = effectsAt(0, [MEMORY, CACHE], cellsOf([[1], [1], [1], [1]]))!;
    expect([...factors.map(({ share }) => share), trialsShare]).toEqual([null, null, null]);
  });
});

describe('a grid', () => {
  it.each([
    ['taps.tap0.queue=500,1000', { key: 'taps.tap0.queue', values: ['500', '1000'] }],
    ['a.b=[1, 2],[3]', { key: 'a.b', values: ['[1, 2]', '[3]'] }],
    ['a={ x: 1, y: 2 },none', { key: 'a', values: ['{ x: 1, y: 2 }', 'none'] }],
    ['a=1', null],
    ['a=1,1', null],
    ['a=', null],
    ['=1,2', null],
  ])('reads %s', (text, factor) => expect(parseFactor(text)).toEqual(factor));

  it('stands with * for each item of a list, and for nothing where there is no list', () => {
    const scenario = {
      vms: [
        { name: 'a', nics: [{}, {}] },
        { name: 'b', nics: [{}] },
      ],
      host: {},
    };
    const all = ['vms.0.nics.0.tap.queue', 'vms.0.nics.1.tap.queue', 'vms.1.nics.0.tap.queue'];
    expect(expandKey(scenario, 'vms.*.nics.*.tap.queue')).toEqual(all);
    expect(expandKey(scenario, 'vms.b.nics.*.mode')).toEqual(['vms.b.nics.0.mode']);
    expect(expandKey(scenario, 'host.*.hz')).toEqual([]);
    expect(expandKey(scenario, 'host.hz')).toEqual(['host.hz']);
  });

  it('has every combination, the last factor changing fastest, named by what tells them apart', () => {
    const queues = { key: 'taps.tap0.queue', values: ['500', '1000'] };
    const changes = gridChanges([queues, CACHE], ({ key }, value) => [`${key}=${value}`]);
    expect(changes.map(({ name }) => name)).toEqual([
      'queue=500 cache=1',
      'queue=500 cache=2',
      'queue=1000 cache=1',
      'queue=1000 cache=2',
    ]);
    expect(changes[3].overrides).toEqual(['taps.tap0.queue=1000', 'cache=2']);
    expect(shortNames(['taps.tap0.queue', 'taps.tap1.queue', 'host.hz'])).toEqual(['tap0.queue', 'tap1.queue', 'hz']);
  });
});
