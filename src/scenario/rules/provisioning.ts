/** Rules for VMs that come and go: when they may, in which modes, and what autoscale may watch. */
import { formatTime } from '../../text/number-format.ts';
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import { MODES, modesWhere } from '../modes.ts';
import { movingVms } from '../moving-vms.ts';
import { phasesNs } from '../run-length.ts';
import type { ProvisioningOrder, Scenario } from '../scenario.ts';
import { thresholdValue } from '../text/threshold.ts';
import { SCALING_METRICS } from '../words.ts';

const SCALING_UNITS = {
  fps: 'frames/s such as 100kpps',
  cps: 'connections/s such as 2kcps',
  ratio: 'a share such as 0.2 or 20%',
} as const;
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
                  valueFault(
                    ['vms', v, 'nics', n, 'mode'],
                    `found ${mode}, allowed for a VM that comes or goes: ${modesWhere(({ comesAndGoes }) => comesAndGoes).join(', ')}`,
                  ),
                ],
          ),
    ),
  ];
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
        return [valueFault(here, `"${vm}" has a rule in run.autoscale, allowed: one or the other`)];
      if (at >= lengthNs)
        return [valueFault([...path, 'at'], `found ${formatTime(at)}, allowed: before the last phase ends`)];
      if (there.get(vm) === (order === 'add')) {
        return [valueFault(here, `"${vm}" is ${order === 'add' ? 'there already' : 'not there'} at that time`)];
      }
      there.set(vm, order === 'add');
      return [];
    });
}

function unknownVm(path: KeyPath, vm: string, vms: Scenario['vms']): Fault {
  return valueFault(path, `no VM "${vm}", allowed: ${vms.map(({ name }) => name).join(', ')}`);
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
      faults.push(valueFault([...path, 'vm'], `found a second rule for "${vm}", allowed: one`));
    for (const key of ['above', 'below'] as const) {
      if (thresholdValue(metric, rule[key]) !== null) continue;
      const allowed = SCALING_UNITS[unit];
      faults.push(valueFault([...path, key], `found ${JSON.stringify(rule[key])}, allowed: ${allowed}`));
    }
    const { above, below } = run.autoscale[i];
    if (faults.length === 0 && below >= above)
      faults.push(valueFault([...path, 'below'], 'found a value that is not below `above`'));
    if ((needs === 'thread') !== (thread !== undefined))
      faults.push(valueFault(path, `${needs === 'thread' ? 'missing' : 'unknown'} key "thread" for ${metric}`));
    if (needs === 'clients' && traffic.connections.length === 0)
      faults.push(valueFault([...path, 'metric'], `found ${metric}, allowed where there are traffic.connections`));
    if (thread !== undefined && !isThread(thread))
      faults.push(
        valueFault([...path, 'thread'], `found "${thread}", allowed: a thread of this scenario, such as softirq0`),
      );
    if (place !== undefined && metric !== 'drops')
      faults.push(valueFault([...path, 'place'], `unknown key "place" for ${metric}`));
    if (stream !== undefined && needs === 'clients')
      faults.push(valueFault([...path, 'stream'], `unknown key "stream" for ${metric}`));
    else if (stream !== undefined && !traffic.streams.some(({ name }) => name === stream)) {
      faults.push(
        valueFault(
          [...path, 'stream'],
          `found "${stream}", allowed: ${traffic.streams.map(({ name }) => name).join(', ')}`,
        ),
      );
    }
    return faults;
  });
}
