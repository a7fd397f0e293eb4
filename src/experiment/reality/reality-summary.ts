/** A reality check in words and tables. */
import { formatAmount, formatCompact, formatShare } from '../../text/number-format.ts';
import { tableLines } from '../../metrics/text/text-table.ts';
import type { Column, Paint } from '../../metrics/text/text-table.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { peakPerSecond, shareOfPeak } from './compare.ts';
import type { ConditionResult, HostCurve, RealityResult } from './reality.ts';

const LEFT: Column = { align: 'left' };
const RIGHT: Column = { align: 'right' };
const FAR_MULTIPLE = 4;

export function realityLines({ scenario, conditions }: RealityResult, width: number, paint: Paint): string[] {
  return conditions.flatMap((each) => [
    '',
    paint('bold', `${scenario}, ${each.condition}`),
    ...(each.skipped === null ? measuredLines(each, width, paint) : [`  not measured: ${each.skipped}`]),
  ]);
}

function measuredLines({ curves, distances }: ConditionResult, width: number, paint: Paint): string[] {
  const multiples = curves[0].points.map(({ multiple }) => multiple);
  const heading = ['of the peak at', ...multiples.map((each) => `${Number(each.toFixed(2))} L`)];
  const rows = curves.map((curve) => [
    HOST_WORDS[curve.host],
    ...multiples.map((multiple) => {
      const share = shareOfPeak(curve, multiple);
      return share === null ? '-' : formatShare(share);
    }),
  ]);
  const columns = [LEFT, ...multiples.map(() => RIGHT)];
  const absolute = [
    ['frames/s', 'L', 'peak', `at ${FAR_MULTIPLE} L`, 'ledger', 'invalid trials'],
    ...curves.map((curve) => absoluteCells(curve)),
  ];
  return [
    ...tableLines(columns, [heading, ...rows], width, paint),
    '',
    ...tableLines([LEFT, RIGHT, RIGHT, RIGHT, LEFT, RIGHT], absolute, width, paint),
    '',
    ...distances.map(({ host, distance }) =>
      distance === null
        ? `${HOST_WORDS[host]}: no valid load in common with the kernel`
        : `${HOST_WORDS[host]}: RMS distance ${formatShare(distance.rms)} from the kernel over ` +
          `${distance.multiples.length} loads; farthest at ${Number(distance.worst.multiple.toFixed(2))} L, by ` +
          `${distance.worst.difference < 0 ? '-' : '+'}${formatShare(Math.abs(distance.worst.difference))}`,
    ),
    ...curves.flatMap(({ host, invalid }) =>
      invalid.length === 0 ? [] : [`${HOST_WORDS[host]}: invalid trials as in: ${invalid[0]}`],
    ),
  ].map((line) => `  ${line}`);
}

function absoluteCells(curve: HostCurve): string[] {
  const far = curve.points.find(({ multiple, validTrials }) => multiple === FAR_MULTIPLE && validTrials > 0);
  return [
    HOST_WORDS[curve.host],
    formatAmount(curve.lossFreePerSecond),
    formatAmount(peakPerSecond(curve)),
    far === undefined ? '-' : formatCompact(far.median),
    curve.ledgerBalanced ? 'balances' : 'does not balance',
    `${curve.invalid.length} of ${curve.trials}`,
  ];
}
