/** Streams of a sweep one by one: what each was to carry, what arrived, how much was lost and how long it took. */
import { formatCompact, formatShare, formatTime } from '../../text/number-format.ts';
import { styled, tableLines } from '../../metrics/text/text-table.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { offeredCells, offeredTitles } from './offered-rates.ts';
import { LOAD_WORDS } from './swept-load.ts';
import type { PointResult, StreamPoint, SweepResult } from './sweep-result.ts';

export function streamsTitle({ load: { counted } }: SweepResult): string {
  return counted === null ? 'Streams at the highest load' : `${counted}: loss and latency`;
}

/**
 * A row for each variant at every load, of the stream that counts; where all count, for each of them at the highest
 * load. Nothing where streams are alike: then their sum says it all.
 */
export function streamLines(result: SweepResult, width: number, paint: Paint): string[] {
  const { load, rates, points } = result;
  const { counted, unit } = load;
  const shown = (point: PointResult): StreamPoint[] =>
    point.streams.filter(({ name }) => (counted === null ? point.rateIndex === rates.length - 1 : name === counted));
  if (counted === null && unit === 'frames' && areAlike(points)) return [];
  const rows = rates.flatMap((rate, rateIndex) =>
    points
      .filter((point) => point.rateIndex === rateIndex)
      .flatMap((point) => shown(point).map((stream) => [...offeredCells(rate), point.variant, ...cellsOf(stream)])),
  );
  const words = LOAD_WORDS[unit];
  const offered = offeredTitles(rates[0].multiple !== null);
  const titles = [...offered, 'variant', 'stream', 'asked', words.egress, words.lost, 'p50', 'p99'];
  const columns = titles.map((title): Column => ({ align: ['variant', 'stream'].includes(title) ? 'left' : 'right' }));
  return tableLines(columns, [titles.map((title) => styled('dim', title)), ...rows], width, paint);
}

/** Streams that are asked for the same rate. */
function areAlike(points: readonly PointResult[]): boolean {
  return points.every(({ streams }) =>
    streams.every(({ requestedPerSecond }) => requestedPerSecond === streams[0].requestedPerSecond),
  );
}

function cellsOf({ name, requestedPerSecond, egressPerSecond, lossRatio, latency }: StreamPoint): Cell[] {
  const lost = lossRatio?.median ?? null;
  return [
    name,
    formatCompact(requestedPerSecond),
    styled('bold', formatCompact(egressPerSecond.median)),
    lost !== null && lost > 0 ? styled('red', formatShare(lost)) : formatShare(lost),
    formatTime(latency?.p50Ns ?? null),
    formatTime(latency?.p99Ns ?? null),
  ];
}
