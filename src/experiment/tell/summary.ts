/** The end of a run for people: what was offered, what arrived, where the rest went, and why. */
import {
  formatAmount,
  formatCompact,
  formatExact,
  formatSeconds,
  formatShare,
  formatTime,
} from '../../text/number-format.ts';
import { provisioningStory, timedUntil } from '../../metrics/text/provisioning-text.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { coresMoved, describeDistance } from '../../runtime/os/core-distance.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { barText, dividedBar, shorten, styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import type { ThreadRow } from '../../metrics/derive/thread-shares.ts';
import { endedFrames, foreignBySink, tellOtherEnds } from '../judge/lost-frames.ts';
import type { Ledger, PhaseResult, RunResult } from '../run/run-result.ts';
import { expectationLines } from './expectation-lines.ts';
import { connectionLines } from './summary-connections.ts';
import { endLines } from './summary-ends.ts';
import { stateOf } from './thread-story.ts';

const WATERFALL_BAR_CELLS = 30;
const THREAD_BAR_CELLS = 24;
const POLICY_CHARS_MAX = 10;
const INDENT = '  ';

/** The whole summary as lines, none wider than `width` but for the paragraph's words, which are wrapped there. */
export function summaryLines(result: RunResult, width: number, paint: Paint): string[] {
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines.map((line) => (line === '' ? '' : INDENT + line))];
  const inner = width - INDENT.length;
  const lossy = result.phases.filter((phase) => endedFrames(phase) > 0);
  return [
    titleLine(result, paint),
    ...failureLines(result, width, paint),
    ...section('Traffic, frames/s', trafficLines(result.phases, inner, paint)),
    ...lossy.flatMap((phase) => section(lossTitle(phase), waterfallLines(result.scenario, phase, inner, paint))),
    ...section('What programs sent and received', endLines(result, inner, paint)),
    ...section('Connections, per second', connectionLines(result.phases, inner, paint)),
    ...section('Latency from the intended send time', latencyLines(result.phases, inner, paint)),
    ...result.phases.flatMap((phase) =>
      section(`Threads in phase ${phase.name}`, threadLines(phase.threads, inner, paint)),
    ),
    ...section('Virtual machines that came and went', provisioningLines(result.provisioning, inner, paint)),
    ...section('Expectations', expectationLines(result.expectations, inner, paint)),
    ...result.reports.flatMap(({ actor, lines }) => section(`Report of ${actor}`, lines)),
    ...section('Ledger', ledgerLines(result, inner, paint)),
    ...section('Validity', validityLines(result, inner, paint)),
    ...section('What limited this run', wrapWords(result.verdict, inner)),
  ];
}

function titleLine({ scenario, host, seed, phases, interrupted, tool }: RunResult, paint: Paint): string {
  const kind = HOST_WORDS[host.kind];
  const tested = phases.reduce((sum, { elapsedNs }) => sum + elapsedNs, 0);
  const cut = interrupted ? `, ${paint('yellow', 'interrupted')}` : '';
  const title = `${scenario.name} on ${kind}`;
  return `${paint('bold', title)}, seed ${seed}, ${formatSeconds(tested)} of traffic${cut} (${tool.name} ${tool.version}, node ${tool.node})`;
}

const RIGHT: Column = { align: 'right' };
const LEFT: Column = { align: 'left' };

function heading(...titles: readonly string[]): Cell[] {
  return titles.map((text) => styled('dim', text));
}

function failureLines({ failure }: RunResult, width: number, paint: Paint): string[] {
  if (failure === null) return [];
  const words = `The run broke off: ${failure}. What follows was measured until then.`;
  return wrapWords(words, width).map((line) => paint('red', line));
}

function trafficLines(phases: readonly PhaseResult[], width: number, paint: Paint): string[] {
  if (phases.length === 0) return ['none'];
  const rows = phases.flatMap((phase) => {
    const rate = (frames: number): string => formatCompact((frames * 1e9) / phase.elapsedNs);
    const row = (name: string, of: PhaseResult['total'] | PhaseResult['streams'][number], first: boolean): Cell[] => [
      first ? `${phase.name}${phase.complete ? '' : ' (cut short)'}` : '',
      first ? formatSeconds(phase.elapsedNs) : '',
      name,
      rate(of.offeredFrames),
      rate(of.sentFrames),
      styled('bold', rate(of.deliveredFrames)),
      (of.lossRatio ?? 0) > 0 ? styled('red', formatShare(of.lossRatio)) : formatShare(of.lossRatio),
    ];
    const streams = phase.streams.map((stream, i) => row(stream.name, stream, i === 0));
    return phase.streams.length > 1 ? [...streams, row(totalName(phase), phase.total, false)] : streams;
  });
  if (rows.length === 0) return [];
  const columns = [LEFT, RIGHT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT];
  return tableLines(
    columns,
    [heading('phase', 'time', 'stream', 'offered', 'sent', 'delivered', 'lost'), ...rows],
    width,
    paint,
  );
}

/** Two streams that go opposite ways are both directions of one path. */
function totalName({ streams }: PhaseResult): string {
  const [a, b] = streams;
  return streams.length === 2 && a.from === b.to && a.to === b.from && a.from !== a.to ? 'both ways' : 'all streams';
}

function lossTitle(phase: PhaseResult): string {
  const { lostFrames, sentFrames } = phase.total;
  const others = tellOtherEnds(phase);
  const lost = `${formatAmount(lostFrames)} of ${formatAmount(sentFrames)}`;
  if (others === null) return `Where frames were lost in phase ${phase.name}: ${lost}`;
  return `Where frames ended in phase ${phase.name}: ${lost} lost, and ${others}`;
}

/** Places in the order of what ended there, each bar a share of all that did. */
function waterfallLines(scenario: RunResult['scenario'], phase: PhaseResult, width: number, paint: Paint): string[] {
  const foreign = foreignBySink(scenario, phase).map(({ sink, frames }) => {
    return { actor: sink, reason: 'for nobody on that wire', frames };
  });
  const losses = [...phase.drops, ...foreign].sort((a, b) => b.frames - a.frames);
  const rows = losses.map(({ actor, reason, frames }): Cell[] => {
    const share = frames / endedFrames(phase);
    const bar = barText(share, WATERFALL_BAR_CELLS).padEnd(WATERFALL_BAR_CELLS);
    return [actor, reason, styled('red', bar), formatCompact(frames), formatShare(share)];
  });
  return tableLines([LEFT, LEFT, { align: 'left', width: WATERFALL_BAR_CELLS }, RIGHT, RIGHT], rows, width, paint);
}

function latencyLines(phases: readonly PhaseResult[], width: number, paint: Paint): string[] {
  const rows = phases.flatMap((phase) =>
    phase.latency.flatMap(({ stream, summary }): Cell[][] => {
      if (summary === null) return [];
      const { count, minNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs } = summary;
      return [
        [phase.name, stream, ...[minNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs].map(formatTime), formatCompact(count)],
      ];
    }),
  );
  if (rows.length === 0) return [];
  const title = heading('phase', '', 'min', 'p50', 'p90', 'p99', 'p99.9', 'max', 'frames');
  return tableLines([LEFT, LEFT, ...title.slice(2).map(() => RIGHT)], [title, ...rows], width, paint);
}

function threadLines(threads: readonly ThreadRow[], width: number, paint: Paint): string[] {
  const rows = threads.map((thread): Cell[] => {
    const bar = dividedBar(thread.runningRatio, thread.waitingRatio ?? 0, THREAD_BAR_CELLS);
    const isStarved = stateOf(thread) === 'starved';
    const waiting = formatShare(thread.waitingRatio);
    return [
      thread.name,
      `core ${thread.core}`,
      shorten(thread.policy, POLICY_CHARS_MAX),
      isStarved ? styled('yellow', bar) : bar,
      formatShare(thread.runningRatio),
      isStarved ? styled('yellow', waiting) : waiting,
      formatShare(thread.asleepRatio),
      formatCompact(thread.switchesPerSecond),
    ];
  });
  const title = heading('thread', '', 'class', '█ runs ▒ waits · sleeps', 'running', 'waiting', 'asleep', 'switches/s');
  const columns = [LEFT, LEFT, LEFT, { align: 'left', width: THREAD_BAR_CELLS } as const, RIGHT, RIGHT, RIGHT, RIGHT];
  return tableLines(columns, [title, ...rows], width, paint);
}

/** A row for each order, and below it what it was given for and what else came of it. */
function provisioningLines(events: RunResult['provisioning'], width: number, paint: Paint): string[] {
  const rows = events.map(({ vm, order, orderedNs, tookNs, droppedFrames }): Cell[] => [
    `${order} ${vm}`,
    `at ${formatSeconds(orderedNs)}`,
    tookNs === null ? styled('yellow', 'not finished') : styled('bold', formatTime(tookNs)),
    timedUntil(order),
    droppedFrames === 0 ? 'nothing lost in it' : `${formatAmount(droppedFrames)} lost in it`,
  ]);
  const lines = tableLines([LEFT, RIGHT, RIGHT, LEFT, LEFT], rows, width, paint);
  return events.flatMap((event, i) => [
    lines[i],
    ...wrapWords(provisioningStory(event), width - 2).map((line) => paint('dim', INDENT + line)),
  ]);
}

function ledgerLines({ ledger, integrity, host }: RunResult, width: number, paint: Paint): string[] {
  const verdict = ledger.balanced ? paint('green', 'balances') : paint('red', 'DOES NOT BALANCE');
  const consumed = ledger.consumedFrames === 0 ? '' : `${formatExact(ledger.consumedFrames)} taken by guests + `;
  const equation =
    `${formatExact(ledger.sentFrames)} sent + ${formatExact(ledger.copiedFrames)} copies = ` +
    `${formatExact(ledger.receivedFrames)} received + ${consumed}${formatExact(ledger.droppedFrames)} dropped + ` +
    `${formatExact(ledger.inFlightFrames)} in flight`;
  const { foreignFrames, corruptFrames, duplicateFrames, reorderedFrames } = integrity;
  const arrivals =
    `of those received: ${formatExact(corruptFrames)} corrupt, ${formatExact(duplicateFrames)} duplicate, ` +
    `${formatExact(reorderedFrames)} reordered, ${formatExact(foreignFrames)} not ours`;
  return [
    verdict,
    ...wrapWords(equation, width),
    // What programs were given they check themselves.
    ...(host.ends.length === 0 ? [arrivals] : []),
    ...bufferLines(ledger),
    ...unexplainedLines(ledger),
    ...ledger.faults.flatMap((fault) => wrapWords(fault, width).map((line) => paint('red', line))),
  ];
}

function unexplainedLines({ unexplainedFrames }: Ledger): string[] {
  if (unexplainedFrames === 0) return [];
  return [`${formatExact(unexplainedFrames)} of those dropped are in no account of the kernel's`];
}

function bufferLines({ slots, guestBuffers, inFlight }: Ledger): string[] {
  const counted = [
    { name: 'host slots', ...slots },
    ...guestBuffers.map(({ vm, ...each }) => ({ name: `buffers of ${vm}`, ...each })),
  ];
  const found = counted.map(
    ({ name, total, foundOnce }) => `${formatExact(foundOnce)} of ${formatExact(total)} ${name}`,
  );
  const places = inFlight.map(({ where, frames }) => `${formatExact(frames)} in ${where}`);
  return [
    `found exactly once: ${found.join(', ')}`,
    ...(places.length === 0 ? [] : [`in flight: ${places.join(', ')}`]),
  ];
}

function validityLines(
  { validity, phases, host: { coreDistance: distance } }: RunResult,
  width: number,
  paint: Paint,
): string[] {
  const style = validity.status === 'valid' ? 'green' : validity.status === 'invalid' ? 'red' : 'yellow';
  const text = { valid: 'valid', invalid: 'INVALID: do not use these figures', 'not judged': 'not judged' }[
    validity.status
  ];
  return [
    paint(style, text),
    ...validity.reasons.flatMap((reason) =>
      wrapWords(reason, width - 2).map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`)),
    ),
    ...validity.notes.flatMap((note) => wrapWords(note, width)).map((line) => paint('yellow', line)),
    ...wrapWords(othersText(phases), width),
    ...(distance !== null && coresMoved(distance) ? wrapWords(describeDistance(distance), width) : []),
  ];
}

/** The most of a core that others took in any phase, and that was excused. */
function othersText(phases: readonly PhaseResult[]): string {
  const cores = phases.flatMap((phase) => phase.cores ?? []);
  if (cores.length === 0) return '';
  const most = (of: (core: (typeof cores)[number]) => number): string => formatShare(Math.max(...cores.map(of)));
  return (
    `of a core, at most: others took ${most(({ foreignRatio }) => foreignRatio)}, the hypervisor ` +
    `${most(({ stealRatio }) => stealRatio)}; ${most(({ excusedRatio }) => excusedRatio)} was excused for going idle`
  );
}
