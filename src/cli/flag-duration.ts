import { parseDurationNs } from '../scenario/text/quantities.ts';
import { UsageError } from './errors.ts';

/** For `--duration`. @throws UsageError for what is no length of time. */
export function flagDurationNs(duration: string): number {
  try {
    const durationNs = parseDurationNs(duration);
    if (durationNs > 0) return durationNs;
  } catch (error) {
    throw new UsageError(`--duration: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new UsageError(`--duration: found "${duration}", allowed: more than nothing`);
}
