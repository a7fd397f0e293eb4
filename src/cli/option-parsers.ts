import { InvalidArgumentError } from 'commander';

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
