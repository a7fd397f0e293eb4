import Table from 'cli-table3';
import type { BenchResult, Row, Spread } from './bench.ts';

/** All rows of a run as one table, a line of verdict each. */
export function resultTable(results: readonly BenchResult[]): string {
  const table = new Table({
    head: ['what', 'unit', 'ours (min to max)', 'peer', 'ratio (min to max)', 'asked', '', 'waiting'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left', 'right'],
  });
  for (const { rows } of results) {
    for (const row of rows) {
      table.push([
        row.name,
        row.unit,
        spreadText(row.ours),
        row.peer === null ? '' : numberText(row.peer.median),
        row.ratio === null ? '' : spreadText(row.ratio),
        askedText(row),
        verdictOf(row),
        row.waitShare === null ? '' : `${(row.waitShare * 100).toFixed(1)} %`,
      ]);
    }
  }
  return table.toString();
}

/** The same rows on two Nodes; `change` is how many times the figure of the first. */
export function runtimeTable(
  results: readonly { readonly rows: readonly Row[]; readonly other: BenchResult | null }[],
  version: string,
  otherVersion: string,
): string {
  const table = new Table({
    head: ['what', 'unit', version, otherVersion, 'change', ''],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
  });
  for (const { rows, other } of results) {
    for (const row of rows) {
      const beside = other?.rows.find(({ name }) => name === row.name);
      if (beside !== undefined) table.push(comparison(row, beside));
    }
  }
  return table.toString();
}

function comparison(row: Row, beside: Row): string[] {
  const change = beside.ours.median / row.ours.median;
  const apart = row.ours.max < beside.ours.min || beside.ours.max < row.ours.min;
  const verdict = change > 1 === (row.better === 'higher') ? 'better' : 'worse';
  return [
    row.name,
    row.unit,
    spreadText(row.ours),
    spreadText(beside.ours),
    `${numberText(change)} x`,
    apart ? verdict : '',
  ];
}

/** Above this, others had so much of the cores that a miss says nothing about us. */
const DISTURBED_SHARE = 0.1;

/** Whether the medians hold what was asked of them: `pass`, `MISS`, or a word each for floor and reach. */
export function verdictOf({ better, ours, ratio, floor, reach, waitShare }: Row): string {
  const miss = waitShare !== null && waitShare > DISTURBED_SHARE ? 'disturbed' : 'MISS';
  const judge = (found: number, asked: number): string =>
    (better === 'higher' ? found >= asked : found <= asked) ? 'pass' : miss;
  return [
    ...(floor === null ? [] : [judge(ours.median, floor)]),
    ...(reach === null || ratio === null ? [] : [judge(ratio.median, reach)]),
  ].join(', ');
}

function askedText({ floor, reach, better }: Row): string {
  const sign = better === 'higher' ? '>=' : '<=';
  const parts = [
    ...(floor === null ? [] : [`${sign} ${numberText(floor)}`]),
    ...(reach === null ? [] : [`${sign} ${numberText(reach)} x`]),
  ];
  return parts.join(', ');
}

function spreadText({ median, min, max }: Spread): string {
  return `${numberText(median)} (${numberText(min)} to ${numberText(max)})`;
}

/** Three figures that count. */
export function numberText(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3);
}
