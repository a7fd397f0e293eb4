/**
 * Why frames ended where they did, from counters and thread shares alone: for each place that drops, the component
 * that should have made room, and what kept it from doing so.
 */
import { formatAmount, formatShare } from '../metrics/number-format.ts';
import { ETH_FCS_BYTES, ETH_GAP_BYTES } from '../net/ethernet.ts';
import type { VnicSpec } from '../topology/scenario.ts';
import { vcpuName, vhostName } from '../topology/thread-names.ts';
import type { DropCount, PhaseResult, RunResult } from './run-result.ts';
import { stateOf, tellThread, threadRowOf } from './thread-story.ts';

export type CausedRun = Pick<RunResult, 'scenario' | 'threads'>;

/** Share of a worker's passes, or of polls, that met a lack before the lack is the cause. */
const LACKING_RATIO = 0.5;
/** A wire that is used this much is full. */
const WIRE_FULL_RATIO = 0.95;

/** What stood in the way. */
export interface DropCause {
  /** A clause, to stand after a colon. */
  readonly text: string;
  /** Equal for causes of the same kind: what is told of one component holds for the other. */
  readonly kind: string;
}

/** Null where the drop's own reason says it all. */
export function causeOf(run: CausedRun, phase: PhaseResult, drop: DropCount): DropCause | null {
  const text = tellCause(run, phase, drop);
  if (text === '') return null;
  // Names and numbers apart, the words are the kind.
  return { text, kind: text.replaceAll(/\S*\d\S*/g, '') };
}

function tellCause(run: CausedRun, phase: PhaseResult, drop: DropCount): string {
  switch (drop.counter) {
    case 'tx_dropped': {
      const owner = ownerOfTap(run, drop.actor);
      return owner === null ? '' : tellVhostReceive(run, phase, owner);
    }
    case 'rx_missed_errors':
      return tellSoftirq(run, phase, 'must empty receive rings');
    case 'backlog_dropped':
      return tellSoftirq(run, phase, 'must empty the backlog');
    case 'rx_bridge_queue_full':
      return tellBridges(run, phase);
    case 'drop_tx_queue_full':
      return tellTransmitQueue(run, phase, drop.actor);
    case 'tx_qdisc_dropped':
      return tellVhostTransmit(run, phase, drop.actor);
    default:
      return '';
  }
}

interface TapOwner {
  readonly vm: string;
  readonly nic: VnicSpec;
}

function ownerOfTap({ scenario }: CausedRun, tap: string): TapOwner | null {
  for (const vm of scenario.vms) {
    const nic = vm.nics.find((each) => each.tap.name === tap);
    if (nic !== undefined) return { vm: vm.name, nic };
  }
  return null;
}

/** Nobody emptied the tap: no CPU for vhost, no buffers from the guest, or more work than one worker does. */
function tellVhostReceive(run: CausedRun, phase: PhaseResult, { vm, nic }: TapOwner): string {
  const vhost = vhostName(nic.name);
  const counters = phase.counters[vhost] ?? {};
  const row = threadRowOf(run, phase, vhost);
  const { rx_passes: passes = 0, rx_no_buffer_passes: dry = 0, rx_packets: rx = 0, tx_packets: tx = 0 } = counters;
  const worker = `${vhost}, which empties ${nic.tap.name},`;
  const state = stateOf(row);
  if (passes > 0 && dry >= passes * LACKING_RATIO) {
    const vcpu = vcpuName(vm, nic.vcpu);
    const lack = `found no receive buffer from the guest in ${formatShare(dry / passes)} of its passes`;
    const starved = state === 'starved' ? `${tellThread(phase, row)}, and when it ran it ` : '';
    return `${worker} ${starved}${lack}: ${vcpu}, which posts them, ${tellThread(phase, threadRowOf(run, phase, vcpu))}`;
  }
  const told = `${worker} ${tellThread(phase, row)}`;
  if (state !== 'busy') return told;
  const both = `${formatAmount(rx)} frames to the guest and ${formatAmount(tx)} from it`;
  return tx > rx ? `${told}, most of it on transmission: ${both}` : `${told}, for ${both}`;
}

function tellVhostTransmit(run: CausedRun, phase: PhaseResult, vcpu: string): string {
  const vm = run.scenario.vms.find(({ name }) => vcpu.startsWith(`${name}/`));
  const workers = (vm?.nics ?? []).map(({ name }) => vhostName(name));
  const slowest = mostDemanding(run, phase, workers);
  if (slowest === null) return '';
  return `${slowest}, which takes frames from the guest, ${tellThread(phase, threadRowOf(run, phase, slowest))}`;
}

function tellSoftirq(run: CausedRun, phase: PhaseResult, duty: string): string {
  const softirqs = run.threads.flatMap(({ actors }) => actors.filter((actor) => /^softirq\d+$/.test(actor)));
  const softirq = mostDemanding(run, phase, softirqs);
  if (softirq === null) return '';
  const { napi_polls: polls = 0, rx_no_buffer: dry = 0 } = phase.counters[softirq] ?? {};
  const told = `${softirq}, which ${duty}, ${tellThread(phase, threadRowOf(run, phase, softirq))}`;
  if (polls === 0 || dry < polls * LACKING_RATIO) return told;
  return `${told}, and had no free buffer for the ring in ${formatShare(dry / polls)} of its polls`;
}

function tellBridges(run: CausedRun, phase: PhaseResult): string {
  const bridge = mostDemanding(
    run,
    phase,
    run.scenario.bridges.map(({ name }) => name),
  );
  return bridge === null ? '' : `the thread of ${bridge} ${tellThread(phase, threadRowOf(run, phase, bridge))}`;
}

/** A transmit ring fills when the wire is full, or when nobody cleans it. */
function tellTransmitQueue(run: CausedRun, phase: PhaseResult, bridge: string): string {
  const members = run.scenario.bridges.find(({ name }) => name === bridge)?.ports ?? [];
  const full = members.find((port) => wireShare(run, phase, port) >= WIRE_FULL_RATIO);
  if (full !== undefined) return `the wire of ${full} was ${formatShare(wireShare(run, phase, full))} full`;
  return tellSoftirq(run, phase, 'cleans transmit rings');
}

/** Share of a port's line that its transmissions used: preamble, gap and FCS included. */
export function wireShare({ scenario }: CausedRun, phase: PhaseResult, port: string): number {
  const speedBps = scenario.ports.find(({ name }) => name === port)?.speedBps;
  const { tx_packets: frames = 0, tx_bytes: bytes = 0 } = phase.counters[port] ?? {};
  if (speedBps === undefined) return 0;
  const bits = 8 * (bytes + frames * (ETH_FCS_BYTES + ETH_GAP_BYTES));
  return bits / ((speedBps * phase.elapsedNs) / 1e9);
}

/** Of several actors the one whose thread wanted a core most. */
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
