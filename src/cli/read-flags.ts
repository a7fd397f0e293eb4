/** Values of flags that several verbs read alike. */
import { parseVariant } from '../experiment/sweep/variants.ts';
import type { VariantChange } from '../experiment/sweep/variants.ts';
import { parseDurationNs } from '../scenario/text/quantities.ts';
import { UsageError } from './errors.ts';

/** @throws UsageError */
export function readVariant(text: string): VariantChange {
  const change = parseVariant(text);
  if (change !== null) return change;
  throw new UsageError(`--variant: found "${text}", allowed: NAME=path=value,path=value`);
}

/** @throws UsageError when it is no time, or below `leastNs`. */
export function readDuration(flag: string, text: string, leastNs: number): number {
  const durationNs = named(flag, () => parseDurationNs(text));
  if (durationNs >= leastNs) return durationNs;
  throw new UsageError(`--${flag}: found "${text}", allowed: more than nothing`);
}

/** Reads a flag's value. @throws UsageError that names the flag and tells what `read` threw. */
export function named<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`--${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
