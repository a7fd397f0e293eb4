/** Bridges and what is behind them: which actors there are, and the rings and pools between them; nothing is connected. */
import type { TapFeedbackConfig } from '../../../actors/host/tap.ts';
import { reservePortMask } from '../../kernel/port-mask.ts';
import { HANDOVER_FRAMES } from '../../scenario/handover.ts';
import { MODES, goesBy } from '../../scenario/modes.ts';
import { backendNames, queueName } from '../../scenario/names.ts';
import { movingVms } from '../../scenario/moving-vms.ts';
import type { BridgeSpec, Scenario, VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { NIC_BACKENDS, TAP_BACKENDS } from '../backends/backends.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import type {
  BridgeDomain,
  HardwareVnic,
  HardwareVnicSpec,
  HostDraft,
  PairKernel,
  PortHardware,
  TapVnicSpec,
  VnicKernel,
} from '../parts.ts';
import { workerCpu } from './host.ts';

/** Host slots for copies made by flooding, for each bridge. */
const CLONE_SLOTS = 1024;

/**
 * Places bridges, taps and backends of one host, reserves their rings, and adds their pools, so that it has to come
 * before the slots of the host are reserved.
 */
export function planDomains(
  draft: PlanDraft,
  scenario: Scenario,
  host: HostDraft,
  hardware: readonly PortHardware[],
): BridgeDomain[] {
  const domains = scenario.bridges
    .filter((spec) => spec.host === host.spec.name)
    .map((spec) => planDomain(draft, scenario, host, spec, hardware));
  // Taps after every bridge: one pass through the softirq thread's actors takes a frame as far as it goes.
  const behindTaps = domains.flatMap(({ vnics }) => vnics);
  for (const { tap } of behindTaps) moveToEnd(tap);
  announceTaps(draft, behindTaps);
  return domains;
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
  const vnics = here.flatMap(([vm, nic]) =>
    goesBy(nic, 'tap') ? [planVnicKernel(draft, scenario, host, [vm, nic], spec, ports)] : [],
  );
  const hardwareVnics = here.flatMap(([vm, nic]) =>
    goesBy(nic, 'nic') ? [planHardwareVnic(draft, host, vm, nic)] : [],
  );
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

function planHardwareVnic(draft: PlanDraft, host: HostDraft, vm: VmSpec, nic: HardwareVnicSpec): HardwareVnic {
  const vhosts = backendNames(nic).map((name, pair) =>
    NIC_BACKENDS[nic.mode].place(draft, host, vm, name, workerCpu(host.spec, nic, pair)),
  );
  return { vm, nic, vhosts: Array.from({ length: nic.queues }, (_, pair) => vhosts[pair] ?? vhosts[0]) };
}

function planVnicKernel(
  draft: PlanDraft,
  scenario: Scenario,
  host: HostDraft,
  [vm, nic]: [VmSpec, TapVnicSpec],
  bridge: BridgeSpec,
  ports: readonly PortHardware[],
): VnicKernel {
  const { arena, softirqs } = host;
  const { backlogFrames } = host.spec.softirq;
  const txRings = scenario.ports.filter((port) => port.host === vm.host).map(({ txRing }) => txRing);
  const tap = draft.actor(nic.tap.name, 'tap', softirqs[bridge.cpu].thread, 'vhost', [arena.name]);
  const pairs = backendNames(nic).map((name, pair): PairKernel => {
    const cpu = workerCpu(host.spec, nic, pair);
    // Enough for a full backlog and for everything behind it, so that the backlog's own limit is what drops.
    const pool = draft.slots.addPool(backlogFrames + 4 * Math.max(0, ...txRings));
    return {
      backend: TAP_BACKENDS[nic.mode].place(draft, host, vm, name, cpu),
      pool,
      poolHome: movingVms(scenario).has(vm.name) ? draft.home(arena, `${name}.pool`, pool) : null,
      cpu,
      backlog: draft.ring(arena, queueName(`${nic.tap.name}.backlog`, pair), backlogFrames + 1, 'frames'),
      backlogToBridge: draft.ring(
        arena,
        queueName(`${nic.tap.name}.to-${nic.bridge}`, pair),
        HANDOVER_FRAMES,
        'frames',
      ),
      feedback: MODES[nic.mode].feedback ? planFeedback(draft, nic, ports) : null,
    };
  });
  return { vm, nic, tap, pairs, bridgeToTap: draft.ring(arena, `${nic.tap.name}.tx`, HANDOVER_FRAMES, 'frames') };
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
