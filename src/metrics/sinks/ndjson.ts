/** Records for programs: one JSON object a line, an event's name and its data, as iperf3's --json-stream has them. */
import { Subscription } from 'rxjs';
import type { LiveRun } from '../derive/live-run.ts';

export type NdjsonEvent = 'start' | 'interval' | 'provisioning' | 'end' | 'error';

/**
 * One line. Every record carries the wall-clock time and the run's monotonic one; numbers that are undefined (a ratio
 * without a denominator) are null, since JSON has neither NaN nor Infinity.
 */
export function ndjsonLine(event: NdjsonEvent, monotonicNs: number, data: object, at = new Date()): string {
  return JSON.stringify({ event, data: { time: at.toISOString(), monotonicNs, ...data } });
}

/**
 * Writes an `interval` record for each interval, a `provisioning` record for each VM that came or went. `start`, `end`
 * and `error` are the caller's: it knows how a run ends.
 */
export function streamIntervals(live: LiveRun, writeLine: (line: string) => void): Subscription {
  // One of its own: what is not finished is told of when the intervals have ended.
  const subscription = new Subscription();
  subscription.add(
    live.intervals.subscribe({
      next: (record) => writeLine(ndjsonLine('interval', record.monotonicNs, record)),
      error: () => undefined,
    }),
  );
  subscription.add(
    live.provisioning.subscribe((event) => writeLine(ndjsonLine('provisioning', event.doneAtNs, event))),
  );
  return subscription;
}
