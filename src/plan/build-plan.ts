/**
 * From a scenario to the plan of a run, in stages that take each other's results: hosts, hardware and the domains of
 * bridges are placed and their slots counted, slots are reserved, guests are laid out, actors configured and connected.
 */
import type { PoolRef } from '../memory/frame-pool.ts';
import type { Plan } from '../runtime/plan.ts';
import { largestFrameBytes } from './frame-room.ts';
import type { EndSpec } from '../scenario/attach.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { NIC_BACKENDS, TAP_BACKENDS } from './backends/backends.ts';
import { CONTROL_SEAT, PlanDraft } from './draft.ts';
import { planGuest } from './guest/guest.ts';
import { planGuestTimer } from './guest/timer.ts';
import { planDomains } from './host/domains.ts';
import { planHosts } from './host/host.ts';
import { planBridge, planTap } from './host/kernel.ts';
import { planBacklog, planCrossings, planSoftirqs } from './host/softirq.ts';
import { assertLimits } from './limits.ts';
import type { HostDraft, Parts, PortHardware, Sleeper } from './parts.ts';
import { connectPort, planHardware } from './wires/hardware.ts';

/**
 * Lays a scenario out. The same scenario gives the same plan.
 * @param ends of wires where real programs are, instead of generators, clients and sinks.
 */
export function buildPlan(scenario: Scenario, ends: readonly EndSpec[] = []): Plan {
  assertLimits();
  const draft = new PlanDraft(scenario, largestFrameBytes(scenario));
  const hardwareThread = draft.thread('hardware0', 'hardware', 'hardware', CONTROL_SEAT);
  const hosts = planHosts(draft, scenario);
  hardwareThread.ticks = hosts.map(({ spec, softirqs }) => {
    return { tickNs: 1e9 / spec.hz, lines: softirqs.map(({ thread }) => thread.doorbell) };
  });
  const hardware = planHardware(draft, scenario, hardwareThread, hosts, ends);
  const pools: PoolRef[] = [];
  for (const host of hosts) {
    const parts = layOut(draft, scenario, host, hardware);
    pools.push(...poolsOfHost(parts));
    const sleepers = connect(parts, hardware);
    parts.guests.forEach((guest) => planGuestTimer(draft, hardwareThread, guest, sleepers));
  }
  return draft.finish(
    pools,
    scenario.vms.filter(({ present }) => !present).map(({ name }) => name),
  );
}

/** Decides what one host holds, and reserves its slots. */
function layOut(draft: PlanDraft, scenario: Scenario, host: HostDraft, hardware: readonly PortHardware[]): Parts {
  const { name, poolFrames } = host.spec;
  const cpuPools = host.softirqs.map(() => draft.slots.addPool(poolFrames));
  const domains = planDomains(draft, scenario, host, hardware);
  const crossings = planCrossings(draft, host, domains);
  const backlogs = host.softirqs.map((_, cpu) => planBacklog(draft, { domains, crossings }, cpu));
  const slots = draft.slotMemory(host.arena);
  const guests = scenario.vms.filter((vm) => vm.host === name).map((vm) => planGuest(draft, host, vm, domains));
  return { draft, host, slots, cpuPools, domains, crossings, backlogs, guests };
}

function poolsOfHost({ cpuPools, domains }: Parts): PoolRef[] {
  const ofBackends = ({ vnics }: Parts['domains'][number]): PoolRef[] =>
    vnics.flatMap(({ pairs }) => pairs.map(({ pool }) => pool));
  return [...cpuPools, ...domains.flatMap((domain) => [domain.clonePool, ...ofBackends(domain)])];
}

/** Configures and connects the actors of one host. @returns the devices that have deadlines. */
function connect(parts: Parts, hardware: readonly PortHardware[]): Sleeper[] {
  const { host, domains } = parts;
  for (const port of hardware.filter(({ spec }) => spec.host === host.spec.name)) connectPort(parts, port);
  const sleepers = domains.flatMap((domain) => {
    planBridge(parts, domain);
    const ofTaps = domain.vnics.flatMap((vnic) =>
      TAP_BACKENDS[vnic.nic.mode].connect(parts, vnic, planTap(parts, vnic)),
    );
    domain.hardwareVnics.forEach((vnic) => NIC_BACKENDS[vnic.nic.mode].connect(parts, domain, vnic));
    return ofTaps;
  });
  planSoftirqs(parts);
  return sleepers;
}
