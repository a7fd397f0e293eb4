/** The end of a suite for people: a row a frame size for each test, and what its figures are worth. */
import {
  formatAmount,
  formatCompact,
  formatExact,
  formatSeconds,
  formatShare,
  formatTime,
} from '../../text/number-format.ts';
import { styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import type { Cell, Paint } from '../../metrics/text/text-table.ts';
import type { LossStep, Recovery, SizeResult, SuiteResult } from './suite-result.ts';

const INDENT = '  ';

export function suiteLines(result: SuiteResult, width: number, paint: Paint): string[] {
  const { sizes, search, timing, interrupted } = result;
  const table = (title: string, heads: readonly string[], rows: readonly Cell[][]): string[] => {
    if (rows.length === 0) return [];
    const columns = heads.map((_, i) => ({ align: i === 0 ? 'left' : 'right' }) as const);
    const lines = [heads.map((head) => styled('dim', head)), ...rows];
    return ['', paint('bold', title), ...tableLines(columns, lines, width - 2, paint).map((line) => INDENT + line)];
  };
  const rowsOf = (cells: (size: SizeResult) => Cell[] | null): Cell[][] =>
    sizes.flatMap((size) => {
      const row = cells(size);
      return row === null ? [] : [[size.size, ...row]];
    });
  return [
    '',
    paint('bold', `RFC 2544 of ${search.scenario}${interrupted ? ', interrupted' : ''}`),
    ...(timing.conformant ? [] : [paint('yellow', NOT_CONFORMANT)]),
    ...table('Throughput (26.1), frames/s', ['frame', 'line', 'throughput', 'of the line'], rowsOf(throughputCells)),
    ...table('Latency at the throughput (26.2, RFC 8219)', LATENCY_HEADS, rowsOf(latencyCells)),
    ...table('Frame loss rate (26.3)', LOSS_HEADS, sizes.flatMap(lossRows)),
    ...table('Back-to-back frames (26.4, RFC 9004), frames a stream', BURST_HEADS, rowsOf(burstCells)),
    ...table(
      'System recovery (26.5)',
      RECOVERY_HEADS,
      rowsOf(({ recovery }) => recovery && recoveryCells(recovery)),
    ),
    ...table('Livelock', LIVELOCK_HEADS, rowsOf(livelockCells)),
    '',
    ...sizes.flatMap((size) => standing(size, width, paint)),
    `${formatSeconds(result.elapsedMs * 1e6)} in all; reset (26.6, RFC 6201) is not measured`,
  ];
}

const NOT_CONFORMANT =
  'quick: trials are shorter and fewer than RFC 2544 asks for, so that nothing here conforms to it';
const LATENCY_HEADS = ['frame', 'typical', 'worst (99.9 %)', 'delay variation', 'repeats'];
const LOSS_HEADS = ['frame', 'offered', 'of the line', 'delivered', 'lost', ''];
const BURST_HEADS = ['frame', 'mean', 'least', 'most', 'buffer', 'corrected', 'repeats'];
const RECOVERY_HEADS = ['frame', 'overload', 'reduced to', 'recovered in', 'known to'];
const LIVELOCK_HEADS = ['frame', 'MLFRR', 'peak', 'at', 'at 2 x', 'at 4 x', 'kept', 'recovery'];

function throughputCells({ linePerSecond, throughputPerSecond, doubts }: SizeResult): Cell[] {
  const amount = throughputPerSecond === null ? '-' : formatExact(throughputPerSecond);
  return [
    formatExact(Math.floor(linePerSecond)),
    styled(doubts.length > 0 ? 'red' : 'bold', amount),
    formatShare(throughputPerSecond === null ? null : throughputPerSecond / linePerSecond),
  ];
}

function latencyCells({ latency }: SizeResult): Cell[] | null {
  if (latency === null) return null;
  const { typicalNs, worstNs, delayVariationNs, repeats } = latency;
  return [formatTime(typicalNs), formatTime(worstNs), formatTime(delayVariationNs), String(repeats)];
}

function lossRows({ size, lossSteps }: SizeResult): Cell[][] {
  return lossSteps.map(({ offeredPerSecond, share, deliveredPerSecond, lossRatio, validity }, i) => [
    i === 0 ? size : '',
    formatCompact(offeredPerSecond),
    formatShare(share),
    styled('bold', formatCompact(deliveredPerSecond)),
    formatShare(lossRatio),
    validity.status === 'valid' ? '' : styled('red', validity.status),
  ]);
}

function burstCells({ backToBack }: SizeResult): Cell[] | null {
  if (backToBack === null) return null;
  const { meanFrames, minFrames, maxFrames, wholeLine, impliedBufferNs, correctedBufferNs, repeats } = backToBack;
  const more = wholeLine ? ' or more' : '';
  return [
    styled('bold', `${formatExact(Math.round(meanFrames))}${more}`),
    formatExact(minFrames),
    formatExact(maxFrames),
    wholeLine ? '-' : formatTime(impliedBufferNs),
    wholeLine ? '-' : formatTime(correctedBufferNs),
    String(repeats),
  ];
}

function recoveryCells({ fromPerSecond, toPerSecond, recoveryNs, resolutionNs }: Recovery): Cell[] {
  return [
    formatCompact(fromPerSecond),
    formatCompact(toPerSecond),
    styled('bold', recoveryNs === null ? 'not at all' : formatTime(recoveryNs)),
    formatTime(resolutionNs),
  ];
}

function livelockCells({ livelock }: SizeResult): Cell[] | null {
  if (livelock === null) return null;
  const { mlfrrPerSecond, peak, atTwice, atFourTimes, recovery } = livelock;
  const delivered = (step: LossStep | null): string => formatCompact(step?.deliveredPerSecond ?? null);
  return [
    formatCompact(mlfrrPerSecond),
    styled('bold', formatCompact(peak.deliveredPerSecond)),
    formatCompact(peak.offeredPerSecond),
    delivered(atTwice),
    delivered(atFourTimes),
    formatShare(atFourTimes === null ? null : Math.min(1, atFourTimes.deliveredPerSecond / peak.deliveredPerSecond)),
    recovery.recoveryNs === null ? 'not at all' : formatTime(recovery.recoveryNs),
  ];
}

function standing({ size, ledger, doubts }: SizeResult, width: number, paint: Paint): string[] {
  const balance = ledger.balanced ? paint('green', 'balances') : paint('red', 'DOES NOT BALANCE');
  return [
    `${size}: ledger ${balance}, ${formatAmount(ledger.sentFrames)} frames sent`,
    ...ledger.faults.map((fault) => INDENT + fault),
    ...doubts.flatMap((doubt) => wrapWords(`- not to be believed: ${doubt}`, width)),
  ];
}
