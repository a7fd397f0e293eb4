/** The sweep section with what was left out filled in, and what is wrong with it. */
import type { KeyPath, ReportFault } from '../fault.ts';
import { AT_ALLOWED } from '../keys/sweep.ts';
import type { ParsedSweep, ParsedSweepExpectation } from '../keys/sweep.ts';
import { SWEPT_MODES, VNIC_MODES } from '../modes.ts';
import type { SweepAt, SweepExpectation, SweepMeasurement, SweepSpec } from '../scenario.ts';
import {
  CONNECTION_RATE_FORM,
  QuantityError,
  parseConnectionRate,
  parseDurationNs,
  parseRate,
} from '../text/quantities.ts';
import { didYouMean } from '../text/suggestion.ts';
import { SWEEP_METRICS } from '../words.ts';
import type { SweepMetric } from '../words.ts';

const UNIT_WORDS = {
  rate: 'a rate such as 100kpps or 2kcps',
  ratio: 'a share such as 0.2 or 20%',
  ns: 'a duration such as 5ms',
} as const;

/** Completes the section. Faults are reported by the key at fault, and then the result is not to be used. */
export function completeSweep({ modes, variants, expect }: ParsedSweep, report: ReportFault): SweepSpec {
  const names = variants.map(({ name }) => name);
  const compared = modes ?? (variants.length === 0 ? SWEPT_MODES : []);
  // Without variants any mode may be asked for by --modes.
  const known = variants.length === 0 && modes === undefined ? VNIC_MODES : [...compared, ...names];
  names.forEach((name, i) => {
    const before: readonly string[] = [...compared, ...names.slice(0, i)];
    if (before.includes(name)) report(['variants', i, 'name'], `found "${name}" a second time, allowed: once`);
  });
  return {
    modes: compared,
    variants: variants.map(({ name, set }) => ({ name, overrides: set })),
    expect: expect.map((each, i) => resolve(each, known, (path, text) => report(['expect', i, ...path], text))),
  };
}

function resolve(input: ParsedSweepExpectation, known: readonly string[], report: ReportFault): SweepExpectation {
  const { metric, relation, value, than, why = '' } = input;
  const left = resolveMeasurement(metric, input, known, [], report);
  if ((value === undefined) === (than === undefined)) {
    report([], `found ${than ? 'both value and than' : 'neither value nor than'}, allowed: one of them`);
  }
  if (than === undefined) {
    return { left, relation, right: { kind: 'value', value: resolveValue(metric, value ?? 0, report) }, why };
  }
  const inherited = {
    variant: than.variant ?? input.variant,
    at: than.at ?? input.at,
    place: than.place ?? input.place,
    threads: than.threads ?? input.threads,
  };
  const measurement = resolveMeasurement(metric, inherited, known, ['than'], report);
  return { left, relation, right: { kind: 'measurement', measurement, times: than.times }, why };
}

type MeasurementInput = Pick<ParsedSweepExpectation, 'variant' | 'at' | 'place' | 'threads'>;

function resolveMeasurement(
  metric: SweepMetric,
  input: MeasurementInput,
  known: readonly string[],
  path: KeyPath,
  report: ReportFault,
): SweepMeasurement {
  const { needs } = SWEEP_METRICS[metric];
  const needed = needs === 'nothing' ? [] : needs === 'at' ? ['at'] : ['at', needs];
  for (const key of ['at', 'place', 'threads'] as const) {
    if (needed.includes(key) && input[key] === undefined) report(path, `missing key "${key}": ${metric} needs it`);
    if (!needed.includes(key) && input[key] !== undefined) {
      report([...path, key], `unknown key "${key}" for ${metric}`);
    }
  }
  if (!known.includes(input.variant)) {
    const allowed = `allowed: ${known.join(', ')}${didYouMean(input.variant, known)}`;
    report([...path, 'variant'], `found "${input.variant}", ${allowed}`);
  }
  const at = input.at === undefined ? null : parseAt(input.at);
  if (input.at !== undefined && at === null) report([...path, 'at'], `found "${input.at}", allowed: ${AT_ALLOWED}`);
  return { metric, variant: input.variant, at, place: input.place ?? null, threads: input.threads ?? null };
}

function parseAt(text: string): SweepAt | null {
  if (text === 'peak' || text === 'floor') return { kind: text };
  const [, multiple] = /^(\d+(?:\.\d+)?) ?L$/.exec(text) ?? [];
  if (multiple !== undefined) return { kind: 'multiple', multiple: Number(multiple) };
  const perSecond = parsePerSecond(text);
  return perSecond === null ? null : { kind: 'rate', perSecond };
}

/** Reads `100kpps` or `2kcps`; null for anything else. */
function parsePerSecond(text: string): number | null {
  return attempt(() => {
    if (new RegExp(CONNECTION_RATE_FORM.pattern).test(text)) return parseConnectionRate(text);
    const rate = parseRate(text);
    return rate.kind === 'frames' ? rate.perSecond : null;
  });
}

function resolveValue(metric: SweepMetric, value: number | string, report: ReportFault): number {
  const { unit } = SWEEP_METRICS[metric];
  const read = typeof value === 'number' ? (unit === 'ratio' ? value : null) : attempt(() => parseAs(unit, value));
  if (read === null) report(['value'], `found ${JSON.stringify(value)}, allowed: ${UNIT_WORDS[unit]}`);
  return read ?? 0;
}

function parseAs(unit: keyof typeof UNIT_WORDS, text: string): number | null {
  if (unit === 'ns') return parseDurationNs(text);
  if (unit === 'rate') return parsePerSecond(text);
  const rate = parseRate(text);
  return rate.kind === 'lineRate' ? rate.share : null;
}

function attempt(read: () => number | null): number | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof QuantityError) return null;
    throw error;
  }
}
