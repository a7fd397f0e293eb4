import { InvalidArgumentError, Option } from 'commander';
import { BLOCKS_MAX, BLOCKS_MIN } from '../experiment/compare/choices.ts';
import { HOST_KINDS } from '../runtime/host.ts';

/** For options that may be repeated: all values in order. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** For `--set`: a path, an equals sign and a value. */
export function collectSetting(value: string, before: readonly string[]): string[] {
  if (!/^[^=\s]+=/.test(value))
    throw new InvalidArgumentError('expected path=value, such as run.phases.flood.rate=2Mpps.');
  return collect(value, before);
}

/** Values with commas between them. */
export function commaList(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new InvalidArgumentError('expected values with commas between them.');
  return items;
}

/** `--blocks`: as many as can show a difference at least. */
export function blockCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= BLOCKS_MIN && count <= BLOCKS_MAX) return count;
  throw new InvalidArgumentError(
    `expected a whole number from ${BLOCKS_MIN}, with which a difference can show, to ${BLOCKS_MAX}.`,
  );
}

/** `--host`, of all commands that run on any. */
export function hostOption(): Option {
  return new Option('--host <kind>', "real threads, virtual time, or this machine's own kernel")
    .choices(HOST_KINDS)
    .default('threads');
}

const JOBS_MAX = 256;

/** `--jobs`, of all commands that make many trials. */
export function jobsOption(): Option {
  return new Option('--jobs <count>', 'trials of virtual time made side by side (default: one a core)').argParser(
    (text) => {
      const count = Number(text);
      if (Number.isInteger(count) && count >= 1 && count <= JOBS_MAX) return count;
      throw new InvalidArgumentError(`expected a whole number from 1 to ${JOBS_MAX}.`);
    },
  );
}
