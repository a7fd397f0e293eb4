/** From blocks to a judgement: each figure's test, and the conditions under which a comparison fails. */
import { parseShare } from '../../scenario/text/quantities.ts';
import { QuantityError } from '../../scenario/text/quantities.ts';
import { didYouMean } from '../../scenario/text/suggestion.ts';
import type { PhaseResult, RunResult } from '../run/run-result.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import type { ComparedFigure, FailCondition } from './compare-result.ts';
import { FIGURE_NAMES } from './choices.ts';
import { figuresOf } from './figures.ts';
import { pairedTest } from './paired-test.ts';

/** Two trials of the same load that were made together. */
export interface Block {
  readonly offeredPerSecond: number;
  readonly a: PhaseResult;
  readonly b: PhaseResult;
}

type Threads = RunResult['threads'];

/** A row for each load and figure that every block of that load has on both sides. */
export function compareBlocks(
  blocks: readonly Block[],
  load: SweptLoad,
  threads: readonly [a: Threads, b: Threads],
): ComparedFigure[] {
  const loads = [...new Set(blocks.map(({ offeredPerSecond }) => offeredPerSecond))].sort((x, y) => x - y);
  return loads.flatMap((offeredPerSecond) => {
    const own = blocks.filter((block) => block.offeredPerSecond === offeredPerSecond);
    if (own.length < 2) return [];
    const sides = own.map(({ a, b }) => [figuresOf(a, load, threads[0]), figuresOf(b, load, threads[1])] as const);
    return FIGURE_NAMES.flatMap((figure): ComparedFigure[] => {
      const found = sides.map(([a, b]) => [a, b].map((of) => of.find(({ name }) => name === figure)));
      const pairs = found.flatMap(([a, b]) => (a && b ? [[a.value, b.value] as const] : []));
      if (pairs.length < own.length) return [];
      return [{ offeredPerSecond, figure, unit: found[0][0]!.unit, test: pairedTest(pairs), pairs }];
    });
  });
}

const FAIL_ALLOWED = `FIGURE < -SHARE or FIGURE > SHARE, such as 'delivered < -3%' or 'loss > 0.1%'; of ${FIGURE_NAMES.join(', ')}`;

/** Reads `delivered < -3%`. @throws QuantityError */
export function parseFailCondition(text: string): FailCondition {
  const [, figure, relation, sign, share] = /^\s*([\w-]+)\s*([<>])\s*([+-]?)\s*(.+?)\s*$/.exec(text) ?? [];
  if (figure === undefined) throw new QuantityError(text, FAIL_ALLOWED);
  if (!FIGURE_NAMES.includes(figure)) {
    throw new QuantityError(figure, `${FIGURE_NAMES.join(', ')}${didYouMean(figure, FIGURE_NAMES)}`);
  }
  const limit = (sign === '-' ? -1 : 1) * parseShare(share);
  return { text: text.trim(), figure, relation: relation as '<' | '>', limit };
}

/** The change from A to B that a condition is about; null where A has nothing to compare with. */
export function changeOf({ unit, test }: ComparedFigure): number | null {
  if (unit === 'share') return test.shift.estimate;
  return test.ratio === null ? null : test.ratio.estimate - 1;
}

/** A sentence for each condition that is met by a difference that is shown: what is not shown fails nothing. */
export function failuresOf(figures: readonly ComparedFigure[], conditions: readonly FailCondition[]): string[] {
  return conditions.flatMap(({ text, figure, relation, limit }) =>
    figures
      .filter((each) => each.figure === figure && each.test.shown)
      .filter((each) => {
        const change = changeOf(each);
        return change !== null && (relation === '<' ? change < limit : change > limit);
      })
      .map(({ offeredPerSecond }) => `${text} at ${Math.round(offeredPerSecond)}/s`),
  );
}
