/** The part of a run's summary that tells of TCP connections. */
import { formatCompact, formatShare, formatTime } from '../../text/number-format.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import type { ConnectionResult, PhaseResult } from '../run/run-result.ts';

/** A row for each phase and client, and below them why connections failed; nothing for a run without clients. */
export function connectionLines(phases: readonly PhaseResult[], width: number, paint: Paint): string[] {
  const each = phases.flatMap((phase) => phase.connections.map((connections) => ({ phase, connections })));
  if (each.length === 0) return [];
  const titles = ['phase', 'connections', 'offered', 'established', 'completed', 'p50', 'p99', 'failed'];
  const columns = titles.map((_, i): Column => ({ align: i < 2 ? 'left' : 'right' }));
  const rows = each.map(({ phase, connections }) => rowOf(phase, connections));
  const table = tableLines(columns, [titles.map((text) => styled('dim', text)), ...rows], width, paint);
  return [...table, ...each.flatMap(({ phase, connections }) => failureLines(phase, connections, width))];
}

function rowOf(
  phase: PhaseResult,
  { name, offered, established, completed, latency, failures }: ConnectionResult,
): Cell[] {
  const perSecond = (count: number): string => formatCompact((count * 1e9) / phase.elapsedNs);
  const failed = failures.reduce((sum, { connections }) => sum + connections, 0);
  const share = formatShare(offered === 0 ? null : failed / offered);
  return [
    `${phase.name}${phase.complete ? '' : ' (cut short)'}`,
    name,
    perSecond(offered),
    perSecond(established),
    styled('bold', perSecond(completed)),
    latency === null ? '' : formatTime(latency.p50Ns),
    latency === null ? '' : formatTime(latency.p99Ns),
    failed > 0 ? styled('red', share) : share,
  ];
}

function failureLines(
  { name: phase }: PhaseResult,
  { name, offered, failures }: ConnectionResult,
  width: number,
): string[] {
  return failures
    .filter(({ connections }) => connections > 0)
    .flatMap(({ reason, connections }) =>
      wrapWords(`${phase}, ${name}: ${formatShare(connections / offered)} failed: ${reason}`, width),
    );
}
