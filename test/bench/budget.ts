import type { Row } from './bench.ts';
import { MODES } from './modes.ts';
import { numberText } from './table.ts';

/** What a hop cannot do without on a frame of 64 bytes: copies of it, cache lines read or written where they lie. */
interface Hop {
  readonly station: string;
  readonly copies: number;
  readonly lines: number;
  readonly touches: string;
}

const HOPS: readonly Hop[] = [
  { station: 'generator', copies: 1, lines: 0, touches: 'writes the frame' },
  { station: 'nic rx', copies: 1, lines: 1, touches: 'copies it, writes its header or descriptor' },
  { station: 'softirq napi', copies: 0, lines: 0, touches: 'passes its id on' },
  { station: 'bridge', copies: 0, lines: 1, touches: 'reads its addresses; twice a frame' },
  { station: 'tap', copies: 0, lines: 0, touches: 'passes its id on' },
  { station: 'vhost rx', copies: 1, lines: 2, touches: 'copies it, reads a descriptor, writes a used element' },
  { station: 'vcpu ip-forward', copies: 0, lines: 3, touches: 'reads and rewrites it, two descriptors' },
  { station: 'vhost tx', copies: 1, lines: 2, touches: 'copies it, reads a descriptor, writes a used element' },
  { station: 'softirq backlog', copies: 0, lines: 0, touches: 'passes its id on' },
  { station: 'softirq tx clean', copies: 0, lines: 0, touches: 'frees its id' },
  { station: 'nic tx', copies: 1, lines: 1, touches: 'copies it, reads its length' },
  { station: 'sink', copies: 0, lines: 1, touches: 'reads and checks every byte' },
  { station: 'counters published', copies: 0, lines: 0, touches: 'once a batch' },
  { station: 'whole path', copies: 0, lines: 0, touches: '' },
];

/** Names of the rows of `limits` that the budget is read against. */
export const ROUND_TRIP = 'cache line to the other core and back';
export const COPY_LOCAL = "64-byte copy out of one's own cache";
export const COPY_REMOTE = "64-byte copy out of the other core's cache";

/**
 * ns a frame of every hop in every mode beside what touching that memory costs at all, as Markdown; null unless
 * `limits` and `actors` are both among the rows. The floor is C's, of the least disturbed round: copies out of the
 * other core's cache, and half a round trip for each further line.
 */
export function budgetMarkdown(rows: readonly Row[]): string | null {
  const find = (name: string): Row | undefined => rows.find((row) => row.name === name);
  const [trip, local, remote] = [ROUND_TRIP, COPY_LOCAL, COPY_REMOTE].map(find);
  if (trip === undefined || local === undefined || remote === undefined) return null;
  if (find(`${MODES[0].name}: whole path`) === undefined) return null;
  const copyNs = (remote.peer ?? remote.ours).min;
  const lineNs = (trip.peer ?? trip.ours).min / 2;
  const cells = HOPS.map(({ station, copies, lines, touches }) => [
    station,
    touches,
    copies + lines === 0 ? '' : numberText(copies * copyNs + lines * lineNs),
    ...MODES.map(({ name }) => find(`${name}: ${station}`)).map((row) => (row ? numberText(row.ours.median) : '')),
  ]);
  const head = ['ns a frame', 'of the frame it', 'memory alone, at most', ...MODES.map(({ name }) => name)];
  const lines = [head, head.map((_, column) => (column < 2 ? '---' : '---:')), ...cells];
  const limit = ({ ours, peer }: Row): string =>
    `${numberText(ours.min)} ns${peer === null ? '' : ` (C ${numberText(peer.min)})`}`;
  return [
    ...lines.map((line) => `| ${line.join(' | ')} |`),
    '',
    `In the same run, at least: ${ROUND_TRIP} ${limit(trip)}; ${COPY_LOCAL} ${limit(local)}; ${COPY_REMOTE} ${limit(remote)}.`,
  ].join('\n');
}
