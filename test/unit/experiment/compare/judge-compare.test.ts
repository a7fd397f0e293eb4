import { describe, expect, it } from 'vitest';
import type { ComparedFigure } from '../../../../src/experiment/compare/compare-result.ts';
import { compareBlocks, failuresOf, parseFailCondition } from '../../../../src/experiment/compare/judge-compare.ts';
import { pairedTest } from '../../../../src/experiment/compare/paired-test.ts';
import { QuantityError } from '../../../../src/scenario/text/quantities.ts';
import { phaseOf } from '../../../support/phase-results.ts';

const compared = (figure: string, unit: ComparedFigure['unit'], pairs: [number, number][]): ComparedFigure => {
  return { offeredPerSecond: 1000, figure, unit, pairs, test: pairedTest(pairs) };
};
const EIGHT = Array.from({ length: 8 }, (_, i) => 1000 + i);
const LOWER = compared(
  'delivered',
  'perSecond',
  EIGHT.map((a) => [a, 0.95 * a]),
);
const NOISY = compared(
  'delivered',
  'perSecond',
  EIGHT.map((a, i) => [a, i % 2 === 0 ? 0.8 * a : 1.05 * a]),
);
const LOSSY = compared(
  'loss',
  'share',
  EIGHT.map(() => [0.001, 0.004]),
);

describe('a condition of --fail-on', () => {
  it.each([
    ['delivered < -3%', LOWER, true],
    ['delivered < -6%', LOWER, false],
    ['delivered > 3 %', LOWER, false],
    ['loss > 0.2%', LOSSY, true],
    ['loss>0.4%', LOSSY, false],
    ['delivered < -3%', NOISY, false],
    ['loss > 0.2%', LOWER, false],
  ])('"%s" fails by a difference that is shown, and far enough', (text, figure, fails) => {
    expect(failuresOf([figure], [parseFailCondition(text)])).toEqual(fails ? [`${text} at 1000/s`] : []);
  });

  it.each(['', 'delivered', 'delivered < 3', 'delivered = 3%', 'delivred < -3%', 'loss > 100%'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseFailCondition(text)).toThrow(QuantityError);
    },
  );

  it('has its figure suggested', () => {
    expect(() => parseFailCondition('delivred < -3%')).toThrow(/did you mean "delivered"/);
  });
});

describe('blocks', () => {
  const load = { unit: 'frames', counted: null } as const;
  const block = (sentFrames: number) => ({ offeredPerSecond: 10, a: phaseOf(), b: phaseOf({ sentFrames }) });

  it('give a figure where all of them have it, load by load', () => {
    const blocks = Array.from({ length: 6 }, () => block(900_000));
    const figures = compareBlocks([...blocks, { ...block(1), offeredPerSecond: 5 }], load, [[], []]);
    expect(figures.map(({ figure, offeredPerSecond }) => [figure, offeredPerSecond])).toEqual(
      ['delivered', 'loss', 'latency-p50', 'latency-p99'].map((figure) => [figure, 10]),
    );
    expect(figures[0].test).toMatchObject({ blocks: 6, ratio: { estimate: 0.9 }, shown: true, pValue: 2 / 64 });
    expect(figures[2].test.shown).toBe(false);
  });
});
