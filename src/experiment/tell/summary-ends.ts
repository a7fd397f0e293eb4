import { formatCompact, formatExact } from '../../text/number-format.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { styled, tableLines } from '../../metrics/text/text-table.ts';
import type { RunResult } from '../run/run-result.ts';

const TITLES = ['end', 'namespace', 'sent', 'bit/s', 'received', 'bit/s'];
const COLUMNS: readonly Column[] = TITLES.map((_, i) => ({ align: i < 2 ? 'left' : 'right' }));

/** A row for each end of a wire where real programs were: whole frames, and the mean rate without FCS. */
export function endLines({ host, phases }: Pick<RunResult, 'host' | 'phases'>, width: number, paint: Paint): string[] {
  const rows = phases.flatMap(({ ends, elapsedNs }) =>
    ends.map(({ port, sentFrames, sentBytes, receivedFrames, receivedBytes }): Cell[] => {
      const bitRate = (bytes: number): string => formatCompact((bytes * 8e9) / elapsedNs);
      return [
        port,
        host.ends.find((end) => end.port === port)?.namespace ?? '',
        formatExact(sentFrames),
        bitRate(sentBytes),
        styled('bold', formatExact(receivedFrames)),
        bitRate(receivedBytes),
      ];
    }),
  );
  return rows.length === 0
    ? []
    : tableLines(COLUMNS, [TITLES.map((text) => styled('dim', text)), ...rows], width, paint);
}
