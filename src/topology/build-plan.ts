/** From a scenario to the plan of a run: who is there, what lies between them, and on which threads. */
import type { FeedbackTimer } from '../../actors/nic-links.ts';
import type { TapFeedbackConfig } from '../../actors/tap.ts';
import type { PoolRef, ReturnRef, SlotMemoryRef } from '../memory/frame-pool.ts';
import { reserveReturn } from '../memory/frame-pool.ts';
import type { RingRef } from '../memory/id-ring.ts';
import { reservePortMask } from '../memory/port-mask.ts';
import type { Plan } from '../runtime/plan.ts';
import type { SoftirqLimits } from '../runtime/softirq-policy.ts';
import { planGuest } from './plan-guest.ts';
import type { GuestPlan } from './plan-guest.ts';
import { connectHardwareVnic } from './plan-acceleration.ts';
import { planHardware } from './plan-hardware.ts';
import type { PortHardware } from './plan-hardware.ts';
import { planBridge, planSoftirq, planTap, planVhost } from './plan-kernel.ts';
import type { DraftActor, DraftThread } from './plan-draft.ts';
import { PlanDraft } from './plan-draft.ts';
import type { BridgeSpec, Scenario, VmSpec, VnicSpec } from './scenario.ts';
import { softirqName, vhostName } from './thread-names.ts';

/** Host slots for copies made by flooding, for each bridge. */
const CLONE_SLOTS = 1024;

/** What of the host serves a vNIC whose frames do not pass the host's stack: modes accelerated and direct. */
export interface HardwareVnic {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
  readonly vhost: DraftActor;
}

/** What of the host kernel serves a vNIC behind a tap. */
export interface VnicKernel {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
  readonly tap: DraftActor;
  readonly vhost: DraftActor;
  readonly vhostPool: PoolRef;
  /** Guest to network: vhost to this CPU's backlog. */
  readonly backlog: RingRef;
  readonly backlogToBridge: RingRef;
  readonly bridgeToTap: RingRef;
  /** Mode vhost-feedback: the tap's hold on the NIC ports of its bridge. */
  readonly feedback: TapFeedbackConfig | null;
}

/** What one bridge connects, and the pools whose slots travel there. */
export interface BridgeDomain {
  readonly spec: BridgeSpec;
  readonly bridge: DraftActor;
  readonly clonePool: PoolRef;
  readonly ports: readonly PortHardware[];
  readonly vnics: readonly VnicKernel[];
  readonly hardwareVnics: readonly HardwareVnic[];
}

/** All of a run's parts, while they are being connected. */
export interface Parts {
  readonly scenario: Scenario;
  readonly draft: PlanDraft;
  readonly slots: SlotMemoryRef;
  readonly softirq: DraftActor;
  readonly softirqPool: PoolRef;
  readonly domains: readonly BridgeDomain[];
  readonly guests: readonly GuestPlan[];
  /** By pool index: the return rings made so far, to be read by the pool's owner. */
  readonly returnRings: RingRef[][];
}

/** Lays a scenario out. The same scenario gives the same plan. */
export function buildPlan(scenario: Scenario): Plan {
  const draft = new PlanDraft(scenario.placement);
  const hardwareThread = draft.thread('hardware0', 'hardware', 'hardware');
  const softirqThread = draft.thread(softirqName(0), 'softirq', 'softirq');
  softirqThread.softirq = { limits: softirqLimits(scenario), threaded: scenario.host.threadedNapi };
  hardwareThread.ticks = { tickNs: 1e9 / scenario.host.hz, lines: [softirqThread.doorbell] };
  const softirq = draft.actorOn(softirqThread, softirqName(0), ['host']);
  const softirqPool = draft.slots.addPool(scenario.host.poolFrames);

  const hardware = planHardware(draft, scenario, hardwareThread, softirqThread);
  const domains = scenario.bridges.map((spec) => planDomain(draft, scenario, spec, hardware, softirqThread));
  // Taps after every bridge: one pass through the softirq thread's actors takes a frame as far as it goes.
  for (const { vnics } of domains) for (const { tap } of vnics) moveToEnd(tap);
  const pools = [
    softirqPool,
    ...domains.flatMap(({ clonePool, vnics }) => [clonePool, ...vnics.map((v) => v.vhostPool)]),
  ];
  const slots = draft.slots.reserve(draft.host);
  const guests = scenario.vms.map((vm) => planGuest(draft, scenario, vm, domains));

  const parts: Parts = {
    scenario,
    draft,
    slots,
    softirq,
    softirqPool,
    domains,
    guests,
    returnRings: pools.map(() => []),
  };
  for (const port of hardware) {
    const timers = domains
      .filter(({ ports }) => ports.includes(port))
      .flatMap(({ vnics }) => vnics.flatMap(feedbackTimer));
    port.connect(slots, timers);
  }
  for (const domain of domains) {
    planBridge(parts, domain);
    for (const vnic of domain.vnics) {
      planTap(parts, domain, vnic);
      planVhost(parts, domain, vnic);
    }
    domain.hardwareVnics.forEach((vnic) => connectHardwareVnic(parts, domain, vnic));
  }
  planSoftirq(parts);
  return draft.finish(pools);
}

function softirqLimits({ host }: Scenario): SoftirqLimits {
  const { budget, budgetTimeNs, maxRestart, maxTimeNs, repollList, ksoftirqdGuard } = host.softirq;
  return {
    hz: host.hz,
    sweepBudgetFrames: budget,
    sweepTimeNs: budgetTimeNs,
    visitSweepsMax: maxRestart,
    visitTimeNs: maxTimeNs,
    repollList,
    ksoftirqdGuard,
  };
}

function planDomain(
  draft: PlanDraft,
  scenario: Scenario,
  spec: BridgeSpec,
  hardware: readonly PortHardware[],
  softirqThread: DraftThread,
): BridgeDomain {
  const ports = hardware.filter(({ spec: port }) => spec.ports.includes(port.name));
  const bridge = draft.actor(spec.name, 'bridge', softirqThread, 'vhost', ['host']);
  const clonePool = draft.slots.addPool(CLONE_SLOTS);
  const here = scenario.vms.flatMap((vm) =>
    vm.nics.filter((nic) => nic.bridge === spec.name).map((nic): [VmSpec, VnicSpec] => [vm, nic]),
  );
  const vnics = here
    .filter(([, nic]) => !bypassesHost(nic))
    .map(([vm, nic]) => planVnicKernel(draft, scenario, vm, nic, softirqThread, ports));
  const hardwareVnics = here
    .filter(([, nic]) => bypassesHost(nic))
    .map(([vm, nic]) => planHardwareVnic(draft, vm, nic));
  return { spec, bridge, clonePool, ports, vnics, hardwareVnics };
}

function feedbackTimer({ nic, feedback }: VnicKernel): FeedbackTimer[] {
  const { timeoutNs } = nic.feedback;
  return feedback === null || timeoutNs === 'none' ? [] : [{ own: feedback.own, ports: feedback.ports, timeoutNs }];
}

function bypassesHost({ mode }: VnicSpec): boolean {
  return mode === 'accelerated' || mode === 'direct';
}

function planHardwareVnic(draft: PlanDraft, vm: VmSpec, nic: VnicSpec): HardwareVnic {
  const name = vhostName(nic.name);
  const thread = draft.thread(name, 'vhost', 'vhost', vm.name);
  // Frames pass it by: host memory for the queues it shares with the hardware, none of the host's frames.
  const buffers = nic.mode === 'direct' ? ['host', `vmm:${vm.name}`] : ['host', `guest:${vm.name}`, `vmm:${vm.name}`];
  return { vm, nic, vhost: draft.actorOn(thread, name, buffers) };
}

function planVnicKernel(
  draft: PlanDraft,
  scenario: Scenario,
  vm: VmSpec,
  nic: VnicSpec,
  softirqThread: DraftThread,
  ports: readonly PortHardware[],
): VnicKernel {
  const name = vhostName(nic.name);
  const vhostThread = draft.thread(name, 'vhost', 'vhost', vm.name);
  const { backlogFrames } = scenario.host.softirq;
  const txRing = Math.max(...scenario.ports.map((port) => port.txRing));
  return {
    vm,
    nic,
    tap: draft.actor(nic.tap.name, 'tap', softirqThread, 'vhost', ['host']),
    vhost: draft.actorOn(vhostThread, name, ['host', `guest:${vm.name}`, `vmm:${vm.name}`]),
    // Enough for a full backlog and for everything behind it, so that the backlog's own limit is what drops.
    vhostPool: draft.slots.addPool(backlogFrames + 4 * txRing),
    backlog: draft.ring(`${nic.tap.name}.backlog`, backlogFrames + 1, 'frames'),
    backlogToBridge: draft.ring(`${nic.tap.name}.to-${nic.bridge}`, 1024, 'frames'),
    bridgeToTap: draft.ring(`${nic.tap.name}.tx`, 1024, 'frames'),
    feedback:
      nic.mode === 'vhost-feedback'
        ? {
            own: reservePortMask(draft.signals),
            ports: ports.map(({ mask, rxQueues }) => ({
              mask,
              interrupts: rxQueues.map(({ interrupt }) => interrupt),
            })),
            highMark: nic.feedback.highMark,
            lowMark: nic.feedback.lowMark,
          }
        : null,
  };
}

function moveToEnd(actor: DraftActor): void {
  const { actors } = actor.thread;
  actors.splice(actors.indexOf(actor), 1);
  actors.push(actor);
}

/** A way home for each of `pools`, from one actor that may end their frames. */
export function waysHome(parts: Parts, pools: readonly PoolRef[]): ReturnRef[] {
  return pools.map((pool) => {
    const way = reserveReturn(parts.draft.host, pool);
    parts.draft.rings.push({ name: `return.${pool.index}`, ring: way.ring, carries: 'buffers', limit: pool.slots });
    parts.returnRings[pool.index].push(way.ring);
    return way;
  });
}

/** Pools whose slots may turn up behind one bridge. */
export function poolsOf(parts: Parts, domain: BridgeDomain): PoolRef[] {
  return [parts.softirqPool, domain.clonePool, ...domain.vnics.map(({ vhostPool }) => vhostPool)];
}
