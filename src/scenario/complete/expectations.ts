/** Expectations with what they leave out filled in, and what is wrong with them. */
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath, ReportFault } from '../fault.ts';
import type { ParsedExpectation } from '../keys/expectations.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import { actorNames, isHardwareThread } from '../names.ts';
import type { Expectation, Measurement, Scenario } from '../scenario.ts';
import { QuantityError, parseDurationNs, parseRate } from '../text/quantities.ts';
import { METRICS, METRIC_NAMES } from '../words.ts';
import type { DropPlace, Metric } from '../words.ts';
import { completeSweep } from './sweep.ts';

/** Completes the expectations, and the sweep, of a scenario that is otherwise complete, and reports what is wrong with them. */
export function completeExpectations(
  scenario: Scenario,
  parsed: ParsedScenario,
): { scenario: Scenario; faults: Fault[] } {
  const threads = actorNames(scenario);
  const names: ExpectationNames = {
    phases: scenario.run.phases.map(({ name }) => name),
    streams: scenario.traffic.streams.map(({ name }) => name),
    isThread: (name) => threads.includes(name) || isHardwareThread(name),
    isComponent: (name) => threads.includes(name) || isHardwareThread(name),
  };
  const faults: Fault[] = [];
  const expect = parsed.expect.map((each, i) =>
    resolveExpectation(each, names, (path, sentence) => faults.push(valueFault(['expect', i, ...path], sentence))),
  );
  const sweep = completeSweep(parsed.sweep, (path, text) => faults.push(valueFault(['sweep', ...path], text)));
  return { scenario: { ...scenario, expect, sweep }, faults };
}

/** Names an expectation may use. */
interface ExpectationNames {
  readonly phases: readonly string[];
  readonly streams: readonly string[];
  readonly isThread: (name: string) => boolean;
  readonly isComponent: (name: string) => boolean;
}

/** Completes one expectation. Faults are reported, and then the result is not to be used. */
function resolveExpectation(input: ParsedExpectation, names: ExpectationNames, report: ReportFault): Expectation {
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
  readonly place?: DropPlace | undefined;
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
