/** The `sweep` section: what a sweep compares when no flag says otherwise, and the shape its curves must have. */
import { z } from 'zod';
import type { KeyPath } from '../text/document.ts';
import { QuantityError, parseConnectionRate, parseDurationNs, parseRate } from '../text/quantities.ts';
import { VNIC_MODES, modesWhere } from '../modes.ts';
import type { VnicMode } from '../modes.ts';
import { didYouMean } from '../text/suggestion.ts';
import { DROP_PLACES, RELATIONS } from './expectations.ts';
import type { ReportFault } from './expectations.ts';
import { labelName } from './fields.ts';

/** What can be measured of a variant's curve, its unit, and what it needs to be told besides. Medians of the trials. */
export const SWEEP_METRICS = {
  egress: {
    unit: 'rate',
    needs: 'at',
    what: 'frames/s or connections/s that arrived, of the stream that counts or all',
  },
  loss: { unit: 'ratio', needs: 'at', what: 'share of what was sent that was lost' },
  lossFree: { unit: 'rate', needs: 'nothing', what: 'the highest offered rate that lost at most 0.5 %' },
  dropShare: { unit: 'ratio', needs: 'place', what: 'share of all drops that happened at `place`' },
  latencyP50: { unit: 'ns', needs: 'at', what: 'median latency, of several streams the longest' },
  waiting: { unit: 'ratio', needs: 'threads', what: 'share of the time that `threads` were runnable and did not run' },
} as const;
export type SweepMetric = keyof typeof SWEEP_METRICS;
const METRIC_NAMES = Object.keys(SWEEP_METRICS) as [SweepMetric, ...SweepMetric[]];
const UNIT_WORDS = {
  rate: 'a rate such as 100kpps or 2kcps',
  ratio: 'a share such as 0.2 or 20%',
  ns: 'a duration such as 5ms',
} as const;
const METRIC_TEXT = `What is measured: ${METRIC_NAMES.map((name) => `${name} (${SWEEP_METRICS[name].what})`).join('; ')}.`;

/** Kinds of thread that share the modelled host. */
export const SWEPT_THREADS = ['softirq', 'vhost', 'vmm', 'vcpu'] as const;
/** Modes that a sweep compares when neither it nor the scenario says otherwise: the talk's. */
const DEFAULT_MODES = modesWhere(({ isSwept }) => isSwept);
const VARIANTS_MAX = 16;
const EXPECTATIONS_MAX = 64;
const OVERRIDE = /^[\w.[\]-]+=.*$/;
const AT_ALLOWED = 'peak, floor, a multiple of the loss-free rate such as 4L, or a rate such as 540kpps';

const measurementKeys = {
  at: z
    .string({ error: () => AT_ALLOWED })
    .describe(
      'Where on the curve: peak (the most that arrived), floor (the least that arrived at the load of the peak or above), ' +
        'a multiple of L, the loss-free rate of the first variant, such as 4L, or an offered rate such as 540kpps.',
    )
    .optional(),
  place: z.enum(DROP_PLACES).describe('For dropShare: the kind of component that dropped.').optional(),
  threads: z.enum(SWEPT_THREADS).describe('For waiting: the kind of thread, the mean over all of it.').optional(),
};

const sweepExpectationSchema = z.strictObject({
  variant: labelName().describe('Which of the modes or variants.'),
  metric: z.enum(METRIC_NAMES).describe(METRIC_TEXT),
  ...measurementKeys,
  relation: z.enum(RELATIONS).describe('How the measurement must compare with `value` or `than`.'),
  value: z
    .union([z.number().nonnegative(), z.string()], { error: () => 'a number or a quantity such as 100kpps, 20%, 5ms' })
    .describe('A fixed value: rates as 100kpps, ratios as 0.2 or 20%, latency as 5ms.')
    .optional(),
  than: z
    .strictObject({
      variant: labelName().describe('Which of the modes or variants. Default: that on the left.').optional(),
      ...measurementKeys,
      times: z.number().positive().prefault(1).describe('Factor on this measurement. Default 1.'),
    })
    .describe('The same metric elsewhere: of another variant, or at another load. Keys left out are those of the left.')
    .optional(),
  why: z.string().describe('One sentence: what this shape is evidence of.').optional(),
});
type SweepExpectationInput = z.output<typeof sweepExpectationSchema>;

export const sweepSchema = z.strictObject({
  modes: z
    .array(z.enum(VNIC_MODES))
    .max(VNIC_MODES.length)
    .describe(`Modes to compare. Default: ${DEFAULT_MODES.join(', ')}; none where there are variants.`)
    .optional(),
  variants: z
    .array(
      z.strictObject({
        name: labelName().describe('Name, such as guard.'),
        set: z
          .array(z.string().regex(OVERRIDE, { error: () => 'path=value, such as host.kernel=linux-4.9' }))
          .describe('What it changes, each as path=value, as --set takes it.'),
      }),
    )
    .max(VARIANTS_MAX)
    .prefault([])
    .describe('Other changes to compare. Default none.'),
  expect: z
    .array(sweepExpectationSchema)
    .max(EXPECTATIONS_MAX)
    .prefault([])
    .describe(
      'Relations that must hold after a sweep. Of those about a variant or a load that it leaves out nothing is said. ' +
        'Default none.',
    ),
});
export type ParsedSweep = z.output<typeof sweepSchema>;

/** A place on the curve of a variant. */
export type SweepAt =
  | { readonly kind: 'peak' | 'floor' }
  | { readonly kind: 'multiple'; readonly multiple: number }
  | { readonly kind: 'rate'; readonly perSecond: number };

/** One number of a finished sweep. `at` is null for what the whole curve has. */
export interface SweepMeasurement {
  readonly metric: SweepMetric;
  readonly variant: string;
  readonly at: SweepAt | null;
  readonly place: (typeof DROP_PLACES)[number] | null;
  readonly threads: (typeof SWEPT_THREADS)[number] | null;
}

export interface SweepExpectation {
  readonly left: SweepMeasurement;
  readonly relation: (typeof RELATIONS)[number];
  /** A value is in the unit of the metric: per second, ratio (1 is 100 %), or ns. */
  readonly right:
    | { readonly kind: 'value'; readonly value: number }
    | { readonly kind: 'measurement'; readonly measurement: SweepMeasurement; readonly times: number };
  readonly why: string;
}

export interface SweepSpec {
  readonly modes: readonly VnicMode[];
  /** `dotted.path=value` each. */
  readonly variants: readonly { readonly name: string; readonly overrides: readonly string[] }[];
  readonly expect: readonly SweepExpectation[];
}

/** Completes the section. Faults are reported by the key at fault, and then the result is not to be used. */
export function completeSweep({ modes, variants, expect }: ParsedSweep, report: ReportFault): SweepSpec {
  const names = variants.map(({ name }) => name);
  const compared = modes ?? (variants.length === 0 ? DEFAULT_MODES : []);
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

function resolve(input: SweepExpectationInput, known: readonly string[], report: ReportFault): SweepExpectation {
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

type MeasurementInput = Pick<SweepExpectationInput, 'variant' | 'at' | 'place' | 'threads'>;

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
    if (text.endsWith('cps')) return parseConnectionRate(text);
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
