/** From a scenario to the plan of a run: who is there, what lies between them, and on which threads. */
import type { FeedbackTimer } from '../../actors/wire/nic/nic-links.ts';
import type { TapFeedbackConfig } from '../../actors/host/tap.ts';
import type { Region } from '../memory/arena.ts';
import type { PoolRef, SlotMemoryRef } from '../memory/frame-pool.ts';
import type { RingRef } from '../memory/id-ring.ts';
import { reservePortMask } from '../kernel/port-mask.ts';
import type { Plan } from '../runtime/plan.ts';
import { largestFrameBytes } from '../scenario/rules/frame-lengths.ts';
import { planGuest } from './guest/guest.ts';
import { planGuestTimer } from './guest/timer.ts';
import type { GuestPlan } from './guest/guest.ts';
import { bypassesHost } from './backends/hardware-vnics.ts';
import { connectHardwareVnic } from './backends/acceleration.ts';
import { planHardware } from './wires/hardware.ts';
import type { PortHardware } from './wires/hardware.ts';
import { planHosts, workerCpu } from './host/host.ts';
import type { HostDraft } from './host/host.ts';
import { planBridge, planTap, planVhosts } from './host/kernel.ts';
import { planBacklog, planCrossings, planSoftirqs } from './host/softirq.ts';
import type { Backlog, Crossing } from './host/softirq.ts';
import type { DraftActor } from './draft.ts';
import { CONTROL_SEAT, PlanDraft } from './draft.ts';
import { movingVms } from '../scenario/keys/provisioning.ts';
import { connectVmmDevice, isVmmDevice, planVmmDevice } from './backends/vmm-device.ts';
import type { BridgeSpec, PortSpec, Scenario, VmSpec, VnicSpec } from '../scenario/scenario.ts';
import { queueName, backendNames } from '../scenario/names.ts';

/** Host slots for copies made by flooding, for each bridge. */
const CLONE_SLOTS = 1024;

/** What of the host serves a vNIC whose frames do not pass the host's stack: modes accelerated and direct. */
export interface HardwareVnic {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
  /** By queue pair; one and the same where it only controls. */
  readonly vhosts: readonly DraftActor[];
}

/** What of the host kernel serves a vNIC behind a tap. */
export interface VnicKernel {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
  readonly tap: DraftActor;
  readonly bridgeToTap: RingRef;
  readonly pairs: readonly PairKernel[];
}

/** One queue pair of such a vNIC: a vhost worker, and one queue of the tap. */
export interface PairKernel {
  readonly vhost: DraftActor;
  readonly vhostPool: PoolRef;
  /** Where its free slots lie while the VM is not there; null for one that never leaves. */
  readonly poolHome: RingRef | null;
  /** Softirq CPU of its host that the worker runs on. */
  readonly cpu: number;
  /** Guest to network: vhost to that CPU's backlog. */
  readonly backlog: RingRef;
  readonly backlogToBridge: RingRef;
  /** Mode vhost-feedback: the tap queue's hold on the NIC ports of its bridge. */
  readonly feedback: TapFeedbackConfig | null;
}

/** What one bridge connects, and the pools whose slots travel there. */
export interface BridgeDomain {
  readonly spec: BridgeSpec;
  readonly bridge: DraftActor;
  readonly clonePool: PoolRef;
  /** Where the inputs of its ports announce themselves. */
  readonly pending: Region;
  readonly ports: readonly PortHardware[];
  readonly vnics: readonly VnicKernel[];
  readonly hardwareVnics: readonly HardwareVnic[];
}

/** All parts of one host, while they are being connected. */
export interface Parts {
  readonly draft: PlanDraft;
  readonly host: HostDraft;
  readonly slots: SlotMemoryRef;
  /** By CPU: the slots its drivers receive into. */
  readonly cpuPools: readonly PoolRef[];
  readonly domains: readonly BridgeDomain[];
  readonly crossings: readonly Crossing[];
  /** By CPU. */
  readonly backlogs: readonly Backlog[];
  readonly guests: readonly GuestPlan[];
}

/** Lays a scenario out. The same scenario gives the same plan. */
export function buildPlan(scenario: Scenario): Plan {
  const draft = new PlanDraft(scenario.placement, largestFrameBytes(scenario));
  const hardwareThread = draft.thread('hardware0', 'hardware', 'hardware', CONTROL_SEAT);
  const hosts = planHosts(draft, scenario);
  hardwareThread.ticks = hosts.map(({ spec, softirqs }) => {
    return { tickNs: 1e9 / spec.hz, lines: softirqs.map(({ thread }) => thread.doorbell) };
  });
  const hardware = planHardware(draft, scenario, hardwareThread, hosts);
  const pools: PoolRef[] = [];
  for (const host of hosts) {
    const parts = layOut(draft, scenario, host, hardware);
    pools.push(...poolsOfHost(parts));
    connect(parts, hardware);
    parts.guests.forEach((guest) => planGuestTimer(parts, hardwareThread, guest));
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
  const domains = scenario.bridges
    .filter((spec) => spec.host === name)
    .map((spec) => planDomain(draft, scenario, host, spec, hardware));
  // Taps after every bridge: one pass through the softirq thread's actors takes a frame as far as it goes.
  const behindTaps = domains.flatMap(({ vnics }) => vnics);
  for (const { tap } of behindTaps) moveToEnd(tap);
  announceTaps(draft, behindTaps);
  const crossings = planCrossings(draft, host, domains);
  const backlogs = host.softirqs.map((_, cpu) => planBacklog(draft, { domains, crossings }, cpu));
  const slots = draft.slotMemory(host.arena);
  const guests = scenario.vms.filter((vm) => vm.host === name).map((vm) => planGuest(draft, host, vm, domains));
  return { draft, host, slots, cpuPools, domains, crossings, backlogs, guests };
}

function poolsOfHost({ cpuPools, domains }: Parts): PoolRef[] {
  return [...cpuPools, ...domains.flatMap(({ clonePool, vnics }) => [clonePool, ...vhostPools(vnics)])];
}

function connect(parts: Parts, hardware: readonly PortHardware[]): void {
  const { host, slots, domains } = parts;
  for (const port of hardware.filter(({ spec }) => spec.host === host.spec.name)) {
    const timers = domains
      .filter(({ ports }) => ports.includes(port))
      .flatMap(({ vnics }) => vnics.flatMap(feedbackTimer));
    port.connect(slots, timers);
  }
  for (const domain of domains) {
    planBridge(parts, domain);
    for (const vnic of domain.vnics) {
      planTap(parts, vnic);
      if (isVmmDevice(vnic.nic)) connectVmmDevice(parts, vnic);
      else planVhosts(parts, vnic);
    }
    domain.hardwareVnics.forEach((vnic) => connectHardwareVnic(parts, domain, vnic));
  }
  planSoftirqs(parts);
}

function planDomain(
  draft: PlanDraft,
  scenario: Scenario,
  host: HostDraft,
  spec: BridgeSpec,
  hardware: readonly PortHardware[],
): BridgeDomain {
  const ports = hardware.filter(({ spec: port }) => spec.ports.includes(port.name));
  const { thread } = host.softirqs[spec.cpu];
  const bridge = draft.actor(spec.name, 'bridge', thread, 'vhost', [host.arena.name]);
  const clonePool = draft.slots.addPool(CLONE_SLOTS);
  const here = scenario.vms.flatMap((vm) =>
    vm.nics.filter((nic) => nic.bridge === spec.name).map((nic): [VmSpec, VnicSpec] => [vm, nic]),
  );
  const vnics = here
    .filter(([, nic]) => !bypassesHost(nic))
    .map(([vm, nic]) => planVnicKernel(draft, scenario, host, [vm, nic], spec, ports));
  const hardwareVnics = here
    .filter(([, nic]) => bypassesHost(nic))
    .map(([vm, nic]) => planHardwareVnic(draft, host, vm, nic));
  const inputs = [
    ...ports.map(({ rxQueues }) => rxQueues.map(({ toBridge }) => toBridge)),
    ...vnics.map(({ pairs }) => pairs.map(({ backlogToBridge }) => backlogToBridge)),
  ];
  const pending = draft.announce(inputs);
  return { spec, bridge, clonePool, pending, ports, vnics, hardwareVnics };
}

/** Taps are many and most have nothing to do: a frame for one announces it to its thread. */
function announceTaps(draft: PlanDraft, vnics: readonly VnicKernel[]): void {
  for (const thread of new Set(vnics.map(({ tap }) => tap.thread))) {
    const here = vnics.filter(({ tap }) => tap.thread === thread);
    thread.pending = draft.announce(here.map(({ bridgeToTap }) => [bridgeToTap]));
    here.forEach(({ tap }, number) => (tap.announced = number));
  }
}

function feedbackTimer({ nic, pairs }: VnicKernel): FeedbackTimer[] {
  const { timeoutNs } = nic.feedback;
  if (timeoutNs === 'none') return [];
  return pairs.flatMap(({ feedback }) =>
    feedback === null ? [] : [{ own: feedback.own, ports: feedback.ports, timeoutNs }],
  );
}

function planHardwareVnic(draft: PlanDraft, host: HostDraft, vm: VmSpec, nic: VnicSpec): HardwareVnic {
  // Frames pass it by: host memory for the queues it shares with the hardware, none of the host's frames.
  const own = [host.arena.name, `vmm:${vm.name}`];
  const buffers = nic.mode === 'direct' ? own : [...own, `guest:${vm.name}`];
  const workers = backendNames(nic).map((name, pair) => {
    const seat = host.seats[workerCpu(host.spec, nic, pair)];
    return draft.actorOn(draft.thread(name, 'vhost', 'vhost', seat, vm.name), name, buffers);
  });
  return { vm, nic, vhosts: Array.from({ length: nic.queues }, (_, pair) => workers[pair] ?? workers[0]) };
}

function planVnicKernel(
  draft: PlanDraft,
  scenario: Scenario,
  host: HostDraft,
  [vm, nic]: [VmSpec, VnicSpec],
  bridge: BridgeSpec,
  ports: readonly PortHardware[],
): VnicKernel {
  const { arena, softirqs } = host;
  const { backlogFrames } = host.spec.softirq;
  const txRings = scenario.ports.filter((port: PortSpec) => port.host === vm.host).map(({ txRing }) => txRing);
  const tap = draft.actor(nic.tap.name, 'tap', softirqs[bridge.cpu].thread, 'vhost', [arena.name]);
  const pairs = backendNames(nic).map((name, pair): PairKernel => {
    const cpu = workerCpu(host.spec, nic, pair);
    // Enough for a full backlog and for everything behind it, so that the backlog's own limit is what drops.
    const vhostPool = draft.slots.addPool(backlogFrames + 4 * Math.max(0, ...txRings));
    return {
      vhost: planVmmDevice(draft, host, vm, nic) ?? planVhostActor(draft, host, vm, name, cpu),
      vhostPool,
      poolHome: movingVms(scenario).has(vm.name) ? draft.home(arena, `${name}.pool`, vhostPool) : null,
      cpu,
      backlog: draft.ring(arena, queueName(`${nic.tap.name}.backlog`, pair), backlogFrames + 1, 'frames'),
      backlogToBridge: draft.ring(arena, queueName(`${nic.tap.name}.to-${nic.bridge}`, pair), 1024, 'frames'),
      feedback: nic.mode === 'vhost-feedback' ? planFeedback(draft, nic, ports) : null,
    };
  });
  return { vm, nic, tap, pairs, bridgeToTap: draft.ring(arena, `${nic.tap.name}.tx`, 1024, 'frames') };
}

function planVhostActor(
  draft: PlanDraft,
  { arena, seats }: HostDraft,
  vm: VmSpec,
  name: string,
  cpu: number,
): DraftActor {
  const thread = draft.thread(name, 'vhost', 'vhost', seats[cpu], vm.name);
  return draft.actorOn(thread, name, [arena.name, `guest:${vm.name}`, `vmm:${vm.name}`]);
}

function planFeedback(draft: PlanDraft, nic: VnicSpec, ports: readonly PortHardware[]): TapFeedbackConfig {
  return {
    own: reservePortMask(draft.signals),
    ports: ports.map(({ mask, rxQueues }) => ({ mask, interrupts: rxQueues.map(({ interrupt }) => interrupt) })),
    highMark: nic.feedback.highMark,
    lowMark: nic.feedback.lowMark,
  };
}

function moveToEnd(actor: DraftActor): void {
  const { actors } = actor.thread;
  actors.splice(actors.indexOf(actor), 1);
  actors.push(actor);
}

/** Slots for what guests send, by worker. */
function vhostPools(vnics: readonly VnicKernel[]): PoolRef[] {
  return vnics.flatMap(({ pairs }) => pairs.map(({ vhostPool }) => vhostPool));
}
