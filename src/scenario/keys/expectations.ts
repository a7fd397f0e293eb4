/** The `expect` list: relations between measurements of a run, written in the scenario, evaluated after it. */
import { z } from 'zod';
import type { KeyPath } from '../text/document.ts';
import { QuantityError, parseDurationNs, parseRate } from '../text/quantities.ts';
import { labelName } from './fields.ts';

/** What can be measured of a phase, the unit it has, and what it needs to be told besides. */
export const METRICS = {
  offered: { unit: 'fps', needs: 'nothing', what: 'frames/s the generators were asked for' },
  sent: { unit: 'fps', needs: 'nothing', what: 'frames/s the generators sent' },
  delivered: { unit: 'fps', needs: 'nothing', what: 'frames/s the sinks received' },
  loss: { unit: 'ratio', needs: 'nothing', what: 'share of sent frames that was dropped' },
  latencyP50: { unit: 'ns', needs: 'nothing', what: 'median latency from the intended send time' },
  latencyP99: { unit: 'ns', needs: 'nothing', what: '99th percentile of that latency' },
  dropShare: { unit: 'ratio', needs: 'place', what: 'share of all drops that happened at `place`' },
  running: { unit: 'ratio', needs: 'thread', what: 'share of the phase that `thread` ran' },
  waiting: { unit: 'ratio', needs: 'thread', what: 'share of the phase that `thread` was runnable and did not run' },
  counter: { unit: 'count', needs: 'counter', what: 'growth of the counter named by `counter` in the phase' },
} as const satisfies Readonly<
  Record<
    string,
    { unit: 'fps' | 'ratio' | 'ns' | 'count'; needs: 'nothing' | 'place' | 'thread' | 'counter'; what: string }
  >
>;
export type Metric = keyof typeof METRICS;
const METRIC_NAMES = Object.keys(METRICS) as [Metric, ...Metric[]];

/** Where frames are lost: the kind of component that dropped them. */
export const DROP_PLACES = ['nic', 'softirq', 'bridge', 'tap', 'vhost', 'vmm', 'guest', 'pool'] as const;
export const RELATIONS = ['<', '<=', '==', '>=', '>'] as const;

const METRIC_TEXT = `What is measured: ${METRIC_NAMES.map((name) => `${name} (${METRICS[name].what})`).join('; ')}.`;

const measurementKeys = {
  phase: labelName().describe('Name of the phase. Default: the only phase, if there is one only.').optional(),
  stream: labelName().describe('Name of a stream. Default: all streams together.').optional(),
  place: z.enum(DROP_PLACES).describe('For dropShare: the kind of component that dropped.').optional(),
  thread: z.string().min(1).describe('For running and waiting: a thread, such as vhost-vnic0.').optional(),
  counter: z
    .string()
    .regex(/^[^\s:]+:[a-z0-9_]+$/, { error: () => 'component:counter, such as eth0:rx_missed_errors' })
    .describe('For counter: component and counter name, such as eth0:rx_missed_errors.')
    .optional(),
};

export const expectationSchema = z.strictObject({
  metric: z.enum(METRIC_NAMES).describe(METRIC_TEXT),
  ...measurementKeys,
  relation: z.enum(RELATIONS).describe('How the measurement must compare with `value` or `than`.'),
  value: z
    .union([z.number().nonnegative(), z.string()], { error: () => 'a number or a quantity such as 100kpps, 20%, 5ms' })
    .describe('A fixed value: frames/s as 100kpps, ratios as 0.2 or 20%, latency as 5ms, counts as a number.')
    .optional(),
  than: z
    .strictObject({
      metric: z.enum(METRIC_NAMES).describe(`${METRIC_TEXT} Default: the metric on the left.`).optional(),
      ...measurementKeys,
      times: z.number().positive().prefault(1).describe('Factor on this measurement. Default 1.'),
    })
    .describe('Another measurement of the same unit. Keys left out are those of the left side, except `phase`.')
    .optional(),
  why: z.string().describe('One sentence: which cause this relation is evidence of.').optional(),
});
type ExpectationInput = z.output<typeof expectationSchema>;

/** One number of a finished run. `stream` null stands for all streams together. */
export interface Measurement {
  readonly metric: Metric;
  readonly phase: string;
  readonly stream: string | null;
  readonly place: (typeof DROP_PLACES)[number] | null;
  readonly thread: string | null;
  /** `component:counter`. */
  readonly counter: string | null;
}

export interface Expectation {
  readonly left: Measurement;
  readonly relation: (typeof RELATIONS)[number];
  /** A value is in the unit of the metric: frames/s, ratio (1 is 100 %), ns or a count. */
  readonly right:
    | { readonly kind: 'value'; readonly value: number }
    | { readonly kind: 'measurement'; readonly measurement: Measurement; readonly times: number };
  readonly why: string;
}

/** Names an expectation may use. */
export interface ExpectationNames {
  readonly phases: readonly string[];
  readonly streams: readonly string[];
  readonly isThread: (name: string) => boolean;
  readonly isComponent: (name: string) => boolean;
}

/** Reports one fault of an expectation: the key at fault, counted from the expectation, and a full sentence. */
export type ReportFault = (path: KeyPath, sentence: string) => void;

/** Completes one expectation. Faults are reported, and then the result is not to be used. */
export function resolveExpectation(input: ExpectationInput, names: ExpectationNames, report: ReportFault): Expectation {
  const left = resolveMeasurement(input.metric, input, names, [], report);
  const shared = { left, relation: input.relation, why: input.why ?? '' };
  if ((input.value === undefined) === (input.than === undefined)) {
    report([], 'found ' + (input.than ? 'both value and than' : 'neither value nor than') + ', allowed: one of them');
  }
  if (input.than === undefined) {
    return { ...shared, right: { kind: 'value', value: resolveValue(input.metric, input.value ?? 0, report) } };
  }
  const metric = input.than.metric ?? input.metric;
  if (METRICS[metric].unit !== METRICS[input.metric].unit) {
    const allowed = METRIC_NAMES.filter((name) => METRICS[name].unit === METRICS[input.metric].unit);
    report(['than', 'metric'], `found "${metric}", allowed beside ${input.metric}: ${allowed.join(', ')}`);
  }
  const inherited = { ...input.than };
  const needed = METRICS[metric].needs;
  if (metric === input.metric && needed === 'place') inherited.place ??= input.place;
  if (metric === input.metric && needed === 'thread') inherited.thread ??= input.thread;
  if (metric === input.metric && needed === 'counter') inherited.counter ??= input.counter;
  if (needed === 'nothing') inherited.stream ??= input.stream;
  const measurement = resolveMeasurement(metric, inherited, names, ['than'], report);
  return { ...shared, right: { kind: 'measurement', measurement, times: input.than.times } };
}

interface MeasurementInput {
  readonly phase?: string | undefined;
  readonly stream?: string | undefined;
  readonly place?: (typeof DROP_PLACES)[number] | undefined;
  readonly thread?: string | undefined;
  readonly counter?: string | undefined;
}

function resolveMeasurement(
  metric: Metric,
  input: MeasurementInput,
  names: ExpectationNames,
  path: KeyPath,
  report: ReportFault,
): Measurement {
  const { needs } = METRICS[metric];
  for (const key of ['place', 'thread', 'counter'] as const) {
    if (key === needs && input[key] === undefined) report(path, `missing key "${key}": ${metric} needs it`);
    if (key !== needs && input[key] !== undefined) report([...path, key], `unknown key "${key}" for ${metric}`);
  }
  if (input.stream !== undefined && needs !== 'nothing') {
    report([...path, 'stream'], `unknown key "stream" for ${metric}, which is not measured per stream`);
  }
  const phase = input.phase ?? (names.phases.length === 1 ? names.phases[0] : undefined);
  if (phase === undefined) report(path, `missing key "phase", allowed: ${names.phases.join(', ')}`);
  else if (!names.phases.includes(phase)) {
    report([...path, 'phase'], `found "${phase}", allowed: the phases ${names.phases.join(', ')}`);
  }
  if (input.stream !== undefined && !names.streams.includes(input.stream)) {
    report([...path, 'stream'], `found "${input.stream}", allowed: the streams ${names.streams.join(', ')}`);
  }
  if (input.thread !== undefined && !names.isThread(input.thread)) {
    report([...path, 'thread'], `found "${input.thread}", allowed: a thread of this scenario, such as softirq0`);
  }
  const component = input.counter?.split(':')[0];
  if (component !== undefined && !names.isComponent(component)) {
    report([...path, 'counter'], `found "${component}", allowed: a component of this scenario, such as eth0`);
  }
  return {
    metric,
    phase: phase ?? '',
    stream: input.stream ?? null,
    place: input.place ?? null,
    thread: input.thread ?? null,
    counter: input.counter ?? null,
  };
}

function resolveValue(metric: Metric, value: number | string, report: ReportFault): number {
  const { unit } = METRICS[metric];
  const allowed = {
    fps: 'frames/s such as 100kpps',
    ratio: 'a share such as 0.2 or 20%',
    ns: 'a duration such as 5ms',
    count: 'a number',
  }[unit];
  try {
    if (typeof value === 'number' && (unit === 'ratio' || unit === 'count')) return value;
    if (typeof value === 'string' && unit === 'ns') return parseDurationNs(value);
    const rate = typeof value === 'string' && unit !== 'count' ? parseRate(value) : undefined;
    if (rate?.kind === 'frames' && unit === 'fps') return rate.perSecond;
    if (rate?.kind === 'lineRate' && unit === 'ratio') return rate.share;
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
  }
  report(['value'], `found ${JSON.stringify(value)}, allowed: ${allowed}`);
  return 0;
}
