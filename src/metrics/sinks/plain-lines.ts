/** A run as plain text, a line for each interval: for files, pipes and logs, where nothing can be redrawn. */
import { Subscription } from 'rxjs';
import type { HopRow } from '../derive/hops.ts';
import type { IntervalRecord } from '../derive/interval-record.ts';
import { lossRatio } from '../derive/interval-record.ts';
import type { LiveRun, ProvisioningEvent, RunHeading } from '../derive/live-run.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { formatCompact, formatSeconds, formatShare, formatTime } from '../../text/number-format.ts';
import { provisioningStory, timedUntil } from '../text/provisioning-text.ts';

/** Writes the heading now, a line at each interval, and one for each VM that came or went. */
export function printLines(live: LiveRun, write: (line: string) => void): Subscription {
  for (const line of headingLines(live.heading)) write(line);
  const nameChars = Math.max(...live.heading.parts.map(({ name }) => name.length));
  // One of its own: what is not finished is told of when the intervals have ended.
  const subscription = new Subscription();
  subscription.add(
    live.intervals.subscribe({
      next: (record) => write(intervalLine(record, nameChars)),
      error: () => undefined,
    }),
  );
  subscription.add(live.provisioning.subscribe((event) => write(provisioningLine(event, live.startNs))));
  return subscription;
}

/** What the results depend on, for people. */
export function headingLines({ scenario, hostKind, seed, lines, parts, commands }: RunHeading): string[] {
  const plan = parts.map(({ name, rate, durationNs }) => {
    const length = Number.isFinite(durationNs) ? formatSeconds(durationNs) : 'until Ctrl-C';
    return `${name} ${length}${rate === '' ? '' : ` at ${rate}`}`;
  });
  return [
    `${scenario} on ${HOST_WORDS[hostKind]}, seed ${seed}: ${plan.join(', ')}`,
    ...lines.map((line) => `  ${line}`),
    ...commandLines(commands),
    'rates in frames/s, of connections in connections/s; of threads the share of time running/waiting for a core',
  ];
}

/** What to type elsewhere, if anything is to be. */
export function commandLines(commands: readonly string[]): string[] {
  return commands.length === 0
    ? []
    : ['each in a terminal of its own, as root:', ...commands.map((line) => `  ${line}`)];
}

/**
 * ` 14.5 s  flood  offered 2.98M  sent 2.98M  eth0-to-eth1 54.3k  lost 98 %, most at eth0 rx (...)  softirq0 64/1`:
 * moment, phase, what was asked for and sent, what arrived each way, the place that lost most, and the threads that
 * decide who gets the core. Where real programs are, what they sent and received at each end. Where TCP clients are,
 * what became of their connections:
 * `eth0-to-vnic0 offered 2k  established 2k  completed 2k  failed 0`.
 */
export function intervalLine(record: IntervalRecord, phaseChars: number): string {
  const { streams, connections, hops, threads } = record;
  const sum = (of: (stream: (typeof streams)[number]) => number): number =>
    streams.reduce((total, stream) => total + of(stream), 0);
  const sentFps = sum(({ sentFps: each }) => each);
  const lost = lossRatio(
    sentFps,
    sum(({ deliveredFps }) => deliveredFps),
  );
  const deciding = threads.filter(({ name }) => /(^|\/)softirq\d|^vhost-/.test(name));
  return [
    formatSeconds(record.sinceStartNs).padStart(7),
    record.phase.padEnd(phaseChars),
    ...(streams.length === 0
      ? []
      : [
          labelled(
            'offered',
            sum(({ offeredFps }) => offeredFps),
          ),
          labelled('sent', sentFps),
        ]),
    ...streams.map(({ name, deliveredFps }) => labelled(name, deliveredFps)),
    ...hops.flatMap(({ place, actor, lane, inFps }) =>
      place === 'end' ? [labelled(`${actor} ${lane === 'tx' ? 'sent' : 'received'}`, inFps ?? 0)] : [],
    ),
    ...connections.flatMap(({ name, offeredPerSecond, establishedPerSecond, completedPerSecond, failedPerSecond }) => [
      labelled(`${name} offered`, offeredPerSecond),
      labelled('established', establishedPerSecond),
      labelled('completed', completedPerSecond),
      labelled('failed', failedPerSecond),
    ]),
    ...deciding.map(({ name, runningRatio, waitingRatio }) => {
      const waiting = waitingRatio === null ? '-' : wholePercent(waitingRatio);
      return `${name} ${`${wholePercent(runningRatio)}/${waiting}`.padEnd(5)}`;
    }),
    lossText(lost, hops),
  ].join('  ');
}

/** `  7.9 s  add vm1: 148 ms to its first frame; timeline; virtio-net vnic2: MTU 1500, MTU|MAC|...`. */
function provisioningLine(event: ProvisioningEvent, startNs: number): string {
  const { vm, order, tookNs, doneAtNs } = event;
  const took = tookNs === null ? 'not finished' : `${formatTime(tookNs)} ${timedUntil(order)}`;
  const at = formatSeconds(doneAtNs - startNs).padStart(7);
  return `${at}  ${order} ${vm}: ${took}; ${provisioningStory(event)}`;
}

function lossText(lost: number | null, hops: readonly HopRow[]): string {
  const worst = hops.reduce<HopRow | null>((most, hop) => (hop.dropFps > (most?.dropFps ?? 0) ? hop : most), null);
  if (worst === null) return 'nothing dropped';
  const place = worst.lane === '' ? worst.actor : `${worst.actor} ${worst.lane}`;
  const reason = `${place} (${worst.drops[0].reason})`;
  return lost === null ? `dropped at ${reason}` : `lost ${formatShare(lost)}, most at ${reason}`;
}

function labelled(label: string, perSecond: number): string {
  return `${label} ${formatCompact(perSecond).padEnd(5)}`;
}

function wholePercent(ratio: number): string {
  return String(Math.round(ratio * 100));
}
