/** A comparison for people: a row for each figure at each load, and what may be said of it. */
import { formatAmount, formatCompact, formatSeconds, formatShare, formatTime } from '../../text/number-format.ts';
import { styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import type { CompareResult, ComparedFigure } from './compare-result.ts';
import type { Interval } from './paired-test.ts';
import { BLOCKS_MIN } from './choices.ts';

const INDENT = '  ';

export function compareLines(result: CompareResult, width: number, paint: Paint): string[] {
  const { sides, figures, interrupted, failures, caveats, blocksLeftOut } = result;
  const [a, b] = sides;
  const loads = [...new Set(figures.map(({ offeredPerSecond }) => offeredPerSecond))];
  const sections = loads.flatMap((load) => {
    const own = figures.filter((figure) => figure.offeredPerSecond === load && isSomething(figure));
    const title = `At ${formatAmount(load)}/s offered, ${own[0].test.blocks} blocks, medians`;
    const columns: Column[] = ['left', 'right', 'right', 'right', 'left', 'right', 'left'].map((align) => {
      return { align: align as Column['align'] };
    });
    const heads = ['', 'A', 'B', 'change', '95 % interval', 'p', ''].map((text) => styled('dim', text));
    return ['', paint('bold', title), ...indented(tableLines(columns, [heads, ...own.map(cellsOf)], width - 2, paint))];
  });
  const invalid = blocksLeftOut === 0 ? '' : `, ${blocksLeftOut} invalid blocks left out`;
  return [
    '',
    paint('bold', `A: ${a}`),
    paint('bold', `B: ${b}`),
    ...(figures.length === 0 ? ['nothing was compared'] : sections),
    '',
    ...caveats.flatMap((text) => wrapWords(text, width)),
    ...failures.map((text) => paint('red', `fails: ${text}`)),
    `${formatSeconds(result.elapsedMs * 1e6)}${invalid}${interrupted ? ', interrupted' : ''}`,
  ];
}

/** Threads that did nothing on either side are no news. */
function isSomething({ figure, pairs }: ComparedFigure): boolean {
  return figure === 'delivered' || figure === 'loss' || pairs.some(([a, b]) => a !== 0 || b !== 0);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => INDENT + line);
}

function cellsOf(compared: ComparedFigure): Cell[] {
  const { figure, unit, test } = compared;
  const shown = (value: number): string => {
    if (unit === 'share') return formatShare(value);
    return unit === 'time' ? formatTime(value) : formatCompact(value);
  };
  const [change, interval] = changeText(compared);
  return [
    figure,
    shown(test.medianA),
    shown(test.medianB),
    test.shown ? styled('bold', change) : change,
    interval,
    test.pValue < 0.001 ? '<0.001' : test.pValue.toFixed(3),
    test.shown ? styled('bold', verdictOf(compared)) : verdictOf(compared),
  ];
}

/** As a share of A; of shares, the difference in per cent of the whole. */
function changeText({ unit, test }: ComparedFigure): [change: string, interval: string] {
  const of = unit === 'share' ? test.shift : test.ratio === null ? null : lessOne(test.ratio);
  if (of === null) return ['-', ''];
  const suffix = unit === 'share' ? ' points' : ' %';
  return [`${percent(of.estimate)}${suffix}`, `[${percent(of.low)} .. ${percent(of.high)}]`];
}

function lessOne({ estimate, low, high }: Interval): Interval {
  return { estimate: estimate - 1, low: low - 1, high: high - 1 };
}

function percent(ratio: number): string {
  const text = (ratio * 100).toFixed(Math.abs(ratio) < 0.1 ? 2 : 1);
  return ratio > 0 ? `+${text}` : text;
}

/** What may be said; of a difference that is not shown, how large one could be and have been missed. */
function verdictOf({ unit, test }: ComparedFigure): string {
  if (test.shown) return test.shift.estimate > 0 ? 'more' : 'less';
  if (test.blocks < BLOCKS_MIN) return `too few blocks to show any (${BLOCKS_MIN} at least)`;
  const of = unit === 'share' ? test.shift : test.ratio === null ? null : lessOne(test.ratio);
  if (of === null) return 'no difference shown';
  if (of.low === of.high) return 'no difference at all';
  const missed = Math.max(Math.abs(of.low), Math.abs(of.high));
  return `no difference shown; up to ${(missed * 100).toFixed(missed < 0.1 ? 2 : 0)} ${unit === 'share' ? 'points' : '%'} may be missed`;
}
