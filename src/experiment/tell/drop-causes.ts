/**
 * Why frames ended where they did, from counters and thread shares alone: for each place that drops, the component
 * that should have made room, and what kept it from doing so.
 */
import { SOFTIRQ } from '../../../actors/host/softirq.ts';
import { TAP } from '../../../actors/host/tap.ts';
import { VHOST_ACCELERATED } from '../../../actors/host/vhost-accelerated.ts';
import { VHOST } from '../../../actors/host/vhost-worker.ts';
import { QEMU } from '../../../actors/vmm/qemu-backend.ts';
import { NIC } from '../../../actors/wire/nic/nic.ts';
import { vnicNoBufferName } from '../../../actors/wire/nic/nic-links.ts';
import { counterOf, keepsCounter } from '../../metrics/derive/counters.ts';
import { formatAmount, formatShare } from '../../text/number-format.ts';
import { ETH_FCS_BYTES, ETH_GAP_BYTES } from '../../net/wire/ethernet.ts';
import { hardwareVnicsOf } from '../../plan/backends/hardware-vnics.ts';
import { MODES } from '../../scenario/modes.ts';
import type { VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { workerCpu } from '../../plan/host/host.ts';
import { softirqName, vcpuName, backendNames } from '../../scenario/names.ts';
import type { DropCount, PhaseResult, RunResult } from '../run/run-result.ts';
import { tellPlanned } from './planned-causes.ts';
import { stateOf, tellBursts, tellThread, threadRowOf } from './thread-story.ts';

export type CausedRun = Pick<RunResult, 'scenario' | 'threads' | 'provisioning' | 'virtqueueFaults'>;

/** Share of a worker's passes, or of polls, that met a lack before the lack is the cause. */
const LACKING_RATIO = 0.5;
/** A wire that is used this much is full. */
export const WIRE_FULL_RATIO = 0.95;

/** Share of a phase that a port was masked before the mask is the cause. */
const MASKED_RATIO = 0.05;

/** What stood in the way. */
export interface DropCause {
  /** A clause, to stand after a colon. */
  readonly text: string;
  /** Equal for causes of the same kind: what is told of one component holds for the other. */
  readonly kind: string;
}

/** What the scenario asked for comes before what threads did. Null where the drop's own reason says it all. */
export function causeOf(run: CausedRun, phase: PhaseResult, drop: DropCount): DropCause | null {
  const planned = tellPlanned(run, phase, drop);
  if (planned === null) return measuredCause(run, phase, drop);
  const mask = drop.counter === 'rx_missed_errors' ? maskOf(run, phase, drop.actor) : null;
  return { text: mask === null ? planned : `${mask.told}; ${planned}`, kind: planned };
}

function measuredCause(run: CausedRun, phase: PhaseResult, drop: DropCount): DropCause | null {
  switch (drop.counter) {
    case 'tx_dropped':
      return tellVhostReceive(run, phase, drop.actor);
    case 'rx_missed_errors':
      return (
        tellMask(run, phase, drop.actor) ??
        tellSoftirq(run, phase, 'must empty receive rings', cpuOfPort(run, drop.actor))
      );
    case 'rx_pool_depleted':
    case 'tx_switched_no_buffer':
      return tellPool(run, phase, drop.actor);
    case 'backlog_dropped':
      return tellSoftirq(run, phase, 'must empty the backlog', cpuOfVhost(run, drop.actor));
    case 'rx_backlog_dropped':
      return tellSoftirq(run, phase, 'must empty the backlog', cpusSteeredTo(run, drop.actor));
    case 'rx_bridge_queue_full':
      return tellSlowest(run, phase, 'which must keep up with softirq,', namesOf(run.scenario.bridges));
    case 'drop_tx_queue_full':
      return tellTransmitQueue(run, phase, drop.actor);
    case 'tx_qdisc_dropped':
      return tellVhostTransmit(run, phase, drop.actor);
    default:
      return null;
  }
}

/** Feedback: a tap at its high mark had the port masked, so nobody emptied its ring. The cause is behind that tap. */
function tellMask(run: CausedRun, phase: PhaseResult, port: string): DropCause | null {
  const mask = maskOf(run, phase, port);
  if (mask === null) return null;
  const reader = tellVhostReceive(run, phase, mask.tap);
  return { text: reader === null ? mask.told : `${mask.told}; ${reader.text}`, kind: `masked, ${reader?.kind ?? ''}` };
}

/** The tap that had a port masked most, and for how long; null where none had it for long. */
function maskOf(run: CausedRun, phase: PhaseResult, port: string): { tap: string; told: string } | null {
  const bridges = namesOf(run.scenario.bridges.filter(({ ports }) => ports.includes(port)));
  const nics = run.scenario.vms
    .flatMap((vm) => vm.nics)
    .filter(({ bridge, mode }) => bridges.includes(bridge) && MODES[mode].feedback);
  const masksOf = (nic: VnicSpec): number => counterOf(TAP, phase.counters, nic.tap.name, 'feedback_masks');
  const most = nics.reduce<VnicSpec | null>((best, nic) => (best && masksOf(best) >= masksOf(nic) ? best : nic), null);
  const maskedNs = counterOf(NIC, phase.counters, port, 'feedback_masked_ns');
  const times = counterOf(NIC, phase.counters, port, 'feedback_masked');
  if (most === null || maskedNs < phase.elapsedNs * MASKED_RATIO) return null;
  const tap = most.tap.name;
  // A mask that was there before the phase is held in it, and begun in none.
  const often = times > 0 ? `, ${times} times` : ' without a break';
  const share = formatShare(Math.min(1, maskedNs / phase.elapsedNs));
  return { tap, told: `${tap} had ${port} masked ${share} of the time${often}` };
}

interface TapOwner {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
}

/** The vCPU that posts the buffers of a vNIC's queue pair: pairs go round the vCPUs. */
function receivingVcpu(vm: VmSpec, nic: VnicSpec, pair: number): string {
  return vcpuName(vm.name, (nic.vcpu + pair) % vm.vcpus);
}

function ownerOfTap({ scenario }: CausedRun, tap: string): TapOwner | null {
  for (const vm of scenario.vms) {
    const nic = vm.nics.find((each) => each.tap.name === tap);
    if (nic !== undefined) return { vm, nic };
  }
  return null;
}

/** Nobody emptied the tap: no CPU for vhost, no buffers from the guest, or more work than one worker does. */
function tellVhostReceive(run: CausedRun, phase: PhaseResult, tap: string): DropCause | null {
  const owner = ownerOfTap(run, tap);
  if (owner === null) return null;
  const workers = backendNames(owner.nic);
  const vhost = mostDemanding(run, phase, workers) ?? workers[0];
  const row = threadRowOf(run, phase, vhost);
  const reader = MODES[owner.nic.mode].servedBy === 'worker' ? VHOST : QEMU;
  const passes = counterOf(reader, phase.counters, vhost, 'rx_passes');
  const dry = counterOf(reader, phase.counters, vhost, 'rx_no_buffer_passes');
  const on = row === undefined || row.name === vhost ? '' : ` on ${row.name}`;
  const worker = `${vhost}${on}, which empties ${tap},`;
  const broken = tellBroken(run, `which empties ${tap},`, [vhost]);
  if (broken !== null) return broken;
  const state = stateOf(row);
  const vcpu = receivingVcpu(owner.vm, owner.nic, workers.indexOf(vhost));
  const vcpuRow = threadRowOf(run, phase, vcpu);
  // A worker that never rests fills a whole ring in each pass and finds it empty: a guest that sleeps is not the cause.
  const outpaced = state === 'busy' && stateOf(vcpuRow) === 'idle';
  if (passes > 0 && dry >= passes * LACKING_RATIO && !outpaced) {
    // A pass that began before the phase and ended dry within it makes the one count larger than the other.
    const share = formatShare(Math.min(1, dry / passes));
    const lack = `found no receive buffer from the guest in ${share} of its passes`;
    const starved = state === 'starved' ? `${tellThread(phase, row)}, and when it ran it ` : '';
    const text = `${worker} ${starved}${lack}: ${vcpu}, which posts them, ${tellThread(phase, vcpuRow)}`;
    return { text, kind: `no buffers, ${state} before ${stateOf(vcpuRow)}` };
  }
  const told = `${worker} ${tellThread(phase, row)}${tellBursts(phase, row)}`;
  return { text: state === 'busy' ? `${told}${tellWork(phase, owner.nic, vhost)}` : told, kind: `vhost ${state}` };
}

/** What a busy worker was busy with. */
function tellWork({ counters }: PhaseResult, { mode }: VnicSpec, vhost: string): string {
  const isWorker = MODES[mode].servedBy === 'worker';
  const rx = counterOf(isWorker ? VHOST : QEMU, counters, vhost, 'rx_packets');
  const tx = counterOf(isWorker ? VHOST : QEMU, counters, vhost, 'tx_packets');
  const cut = isWorker ? counterOf(VHOST, counters, vhost, 'tx_requeues') : 0;
  const both = `${formatAmount(rx)} frames to the guest and ${formatAmount(tx)} from it`;
  const more = cut > 0 ? `, where ${formatAmount(cut)} passes ended by vhost's weight with more to send` : '';
  return `${tx > rx ? ', most of it on transmission: ' : ', for '}${both}${more}`;
}

function tellVhostTransmit(run: CausedRun, phase: PhaseResult, vcpu: string): DropCause | null {
  const vm = run.scenario.vms.find(({ name }) => vcpu.startsWith(`${name}/`));
  const workers = (vm?.nics ?? []).flatMap(backendNames);
  return tellSlowest(run, phase, 'which takes frames from the guest,', workers);
}

/** The softirq CPUs that work on a port's rings. */
function cpuOfPort({ scenario }: CausedRun, port: string): string[] {
  return scenario.ports
    .filter(({ name }) => name === port)
    .map(({ host, cpu }) => softirqName(scenario.hosts, host, cpu));
}

/** The CPU whose backlog a worker fills. */
function cpuOfVhost({ scenario }: CausedRun, vhost: string): string[] {
  const { hosts, vms } = scenario;
  return vms.flatMap(({ host, nics }) => {
    const spec = hosts.find(({ name }) => name === host);
    return nics.flatMap((nic) => {
      const pair = backendNames(nic).indexOf(vhost);
      return spec === undefined || pair < 0 ? [] : [softirqName(hosts, host, workerCpu(spec, nic, pair))];
    });
  });
}

/** The CPUs of bridges whose ports interrupt another one. */
function cpusSteeredTo({ scenario }: CausedRun, from: string): string[] {
  const { hosts, ports, bridges } = scenario;
  return bridges
    .filter((bridge) =>
      ports.some(({ name, host, cpu }) => bridge.ports.includes(name) && softirqName(hosts, host, cpu) === from),
    )
    .map(({ host, cpu }) => softirqName(hosts, host, cpu))
    .filter((name) => name !== from);
}

function tellSoftirq(run: CausedRun, phase: PhaseResult, duty: string, softirqs: readonly string[]): DropCause | null {
  const softirq = mostDemanding(run, phase, softirqs);
  const told = tellSlowest(run, phase, `which ${duty},`, softirqs);
  if (softirq === null || told === null) return null;
  const polls = counterOf(SOFTIRQ, phase.counters, softirq, 'napi_polls');
  const dry = counterOf(SOFTIRQ, phase.counters, softirq, 'rx_no_buffer');
  if (polls === 0 || dry < polls * LACKING_RATIO) return told;
  const text = `${told.text}, and had no free buffer for the ring in ${formatShare(dry / polls)} of its polls`;
  return { text, kind: `${told.kind} without buffers` };
}

/**
 * A vNIC's buffers come from its guest, and where it is accelerated vhost passes them down: no CPU for vhost to do so,
 * or a guest that posts none. Of several vNICs of the card it is the one that lost most.
 */
function tellPool(run: CausedRun, phase: PhaseResult, port: string): DropCause | null {
  const vnics = hardwareVnicsOf(run.scenario, port);
  const losses = vnics.map((_, i) => counterOf(NIC, phase.counters, port, vnicNoBufferName(i)));
  const worst = vnics[losses.indexOf(Math.max(...losses))];
  if (worst === undefined) return null;
  const { vm, nic } = worst;
  const isPassedDown = MODES[nic.mode].servedBy === 'worker';
  const broken = tellBroken(run, 'which takes the buffers that the guest posts,', [...backendNames(nic), port]);
  if (broken !== null) return broken;
  const vhost = isPassedDown ? mostDemanding(run, phase, backendNames(nic)) : null;
  if (vhost !== null && seedsLate(run, phase, vhost)) {
    const row = threadRowOf(run, phase, vhost);
    const told = `${tellThread(phase, row)}${tellBursts(phase, row)}`;
    const text = `${vhost}, which gives the hardware the buffers that ${vm.name} posts, ${told}`;
    return { text, kind: `pool, vhost ${stateOf(row)}` };
  }
  const vcpus = Array.from({ length: nic.queues }, (_, pair) => receivingVcpu(vm, nic, pair));
  return tellSlowest(run, phase, 'which posts the buffers for the hardware,', vcpus);
}

/** Whether vhost is the one who keeps a pool empty: it had no CPU, or was told of depletion with posted buffers at hand. */
function seedsLate(run: CausedRun, phase: PhaseResult, vhost: string): boolean {
  const told = counterOf(VHOST_ACCELERATED, phase.counters, vhost, 'depletion_entries');
  const unposted = counterOf(VHOST_ACCELERATED, phase.counters, vhost, 'congestion_calls');
  return stateOf(threadRowOf(run, phase, vhost)) === 'starved' || told - unposted > told * LACKING_RATIO;
}

/** A transmit ring fills when the wire is full, or when nobody cleans it. */
function tellTransmitQueue(run: CausedRun, phase: PhaseResult, bridge: string): DropCause | null {
  const members = run.scenario.bridges.find(({ name }) => name === bridge)?.ports ?? [];
  const full = members.find((port) => wireShare(run, phase, port) >= WIRE_FULL_RATIO);
  if (full !== undefined) return { text: `${full} sent at line rate, which is all its wire carries`, kind: 'wire' };
  const cpus = members.flatMap((port) => cpuOfPort(run, port));
  return tellSoftirq(run, phase, 'cleans transmit rings', cpus);
}

/** Of several components that share a duty, one that left a virtqueue alone; null where none did. */
function tellBroken({ virtqueueFaults }: CausedRun, duty: string, actors: readonly string[]): DropCause | null {
  const broken = virtqueueFaults.find(({ actor }) => actors.includes(actor));
  if (broken === undefined) return null;
  return { text: `${broken.actor}, ${duty} stopped serving ${broken.text}`, kind: 'virtqueue broken' };
}

/** Of several components that share a duty, the one whose thread wanted a core most. */
function tellSlowest(run: CausedRun, phase: PhaseResult, duty: string, actors: readonly string[]): DropCause | null {
  const broken = tellBroken(run, duty, actors);
  if (broken !== null) return broken;
  const slowest = mostDemanding(run, phase, actors);
  if (slowest === null) return null;
  const row = threadRowOf(run, phase, slowest);
  const told = `${tellThread(phase, row)}${tellBursts(phase, row)}`;
  return { text: `${slowest}, ${duty} ${told}`, kind: `${duty} ${stateOf(row)}` };
}

function namesOf(components: readonly { readonly name: string }[]): string[] {
  return components.map(({ name }) => name);
}

/** Share of a port's line that its transmissions used: preamble, gap and FCS included. */
export function wireShare({ scenario }: CausedRun, phase: PhaseResult, port: string): number {
  const speedBps = scenario.ports.find(({ name }) => name === port)?.speedBps;
  // A veth pair, which is the port on host kernel, has no line.
  if (speedBps === undefined || !keepsCounter(NIC, phase.counters, port, 'tx_bytes')) return 0;
  const frames = counterOf(NIC, phase.counters, port, 'tx_packets');
  const bytes = counterOf(NIC, phase.counters, port, 'tx_bytes');
  const bits = 8 * (bytes + frames * (ETH_FCS_BYTES + ETH_GAP_BYTES));
  return bits / ((speedBps * phase.elapsedNs) / 1e9);
}

/** Of several actors the one whose thread wanted a core most, so far as that is known: where no wait is, who ran most. */
function mostDemanding(run: CausedRun, phase: PhaseResult, actors: readonly string[]): string | null {
  const demand = (actor: string): number => {
    const row = threadRowOf(run, phase, actor);
    return row === undefined ? -1 : row.runningRatio + (row.waitingRatio ?? 0);
  };
  return actors.reduce<string | null>(
    (most, each) => (most === null || demand(each) > demand(most) ? each : most),
    null,
  );
}
