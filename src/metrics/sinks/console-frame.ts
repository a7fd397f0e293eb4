/**
 * The picture of one interval as lines of text: what console-view.ts puts on the screen. Pure, so that it can be
 * tested.
 */
import type { HopRow } from '../derive/hops.ts';
import { mergeLanes } from '../derive/hops.ts';
import type { ConnectionRates, IntervalRecord, StreamRates } from '../derive/interval-record.ts';
import type { RunHeading } from '../derive/live-run.ts';
import { commandLines } from './plain-lines.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { formatCompact, formatSeconds, formatShare, formatTime } from '../../text/number-format.ts';
import type { Cell, Column, Paint } from '../text/text-table.ts';
import { barText, dividedBar, shorten, styled, tableLines } from '../text/text-table.ts';
import type { ThreadRow } from '../derive/thread-shares.ts';

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** Below this share of an interval a thread is idle enough to be left out where there is no room. */
const IDLE_RATIO = 0.005;
/** A thread that is kept from running this much of the time is shown in colour. */
const STARVED_RATIO = 0.3;
/** Deliveries that change by more than this get an arrow. */
const ARROW_RATIO = 0.05;
const THREAD_BAR_CELLS = 20;
const PROGRESS_CELLS_MAX = 20;
/** Lines that are there whatever is shown: the title, and the headings of path and threads. */
const FIXED_LINES = 3;

/**
 * Lines of a frame, at most `size.rows` of them, none wider than `size.columns`. `previous` is the record before, for
 * arrows. Where rows are short, blank lines go first, then the two lanes of a component become one row, then idle
 * threads are left out, and at last rows are counted instead of shown.
 */
export function renderFrame(
  heading: RunHeading,
  record: IntervalRecord,
  previous: IntervalRecord | null,
  size: FrameSize,
  paint: Paint,
): string[] {
  const commands = commandLines(heading.commands);
  const { hops, threads, spacious } = fit(record, size.rows - commands.length);
  const blank = spacious ? [''] : [];
  const lines = [
    titleLine(heading, record, size.columns, paint),
    ...commands.map((line) => paint('bold', shorten(line, size.columns))),
    ...blank,
    ...trafficLines(record, previous, size.columns, paint),
    ...connectionLines(record, previous, size.columns, paint),
    ...blank,
    ...hopLines(hops, size.columns, paint),
    ...blank,
    ...threadLines(threads, size.columns, paint),
  ];
  if (lines.length <= size.rows) return lines;
  const hidden = lines.length - size.rows + 1;
  return [
    ...lines.slice(0, size.rows - 1),
    paint('dim', shorten(`… ${hidden} more rows: the terminal is too low`, size.columns)),
  ];
}

interface Fitting {
  readonly hops: readonly HopRow[];
  readonly threads: readonly ThreadRow[];
  readonly spacious: boolean;
}

function fit(record: IntervalRecord, rows: number): Fitting {
  // Generators and sinks are in the traffic table already.
  const hops = record.hops.filter(({ place }) => place !== 'generator' && place !== 'client' && place !== 'sink');
  const merged = mergeLanes(hops);
  const busy = record.threads.filter((thread) => thread.runningRatio + (thread.waitingRatio ?? 0) > IDLE_RATIO);
  const traffic = [record.streams, record.connections].map(({ length }) => (length === 0 ? 0 : 1 + length));
  const lines = (hopCount: number, threadCount: number): number =>
    FIXED_LINES + traffic[0] + traffic[1] + hopCount + threadCount;
  const { threads } = record;
  if (lines(hops.length, threads.length) + 3 <= rows) return { hops, threads, spacious: true };
  if (lines(hops.length, threads.length) <= rows) return { hops, threads, spacious: false };
  if (lines(merged.length, threads.length) <= rows) return { hops: merged, threads, spacious: false };
  return { hops: merged, threads: busy, spacious: false };
}

function titleLine(heading: RunHeading, record: IntervalRecord, columns: number, paint: Paint): string {
  const totalNs = heading.parts.reduce((sum, { durationNs }) => sum + durationNs, 0);
  const index = heading.parts.findIndex(({ name }) => name === record.phase);
  const rate = heading.parts[index]?.rate ?? '';
  const host = HOST_WORDS[heading.hostKind];
  const done = totalNs === 0 ? 0 : record.sinceStartNs / totalNs;
  const ends = Number.isFinite(totalNs);
  const time = `${formatSeconds(record.sinceStartNs)}${ends ? ` of ${formatSeconds(totalNs)}` : ', until Ctrl-C'}`;
  const cells = Math.max(0, Math.min(PROGRESS_CELLS_MAX, columns - 62));
  const bar = cells < 5 || !ends ? '' : `▕${barText(done, cells).padEnd(cells)}▏`;
  const parts: Cell[] = [
    styled('bold', heading.scenario),
    styled('cyan', `${record.phase}${rate === '' ? '' : ` ${rate}`}`),
    time,
    bar,
    styled('dim', host),
  ];
  const shown = parts.filter((cell) => cell !== '');
  return tableLines(
    shown.map(() => ({ align: 'left' })),
    [shown],
    columns,
    paint,
  )[0];
}

/** After the stream's name: 80 columns in all with a name of 15. */
const TRAFFIC_COLUMNS: readonly Column[] = [7, 6, 9, 8, 7, 7, 7].map((width) => ({ align: 'right', width }));
const TRAFFIC_NAME_CHARS = 15;

function trafficLines(
  record: IntervalRecord,
  previous: IntervalRecord | null,
  columns: number,
  paint: Paint,
): string[] {
  if (record.streams.length === 0) return [];
  const title = ['STREAM frames/s', 'offered', 'sent', 'delivered', 'lost', 'p50', 'p99', 'p99.9'];
  const table: Column[] = [nameColumn(record.streams, columns), ...TRAFFIC_COLUMNS];
  const rows = record.streams.map((stream): Cell[] => [
    stream.name,
    formatCompact(stream.offeredFps),
    formatCompact(stream.sentFps),
    changingCell(stream.deliveredFps, previous?.streams.find(({ name }) => name === stream.name)?.deliveredFps),
    lossCell(stream.lossRatio),
    formatTime(stream.latency?.p50Ns ?? null),
    formatTime(stream.latency?.p99Ns ?? null),
    formatTime(stream.latency?.p999Ns ?? null),
  ]);
  return tableLines(table, [title.map((text) => styled('dim', text)), ...rows], columns, paint);
}

const CONNECTION_COLUMNS: readonly Column[] = [7, 11, 10, 6, 7, 7].map((width) => ({ align: 'right', width }));

function connectionLines(
  { connections }: IntervalRecord,
  previous: IntervalRecord | null,
  columns: number,
  paint: Paint,
): string[] {
  if (connections.length === 0) return [];
  const title = ['CONNECTIONS/s', 'offered', 'established', 'completed', 'failed', 'p50', 'p99'];
  const rows = connections.map((each): Cell[] => [
    each.name,
    formatCompact(each.offeredPerSecond),
    formatCompact(each.establishedPerSecond),
    changingCell(
      each.completedPerSecond,
      previous?.connections.find(({ name }) => name === each.name)?.completedPerSecond,
    ),
    each.failedPerSecond > 0 ? styled('red', formatCompact(each.failedPerSecond)) : styled('dim', '0'),
    formatTime(each.latency?.p50Ns ?? null),
    formatTime(each.latency?.p99Ns ?? null),
  ]);
  const table = [nameColumn(connections, columns), ...CONNECTION_COLUMNS];
  return tableLines(table, [title.map((text) => styled('dim', text)), ...rows], columns, paint);
}

/** As wide as its longest name where there is room. */
function nameColumn(rows: readonly (StreamRates | ConnectionRates)[], columns: number): Column {
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const width = Math.max(TRAFFIC_NAME_CHARS, Math.min(longest, columns - 80 + TRAFFIC_NAME_CHARS));
  return { align: 'left', width };
}

/** A rate, with an arrow where it is not what it was. */
function changingCell(perSecond: number, was = perSecond): Cell {
  const change = perSecond - was;
  const arrow = Math.abs(change) <= ARROW_RATIO * was ? ' ' : change > 0 ? '↑' : '↓';
  return styled('bold', `${formatCompact(perSecond)}${arrow}`);
}

function lossCell(ratio: number | null): Cell {
  return ratio !== null && ratio > 0.001 ? styled('red', formatShare(ratio)) : formatShare(ratio);
}

const HOP_COLUMNS: readonly Column[] = [
  { align: 'left', width: 16 },
  { align: 'right', width: 6 },
  { align: 'right', width: 6 },
  { align: 'right', width: 6 },
  { align: 'right', width: 9 },
  { align: 'left' },
];

function hopLines(hops: readonly HopRow[], columns: number, paint: Paint): string[] {
  const title = ['PATH   frames/s', 'in', 'out', 'lost', 'queue', 'why frames end here'];
  const rows = hops.map((hop): Cell[] => [
    hop.lane === '' ? hop.actor : `${hop.actor} ${hop.lane}`,
    formatCompact(hop.inFps),
    formatCompact(hop.outFps),
    hop.dropFps > 0 ? styled('red', formatCompact(hop.dropFps)) : styled('dim', '0'),
    ringCell(hop),
    hop.drops.length === 0 ? '' : styled('red', describeDrops(hop)),
  ]);
  return tableLines(HOP_COLUMNS, [title.map((text) => styled('dim', text)), ...rows], columns, paint);
}

/** Frames in front of the hop and how many fit there. */
function ringCell({ ring }: HopRow): Cell {
  if (ring === null) return styled('dim', '-');
  const text = `${ring.depthFrames}/${ring.limitFrames}`;
  return ring.depthFrames * 10 >= ring.limitFrames * 9 ? styled('yellow', text) : text;
}

function describeDrops({ drops, dropFps }: HopRow): string {
  if (drops.length === 1) return drops[0].reason;
  return drops.map(({ reason, fps }) => `${reason} ${formatShare(fps / dropFps)}`).join(', ');
}

const THREAD_COLUMNS: readonly Column[] = [
  { align: 'left', width: 13 },
  { align: 'right', width: 4 },
  { align: 'left', width: 8 },
  { align: 'left', width: THREAD_BAR_CELLS },
  { align: 'right', width: 5 },
  { align: 'right', width: 5 },
  { align: 'right', width: 5 },
  { align: 'right', width: 5 },
];

function threadLines(threads: readonly ThreadRow[], columns: number, paint: Paint): string[] {
  const title = ['THREAD', 'core', 'class', '█ runs ▒ waits ·', 'run', 'wait', 'sleep', 'sw/s'];
  const rows = threads.map((thread): Cell[] => {
    const waiting = thread.waitingRatio ?? 0;
    const isStarved = waiting > STARVED_RATIO;
    const bar = dividedBar(thread.runningRatio, waiting, THREAD_BAR_CELLS);
    return [
      thread.name,
      `${thread.core}`,
      thread.policy,
      isStarved ? styled('yellow', bar) : bar,
      percent(thread.runningRatio),
      isStarved ? styled('yellow', percent(waiting)) : percent(thread.waitingRatio),
      percent(thread.asleepRatio),
      formatCompact(thread.switchesPerSecond),
    ];
  });
  return tableLines(THREAD_COLUMNS, [title.map((text) => styled('dim', text)), ...rows], columns, paint);
}

/** Whole percent, narrow enough for a row of three. */
function percent(ratio: number | null): string {
  return ratio === null ? '-' : `${Math.round(ratio * 100)} %`;
}
