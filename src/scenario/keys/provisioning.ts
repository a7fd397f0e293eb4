/** VMs that come and go while frames flow: at fixed times, or when a measurement says so. */
import { z } from 'zod';
import { formatTime } from '../../metrics/text/number-format.ts';
import { QuantityError, parseConnectionRate, parseRate } from '../text/quantities.ts';
import { phasesNs } from '../run-length.ts';
import { MODES, modesWhere } from '../modes.ts';
import { movingVms } from '../moving-vms.ts';
import type { KeyPath } from '../text/document.ts';
import { DROP_PLACES } from './expectations.ts';
import { componentName, duration, labelName } from './fields.ts';
import type { Fault } from '../text/issues.ts';
import type { ParsedScenario } from './schema.ts';
import type { AutoscaleSpec, ProvisioningOrder, Scenario, TimelineSpec } from '../scenario.ts';

/** What a rule may watch, and its unit. All are taken over one sampling interval. */
export const SCALING_METRICS = {
  offered: { unit: 'fps', needs: 'nothing', what: 'frames/s due, of `stream` or all' },
  delivered: { unit: 'fps', needs: 'nothing', what: 'frames/s received, of `stream` or all' },
  loss: { unit: 'ratio', needs: 'nothing', what: 'share of sent frames that did not arrive, of `stream` or all' },
  connectionsOffered: { unit: 'cps', needs: 'clients', what: 'connections/s due' },
  connectionsCompleted: { unit: 'cps', needs: 'clients', what: 'connections/s answered and closed' },
  connectionsFailed: { unit: 'cps', needs: 'clients', what: 'connections/s that failed' },
  drops: { unit: 'fps', needs: 'nothing', what: 'frames/s dropped, at `place` or anywhere' },
  running: { unit: 'ratio', needs: 'thread', what: 'share of the time that `thread` ran' },
  waiting: { unit: 'ratio', needs: 'thread', what: 'share of the time that `thread` was runnable and did not run' },
} as const;
const SCALING_UNITS = {
  fps: 'frames/s such as 100kpps',
  cps: 'connections/s such as 2kcps',
  ratio: 'a share such as 0.2 or 20%',
} as const;
export type ScalingMetric = keyof typeof SCALING_METRICS;
const SCALING_METRIC_NAMES = Object.keys(SCALING_METRICS) as [ScalingMetric, ...ScalingMetric[]];

const ENTRIES_MAX = 256;

const timelineSchema = z
  .strictObject({
    at: duration().describe('Time after the first phase has begun, each phase with its run-in of 500 ms.'),
    add: componentName()
      .describe('VM to start: threads, devices, bridge port or classification rule; then backends into rotation.')
      .optional(),
    remove: componentName().describe('VM to end: backends drained, cut off, emptied, its threads gone.').optional(),
  })
  .refine(({ add, remove }) => (add === undefined) !== (remove === undefined), {
    error: () => 'one of add and remove',
  });

const threshold = () =>
  z.union([z.number().nonnegative(), z.string()], {
    error: () => 'a number or a quantity such as 100kpps, 2kcps or 20%',
  });

const autoscaleSchema = z.strictObject({
  vm: componentName().describe('VM that the rule adds and removes.'),
  metric: z
    .enum(SCALING_METRIC_NAMES)
    .describe(
      `What is watched: ${SCALING_METRIC_NAMES.map((name) => `${name} (${SCALING_METRICS[name].what})`).join('; ')}.`,
    ),
  stream: labelName().describe('Name of a stream. Default: all streams together.').optional(),
  place: z.enum(DROP_PLACES).describe('For drops: the kind of component. Default: all.').optional(),
  thread: z.string().min(1).describe('For running and waiting: a thread, such as vm0/vcpu0.').optional(),
  above: threshold().describe('The VM is added while the measurement is above this.'),
  below: threshold().describe('The VM is removed while the measurement is below this.'),
  for: duration().prefault('1s').describe('How long it must have been so. Default 1s.'),
  cooldown: duration().prefault('3s').describe('Least time between two orders. Default 3s.'),
});

/* Keys of a VM. */

export const presence = () =>
  z
    .boolean()
    .prefault(true)
    .describe('Whether it is there when the run begins; run.timeline or run.autoscale may add it. Default true.');

export const drainTime = () =>
  duration()
    .prefault('1s')
    .describe(
      'When it is to leave: the longest that connections which load balancers and proxies gave it are waited for. To a ' +
        'load balancer they end by being idle for idleTimeout; it moves those that are left. Default 1s.',
    );

/** Keys of `run`. */
export const provisioningKeys = {
  timeline: z
    .array(timelineSchema)
    .max(ENTRIES_MAX)
    .prefault([])
    .describe('VMs that come and go while frames flow. Default: none does.'),
  autoscale: z
    .array(autoscaleSchema)
    .max(ENTRIES_MAX)
    .prefault([])
    .describe('Rules by which VMs come and go, looked at with every sample in a phase. Default none.'),
};

export function completeTimeline({ timeline }: ParsedScenario['run']): TimelineSpec[] {
  return timeline
    .map(({ at, add, remove }): TimelineSpec => ({
      atNs: at,
      order: add === undefined ? 'remove' : 'add',
      vm: add ?? remove ?? '',
    }))
    .sort((a, b) => a.atNs - b.atNs);
}

export function completeAutoscale({ autoscale }: ParsedScenario['run']): AutoscaleSpec[] {
  return autoscale.map(({ vm, metric, stream, place, thread, above, below, for: forNs, cooldown }) => ({
    vm,
    metric,
    stream: stream ?? null,
    place: place ?? null,
    thread: thread ?? null,
    above: thresholdValue(metric, above) ?? 0,
    below: thresholdValue(metric, below) ?? 0,
    forNs,
    cooldownNs: cooldown,
  }));
}

function thresholdValue(metric: ScalingMetric, value: number | string): number | null {
  const { unit } = SCALING_METRICS[metric];
  if (typeof value === 'number') return unit === 'ratio' ? value : null;
  try {
    if (unit === 'cps') return parseConnectionRate(value);
    const rate = parseRate(value);
    if (rate.kind === 'frames' && unit === 'fps') return rate.perSecond;
    if (rate.kind === 'lineRate' && unit === 'ratio') return rate.share;
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
  }
  return null;
}

/** What is wrong with VMs that come and go, in a scenario that is complete. */
export function checkProvisioning(
  scenario: Scenario,
  parsed: ParsedScenario,
  isThread: (name: string) => boolean,
): Fault[] {
  return [
    ...checkTimeline(scenario, parsed),
    ...checkAutoscale(scenario, parsed, isThread),
    ...scenario.vms.flatMap(({ name, nics }, v) =>
      !movingVms(scenario).has(name)
        ? []
        : nics.flatMap(({ mode }, n) =>
            MODES[mode].comesAndGoes
              ? []
              : [
                  fault(
                    ['vms', v, 'nics', n, 'mode'],
                    `found ${mode}, allowed for a VM that comes or goes: ${modesWhere(({ comesAndGoes }) => comesAndGoes).join(', ')}`,
                  ),
                ],
          ),
    ),
  ];
}

function fault(path: KeyPath, sentence: string): Fault {
  return { path, at: 'value', sentence };
}

function checkTimeline({ vms, run }: Scenario, parsed: ParsedScenario): Fault[] {
  const there = new Map(vms.map(({ name, present }) => [name, present]));
  const entries = parsed.run.timeline.map((entry, i) => ({ ...entry, path: ['run', 'timeline', i] as KeyPath }));
  const lengthNs = phasesNs(run);
  return entries
    .sort((a, b) => a.at - b.at)
    .flatMap(({ at, add, remove, path }): Fault[] => {
      const order: ProvisioningOrder = add === undefined ? 'remove' : 'add';
      const vm = add ?? remove ?? '';
      const here: KeyPath = [...path, order];
      if (!there.has(vm)) return [unknownVm(here, vm, vms)];
      if (run.autoscale.some((rule) => rule.vm === vm))
        return [fault(here, `"${vm}" has a rule in run.autoscale, allowed: one or the other`)];
      if (at >= lengthNs)
        return [fault([...path, 'at'], `found ${formatTime(at)}, allowed: before the last phase ends`)];
      if (there.get(vm) === (order === 'add')) {
        return [fault(here, `"${vm}" is ${order === 'add' ? 'there already' : 'not there'} at that time`)];
      }
      there.set(vm, order === 'add');
      return [];
    });
}

function unknownVm(path: KeyPath, vm: string, vms: Scenario['vms']): Fault {
  return fault(path, `no VM "${vm}", allowed: ${vms.map(({ name }) => name).join(', ')}`);
}

function checkAutoscale(
  { vms, traffic, run }: Scenario,
  parsed: ParsedScenario,
  isThread: (name: string) => boolean,
): Fault[] {
  return parsed.run.autoscale.flatMap((rule, i): Fault[] => {
    const { vm, metric, stream, place, thread } = rule;
    const path: KeyPath = ['run', 'autoscale', i];
    const { unit, needs } = SCALING_METRICS[metric];
    const faults: Fault[] = [];
    if (!vms.some(({ name }) => name === vm)) faults.push(unknownVm([...path, 'vm'], vm, vms));
    if (run.autoscale.findIndex((other) => other.vm === vm) !== i)
      faults.push(fault([...path, 'vm'], `found a second rule for "${vm}", allowed: one`));
    for (const key of ['above', 'below'] as const) {
      if (thresholdValue(metric, rule[key]) !== null) continue;
      const allowed = SCALING_UNITS[unit];
      faults.push(fault([...path, key], `found ${JSON.stringify(rule[key])}, allowed: ${allowed}`));
    }
    const { above, below } = run.autoscale[i];
    if (faults.length === 0 && below >= above)
      faults.push(fault([...path, 'below'], 'found a value that is not below `above`'));
    if ((needs === 'thread') !== (thread !== undefined))
      faults.push(fault(path, `${needs === 'thread' ? 'missing' : 'unknown'} key "thread" for ${metric}`));
    if (needs === 'clients' && traffic.connections.length === 0)
      faults.push(fault([...path, 'metric'], `found ${metric}, allowed where there are traffic.connections`));
    if (thread !== undefined && !isThread(thread))
      faults.push(
        fault([...path, 'thread'], `found "${thread}", allowed: a thread of this scenario, such as softirq0`),
      );
    if (place !== undefined && metric !== 'drops')
      faults.push(fault([...path, 'place'], `unknown key "place" for ${metric}`));
    if (stream !== undefined && needs === 'clients')
      faults.push(fault([...path, 'stream'], `unknown key "stream" for ${metric}`));
    else if (stream !== undefined && !traffic.streams.some(({ name }) => name === stream)) {
      faults.push(
        fault([...path, 'stream'], `found "${stream}", allowed: ${traffic.streams.map(({ name }) => name).join(', ')}`),
      );
    }
    return faults;
  });
}
