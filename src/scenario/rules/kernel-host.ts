/** What a scenario may ask of the kernel host, and what it means there. */
import { VLAN_NONE } from '../../net/wire/vlan.ts';
import type { CostKey, CostTableNs } from '../profiles/cost-profiles.ts';
import { MODES, modesWhere } from '../modes.ts';
import { checkDeviceName } from '../device-names.ts';
import type { Refuse } from '../device-names.ts';
import { ScenarioError, showValue } from '../error.ts';
import type { Scenario } from '../scenario.ts';

/** What the far end of a port's wire has behind its name. */
const WIRE_END_CHARACTERS = 2;

/** Work that this machine's kernel does for real there, or that the worker's own system calls stand for. */
const REAL_COSTS: readonly CostKey[] = [
  'nicRx',
  'bridge',
  'nicTx',
  'backlog',
  'tapEnqueue',
  'vhostRx',
  'vhostTx',
  'wakeup',
  'qemuSyscall',
];

/**
 * The scenario as the kernel host runs it: nothing is charged for what the kernel does for real.
 * @throws ScenarioError that names everything which is not to be had there, with the reason.
 */
export function kernelScenario(scenario: Scenario): Scenario {
  const sentences = refusals(scenario);
  if (sentences.length > 0) {
    throw new ScenarioError(
      sentences.map((sentence) => ({ file: '--host kernel', place: { kind: 'whole' }, sentence })),
    );
  }
  const hosts = scenario.hosts.map((host) => {
    const table: CostTableNs = { ...host.costs.table, ...Object.fromEntries(REAL_COSTS.map((key) => [key, 0])) };
    return { ...host, costs: { ...host.costs, table } };
  });
  return { ...scenario, hosts };
}

/** Why the kernel host cannot carry a scenario, all of it; empty where it can. */
export function kernelObstacleOf(scenario: Scenario): string {
  return refusals(scenario).join('; ');
}

const SERVED = modesWhere(({ kernelObstacle }) => kernelObstacle === null);

function refusals({ hosts, ports, bridges, vms, run, placement }: Scenario): string[] {
  const found: string[] = [];
  const refuse: Refuse = (place, value, allowed, reason) =>
    void found.push(`${place}: found ${showValue(value)}, allowed: ${allowed}; ${reason}`);
  if (hosts.length > 1) refuse('hosts', hosts.length, 'one', 'this machine has one kernel');
  if (hosts[0].softirqCpus > 1) {
    refuse('host.softirqCpus', hosts[0].softirqCpus, '1', 'softirq is steered to one core of the modelled host');
  }
  for (const { name, peer, rxQueues } of ports) {
    if (peer !== null) refuse(`ports.${name}.peer`, peer, 'none', 'a wire between two ports is not made here');
    if (rxQueues > 1) refuse(`ports.${name}.rxQueues`, rxQueues, '1', 'a veth pair is made with one queue');
    checkDeviceName(`ports.${name}.name`, name, WIRE_END_CHARACTERS, refuse);
  }
  for (const { name } of bridges) checkDeviceName(`bridges.${name}.name`, name, 0, refuse);
  for (const vm of vms) {
    if (!vm.present) refuse(`vms.${vm.name}.present`, false, 'true', 'taps are made before the run, once');
    for (const nic of vm.nics) {
      const at = `vms.${vm.name}.nics.${nic.name}`;
      const { kernelObstacle } = MODES[nic.mode];
      if (kernelObstacle !== null) refuse(`${at}.mode`, nic.mode, SERVED.join(', '), kernelObstacle);
      if (nic.queues > 1) refuse(`${at}.queues`, nic.queues, '1', 'a tap is opened with one queue');
      if (nic.vlan !== VLAN_NONE) refuse(`${at}.vlan`, nic.vlan, 'none', "a packet socket takes a frame's tag off");
      checkDeviceName(`${at}.tap.name`, nic.tap.name, 0, refuse);
    }
  }
  if (run.timeline.length > 0) refuse('run.timeline', run.timeline, 'none', 'VMs stay as they are at the beginning');
  if (run.autoscale.length > 0) refuse('run.autoscale', run.autoscale, 'none', 'VMs stay as they are at the beginning');
  const kernels = ['softirq', 'nic', 'bridge', 'tap'];
  for (const { match } of placement.threads) {
    if (kernels.includes(match))
      refuse('placement.threads.match', match, 'other threads', 'the kernel places that work');
  }
  return found;
}
