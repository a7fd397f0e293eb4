/** The effects of a grid as a table: a row a value of a factor, then what factors do together. */
import { formatCompact, formatShare } from '../../text/number-format.ts';
import { styled, tableLines } from '../../metrics/text/text-table.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import type { RateEffects } from './effects.ts';
import { shortNames } from './grid.ts';
import { describeOffered } from './offered-rates.ts';
import type { SweepResult } from './sweep-result.ts';

const COLUMNS: readonly Column[] = (['left', 'left', 'right', 'right', 'right'] as const).map((align) => ({ align }));
const TITLES = ['factor', 'value', 'mean egress', 'to the first', 'of the variation'];

export function effectLines({ effects, rates }: SweepResult, width: number, paint: Paint): string[] {
  const rows = effects.flatMap((each, i): Cell[][] => [
    ...(i === 0 ? [] : [['', '', '', '', '']]),
    [styled('dim', describeOffered(rates[each.rateIndex])), '', '', '', ''],
    ...rateRows(each),
  ]);
  return rows.length === 0
    ? []
    : tableLines(COLUMNS, [TITLES.map((title) => styled('dim', title)), ...rows], width, paint);
}

function rateRows({ factors, interactions, higherShare, trialsShare }: RateEffects): Cell[][] {
  const names = shortNames(factors.map(({ key }) => key));
  const nameOf = (key: string): string => names[factors.findIndex((factor) => factor.key === key)];
  return [
    ...factors.flatMap(({ levels, share }, f) =>
      levels.map(({ value, egressPerSecond }, i): Cell[] => [
        i === 0 ? names[f] : '',
        value,
        formatCompact(egressPerSecond),
        i === 0 ? '' : changeText(egressPerSecond, levels[0].egressPerSecond),
        i === 0 ? shareText(share) : '',
      ]),
    ),
    ...interactions.map(({ keys, share }): Cell[] => [keys.map(nameOf).join(' x '), '', '', '', shareText(share)]),
    ...(factors.length > 2 ? [['three and more together', '', '', '', shareText(higherShare)]] : []),
    ['between trials', '', '', '', shareText(trialsShare)],
  ];
}

function changeText(value: number, first: number): string {
  if (first === 0) return '-';
  const percent = (value / first - 1) * 100;
  return `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

function shareText(share: number | null): string {
  return share === null ? '-' : formatShare(share);
}
