import { describe, expect, it } from 'vitest';
import { BLOCKS_MIN } from '../../../../src/experiment/compare/choices.ts';
import { pairedTest, randomOf } from '../../../../src/experiment/compare/paired-test.ts';

/** Blocks whose two values share a disturbance of up to `common`, and have one of their own of up to `own`. */
function blocks(count: number, change: number, { common = 0.1, own = 0.01, seed = 7 } = {}): [number, number][] {
  const random = randomOf(seed);
  const noise = (most: number): number => 1 + most * (2 * random() - 1);
  return Array.from({ length: count }, () => {
    const together = 1000 * noise(common);
    return [together * noise(own), together * noise(own) * (1 + change)];
  });
}

describe('the paired test', () => {
  it('finds a change of 5 % through a disturbance of 10 % that both sides share', () => {
    const { ratio, pValue, shown, shift } = pairedTest(blocks(10, 0.05));
    expect(shown).toBe(true);
    expect(pValue).toBeLessThan(0.01);
    expect(shift.low).toBeGreaterThan(20);
    expect(ratio!.low).toBeLessThanOrEqual(1.05);
    expect(ratio!.high).toBeGreaterThanOrEqual(1.05);
  });

  it('shows a difference where there is none about as often as it says, and not more', () => {
    let shown = 0;
    for (let seed = 1; seed <= 100; seed++) if (pairedTest(blocks(8, 0, { seed }), seed).shown) shown++;
    expect(shown).toBeLessThanOrEqual(11);
  });

  it('has an exact p: of six blocks that all grew, two of the 64 ways are as extreme', () => {
    const grown = Array.from({ length: BLOCKS_MIN }, (_, i): [number, number] => [10 + i, 12 + 2 * i]);
    expect(pairedTest(grown).pValue).toBe(2 / 64);
    expect(pairedTest(grown).shown).toBe(true);
    expect(pairedTest(grown.slice(1)).shown).toBe(false);
  });

  it('shows nothing of equal sides, and has no ratio to nothing', () => {
    const same = pairedTest(Array.from({ length: 8 }, (): [number, number] => [5, 5]));
    expect(same).toMatchObject({ shown: false, pValue: 1, ratio: { estimate: 1, low: 1, high: 1 } });
    const none = pairedTest(Array.from({ length: 8 }, (_, i): [number, number] => [0, i]));
    expect(none.ratio).toBeNull();
    expect(none.shift.estimate).toBeGreaterThan(3);
  });

  it('gives the same answer for the same blocks and seed, also of more blocks than can be tried in all ways', () => {
    const many = blocks(30, 0.01);
    expect(pairedTest(many, 3)).toEqual(pairedTest(many, 3));
    expect(pairedTest(many, 3).shown).toBe(true);
  });
});
