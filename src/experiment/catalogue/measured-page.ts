/** What a page says of a sweep that was measured, as Markdown, from the sweep's own document. */
import { formatCompact, formatShare } from '../../text/number-format.ts';
import { wrapWords } from '../../metrics/text/text-table.ts';
import { sharesOf } from '../sweep/points.ts';
import type { PointResult, SweepResult } from '../sweep/sweep-result.ts';

/** Lines of the page that the talk's figures stand between. */
export const TALK_BEGIN = '<!-- talk: written by npm run talk:publish -->';
export const TALK_END = '<!-- talk ends -->';

const TEXT_CHARS = 118;
/** Above this share of time a wait for a core is worth a word. */
const WAITING_RATIO = 0.5;

/** Why a document may not be published as the talk's graph; null when it may. */
export function unfitForTalk(document: unknown): string | null {
  const { kind, hostKind, scenario, exitCode, interrupted, expectations, search } = document as Partial<SweepResult>;
  if (kind !== 'sweep' || scenario !== 'kvm-forum-2014') return 'no sweep of kvm-forum-2014';
  if (hostKind !== 'threads') return `a sweep on ${hostKind ?? 'no'} host`;
  if (interrupted === true || exitCode !== 0) return `a sweep that ended with exit code ${exitCode ?? '-'}`;
  if ((search?.lossFreePerSecond ?? null) === null) return 'a sweep without a search for the loss-free rate';
  const unjudged = expectations?.filter(({ passed }) => passed !== true).length ?? 0;
  return unjudged === 0 ? null : `a sweep with ${unjudged} expectations that are not judged`;
}

/** The talk's figures: how they were made, and a row a variant. */
export function talkSection(result: SweepResult): string {
  const { trials, variants, points, rates, search, startedAt, tool, machine, expectations } = result;
  const valid = trials.filter(({ validity }) => validity.status !== 'invalid').length;
  const distances = variants.flatMap(({ coreDistance }) => (coreDistance === null ? [] : [coreDistance]));
  const [least, most] = [
    Math.min(...distances.map(({ leastNs }) => leastNs)),
    Math.max(...distances.map(({ mostNs }) => mostNs)),
  ].map((ns) => ns.toFixed(0));
  const apart = distances.length === 0 ? '' : ` A cache line was at the other core and back in ${least} to ${most} ns.`;
  const made =
    `Made on ${startedAt.slice(0, 10)} with Node ${tool.node.replace('v', '')} on ${machine.text}: ${valid} of ${trials.length} ` +
    `trials valid, ${expectations.length} of ${expectations.length} expectations met.${apart} L, the loss-free rate of ` +
    `the existing path (at most ${formatShare(result.lossFreeRatioMax)} lost) of which the rates are multiples, was searched first: ` +
    `${formatCompact(search!.lossFreePerSecond)}.`;
  const last = rates[rates.length - 1];
  const titles = [
    'egress, frames/s',
    'loss-free, of these rates',
    'peak',
    `at ${last.multiple} x L (${formatCompact(last.offeredPerSecond)})`,
    'lost there',
  ];
  const rows = variants.map(({ name, lossFreePerSecond, peak }) => {
    const point = points.findLast(({ variant }) => variant === name)!;
    const figures = [lossFreePerSecond, peak?.egressPerSecond ?? null, point.egressPerSecond.median];
    return [name, ...figures.map((figure) => formatCompact(figure)), lostThere(point)];
  });
  return [...wrapWords(made, TEXT_CHARS), '', ...table(titles, rows)].join('\n');
}

function lostThere(point: PointResult): string {
  const [most] = point.lostAt;
  if (most === undefined) return 'nothing';
  const waiting = sharesOf(point, 'vhost')?.waitingRatio ?? 0;
  const starved = waiting > WAITING_RATIO ? `; vhost waited ${formatShare(waiting)}` : '';
  return `${formatShare(most.ratio)} at the ${most.place}${starved}`;
}

/** Columns as wide as their widest cell, which is how the formatter wants them. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(titles), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
