/**
 * A scenario laid out around this machine's own kernel: generators, sinks, guests and workers as ever; in the place of
 * NICs, softirqs, bridges and taps the kernel's devices, with a packet socket at each wire and a descriptor at each tap.
 */
import { KERNEL_BRIDGE_COUNTERS, KERNEL_PORT_COUNTERS, KERNEL_TAP_COUNTERS } from '../../../actors/kernel/devices.ts';
import type { KernelDeviceConfig } from '../../../actors/kernel/devices.ts';
import { SOCKET_COUNTERS, SOCKET_PORTS } from '../../../actors/kernel/packet-socket.ts';
import { TUN_FILE_COUNTERS, TUN_FILE_PORTS } from '../../../actors/kernel/tun-file.ts';
import { reserveBacklogLength } from '../../kernel/backlog-length.ts';
import type { Region } from '../../memory/arena.ts';
import type { PoolRef } from '../../memory/frame-pool.ts';
import type {
  KernelBridgePlan,
  KernelLayout,
  KernelPortPlan,
  KernelSocketPlan,
  KernelTapPlan,
} from '../../runtime/kernel/layout.ts';
import type { ActorSpec } from '../../../actors/registry.ts';
import type { Plan } from '../../runtime/plan.ts';
import { backendNames, softirqName } from '../../scenario/names.ts';
import { goesBy } from '../../scenario/modes.ts';
import { largestFrameBytes } from '../frame-room.ts';
import type { BridgeSpec, PortSpec, Scenario, VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { TAP_BACKENDS } from '../backends/backends.ts';
import { CONTROL_SEAT, PlanDraft, connect } from '../draft.ts';
import type { CpuSeat, DraftActor, DraftThread } from '../draft.ts';
import { planGuest } from '../guest/guest.ts';
import { planGuestTimer } from '../guest/timer.ts';
import type { BridgeDomain, HostDraft, Parts, Sleeper, VnicKernel } from '../parts.ts';
import { planEnd } from '../wires/ends.ts';
import { planStationsAndWires } from '../wires/hardware.ts';
import type { EndSpec } from '../../scenario/attach.ts';
import type { NicWireLink } from '../../../actors/wire/nic/nic-links.ts';

/** Frames read ahead of the worker: a batch. All others wait in the kernel's queue, whose limit is the tap's. */
const READ_AHEAD_FRAMES = 64;
/** Frames of the guest between worker and descriptor, which are on one thread. */
const HANDOVER_FRAMES = 1023;

/** One tap with the descriptor that its worker's thread reads. */
interface TapDraft {
  readonly vnic: VnicKernel;
  readonly pool: PoolRef;
}

/**
 * Lays out a scenario that `kernelScenario` has let pass. The same scenario gives the same plan.
 * @param ends of wires where real programs are: with them nothing of the hardware is left for a thread to do.
 */
export function buildKernelPlan(
  scenario: Scenario,
  ends: readonly EndSpec[] = [],
): { readonly plan: Plan; readonly layout: KernelLayout } {
  const draft = new PlanDraft(scenario, largestFrameBytes(scenario));
  const hardware = draft.thread('hardware0', 'hardware', 'hardware', CONTROL_SEAT);
  // Devices ask for nothing: where no hardware spins, they are on a thread that sleeps.
  const keeper = ends.length === 0 ? hardware : draft.thread('devices', 'vmm', 'vmm', CONTROL_SEAT);
  const host = planHost(draft, scenario);
  for (const end of ends) planEnd(draft, keeper, end, null);
  const wires = ends.length === 0 ? planStationsAndWires(draft, scenario, hardware) : null;
  const bridges = new Map(scenario.bridges.map(({ name }) => [name, draft.actorOn(keeper, name, [])]));
  const taps = scenario.vms.flatMap((vm) => vm.nics.map((nic) => planTap(draft, host, vm, nic)));
  const domains = scenario.bridges.map((spec) => domainOf(spec, bridges.get(spec.name)!, taps));
  const slots = draft.slotMemory(host.arena);
  const backlogs = [{ pending: host.arena.reserve(4), length: reserveBacklogLength(draft.signals) }];
  const guests = scenario.vms.map((vm) => planGuest(draft, host, vm, domains));
  const parts: Parts = { draft, host, slots, cpuPools: [], domains, crossings: [], backlogs, guests };
  const sleepers: Sleeper[] = [];
  const tapPlans = new Map(taps.map((tap) => [tap.vnic.nic.tap.name, connectTap(parts, tap, keeper, sleepers)]));
  guests.forEach((guest) => planGuestTimer(draft, hardware, guest, sleepers));
  const layout = scenario.bridges.map((spec): KernelBridgePlan => {
    const bridge = bridges.get(spec.name)!;
    return {
      name: spec.name,
      ageingNs: spec.ageingNs,
      counters: configureDevice(draft, bridge, 'kernel-bridge'),
      ports: scenario.ports
        .filter(({ name }) => spec.ports.includes(name))
        .map((port) => planPort(draft, keeper, port, wires?.get(port.name) ?? null)),
      taps: spec.taps.map((name) => tapPlans.get(name)!),
    };
  });
  const pools = taps.flatMap(({ vnic, pool }) => [vnic.pairs[0].pool, pool]);
  const plan = draft.finish(pools, []);
  return { plan, layout: { bridges: layout, threadedNapi: scenario.hosts[0].threadedNapi } };
}

/** The modelled host's memory and seats. Its softirq lines belong to nobody: softirq is the kernel's. */
function planHost(draft: PlanDraft, { hosts }: Scenario): HostDraft {
  const [spec] = hosts;
  const seat: CpuSeat = CONTROL_SEAT;
  const name = softirqName(hosts, spec.name, 0);
  const thread = draft.thread(name, 'softirq', 'softirq', seat);
  const nobody: DraftActor = {
    name,
    thread,
    attachments: [],
    spec: null,
    counters: [],
    counterRegion: null,
    announced: null,
  };
  return { spec, arena: draft.arena('host'), softirqs: [nobody], seats: [seat], seat };
}

function planTap(draft: PlanDraft, host: HostDraft, vm: VmSpec, nic: VnicSpec): TapDraft {
  // What the kernel host does not serve is refused before.
  if (!goesBy(nic, 'tap')) throw new Error(`${nic.name} has no tap in mode ${nic.mode}`);
  const [name] = backendNames(nic);
  const sent = draft.slots.addPool(2 * HANDOVER_FRAMES);
  const pool = draft.slots.addPool(2 * READ_AHEAD_FRAMES);
  const backend = TAP_BACKENDS[nic.mode].place(draft, host, vm, name, 0);
  const tap = draft.actorOn(backend.thread, `${nic.tap.name}-file`, [host.arena.name]);
  const backlog = draft.ring(host.arena, `${nic.tap.name}.write`, HANDOVER_FRAMES, 'frames');
  // The bridge is the kernel's, and has no ring that the backlog could go on to.
  const pair = { backend, pool: sent, poolHome: null, cpu: 0, backlog, backlogToBridge: backlog, feedback: null };
  return { pool, vnic: { vm, nic, tap, bridgeToTap: backlog, pairs: [pair] } };
}

function domainOf(spec: BridgeSpec, bridge: DraftActor, taps: readonly TapDraft[]): BridgeDomain {
  const vnics = taps.map(({ vnic }) => vnic).filter(({ nic }) => nic.bridge === spec.name);
  const [{ pool: clonePool }] = taps;
  return { spec, bridge, clonePool, pending: bridge.thread.doorbell, ports: [], vnics, hardwareVnics: [] };
}

/**
 * Connects a vNIC to its descriptor, and describes the tap that the kernel is to make.
 * @param sleepers gains the backends that have deadlines.
 */
function connectTap(parts: Parts, { vnic, pool }: TapDraft, keeper: DraftThread, sleepers: Sleeper[]): KernelTapPlan {
  const { draft, slots, backlogs } = parts;
  const { tap, nic } = vnic;
  const [{ backlog }] = vnic.pairs;
  const counters = draft.count(tap, TUN_FILE_COUNTERS);
  const { name: descriptor, queueFrames } = nic.tap;
  const config = { name: tap.name, counters, descriptor, slots, pool, readAheadFrames: READ_AHEAD_FRAMES };
  tap.spec = { kind: 'tun-file', config };
  connect(tap, TUN_FILE_PORTS.backlog, { backlog, backlogLength: backlogs[0].length });
  sleepers.push(...TAP_BACKENDS[nic.mode].connect(parts, vnic, null));
  const device = draft.actorOn(keeper, descriptor, []);
  return {
    name: descriptor,
    mtuBytes: nic.mtuBytes,
    queueFrames,
    counters: configureDevice(draft, device, 'kernel-tap'),
    file: { descriptor, counters },
    thread: tap.thread.name,
  };
}

/** @param wire null where programs are at its end. */
function planPort(draft: PlanDraft, keeper: DraftThread, spec: PortSpec, wire: NicWireLink | null): KernelPortPlan {
  const { name, mtuBytes } = spec;
  const device = draft.actorOn(keeper, name, []);
  const socket = wire === null ? null : planSocket(draft, keeper, name, wire);
  return { name, mtuBytes, counters: configureDevice(draft, device, 'kernel-port'), socket };
}

function planSocket(draft: PlanDraft, hardware: DraftThread, descriptor: string, wire: NicWireLink): KernelSocketPlan {
  const socket = draft.actorOn(hardware, `${descriptor}-socket`, ['wire']);
  const counters = draft.count(socket, SOCKET_COUNTERS);
  socket.spec = { kind: 'packet-socket', config: { name: socket.name, counters, descriptor } };
  connect(socket, SOCKET_PORTS.wire, wire);
  return { descriptor, counters };
}

const DEVICE_COUNTERS = {
  'kernel-port': KERNEL_PORT_COUNTERS,
  'kernel-bridge': KERNEL_BRIDGE_COUNTERS,
  'kernel-tap': KERNEL_TAP_COUNTERS,
} as const;

/** @returns the page that the host fills with what the kernel has counted of the device. */
function configureDevice(draft: PlanDraft, device: DraftActor, kind: keyof typeof DEVICE_COUNTERS): Region {
  const counters = draft.count(device, DEVICE_COUNTERS[kind]);
  const config: KernelDeviceConfig = { name: device.name, counters };
  device.spec = { kind, config } satisfies ActorSpec;
  return counters;
}
