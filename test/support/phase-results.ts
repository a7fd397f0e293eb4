import type { CounterSpec } from '../../actors/actor.ts';
import { SOFTIRQ } from '../../actors/host/softirq.ts';
import { TAP } from '../../actors/host/tap.ts';
import { VHOST_ACCELERATED } from '../../actors/host/vhost-accelerated.ts';
import { VHOST } from '../../actors/host/vhost-worker.ts';
import { QEMU } from '../../actors/vmm/qemu-backend.ts';
import { NIC } from '../../actors/wire/nic/nic.ts';
import { nicCounters } from '../../actors/wire/nic/nic-links.ts';
import { SINK } from '../../actors/wire/sink.ts';
import type { DropCount, PhaseResult, RunResult } from '../../src/experiment/run/run-result.ts';
import { judgeValidity } from '../../src/experiment/judge/validity.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

/** Phases of kvm-forum-2014 as a run could have left them, for what is told and judged from them. */
const THREAD_ACTORS: Readonly<Record<string, readonly string[]>> = {
  hardware0: ['generator-eth0', 'generator-eth1', 'eth0', 'eth1', 'sink-eth0', 'sink-eth1'],
  softirq0: ['softirq0', 'br0', 'br1', 'tap0', 'tap1'],
  'vhost-vnic0': ['vhost-vnic0'],
  'vhost-vnic1': ['vhost-vnic1'],
  'vm0/vcpu0': ['vm0/vcpu0'],
  'vm0/vcpu1': ['vm0/vcpu1'],
};

type ToldPart = 'scenario' | 'threads' | 'phases' | 'validity' | 'provisioning' | 'virtqueueFaults';
export type ToldResult = Pick<RunResult, ToldPart>;

function kindOf(thread: string): ToldResult['threads'][number]['kind'] {
  if (/^(hardware|generator)/.test(thread)) return 'hardware';
  return thread.includes('/') ? 'vcpu' : thread.startsWith('softirq') ? 'softirq' : 'vhost';
}

/** The part of a result that phases are told with. */
export function resultOf(
  phases: readonly PhaseResult[],
  scenario: Scenario = loadScenario('kvm-forum-2014'),
  threadActors: Readonly<Record<string, readonly string[]>> = THREAD_ACTORS,
): ToldResult {
  const threads = Object.entries(threadActors).map(([name, actors]) => {
    return { name, kind: kindOf(name), core: name === 'hardware0' ? 1 : 0, policy: 'nice 0', actors };
  });
  return { scenario, threads, phases, validity: judgeValidity(phases, []), provisioning: [], virtqueueFaults: [] };
}

/** What actors of these names count. A worker may be one of either kind. */
const COUNTED: readonly (readonly [name: RegExp, of: readonly { readonly counters: readonly CounterSpec[] }[]])[] = [
  [/^eth\d$/, [NIC, { counters: nicCounters(2) }]],
  [/^softirq/, [SOFTIRQ]],
  [/^tap/, [TAP]],
  [/^vhost-/, [VHOST, VHOST_ACCELERATED]],
  [/^qemu-/, [QEMU]],
  [/^sink-/, [SINK]],
];

/** A table with every counter of every actor, as results have it: zero where `counted` says nothing. */
export function countersOf(threads: readonly string[], counted: PhaseResult['counters']): PhaseResult['counters'] {
  const actors = new Set([...Object.values(THREAD_ACTORS).flat(), ...threads, ...Object.keys(counted)]);
  return Object.fromEntries(
    [...actors].map((actor) => {
      const specs = COUNTED.filter(([name]) => name.test(actor)).flatMap(([, of]) =>
        of.flatMap((each) => each.counters),
      );
      return [actor, { ...Object.fromEntries(specs.map(({ name }) => [name, 0])), ...counted[actor] }];
    }),
  );
}

export interface PhaseChanges {
  readonly name?: string;
  readonly complete?: boolean;
  readonly elapsedNs?: number;
  readonly sentFrames?: number;
  readonly offeredFrames?: number;
  readonly drops?: readonly DropCount[];
  /** Running and waiting shares by thread; a null waiting share is a kernel without schedstat. */
  readonly threads?: Readonly<Record<string, readonly [running: number, waiting: number | null]>>;
  readonly counters?: PhaseResult['counters'];
  readonly lateness?: PhaseResult['lateness'];
  readonly cores?: PhaseResult['cores'];
  readonly throttling?: PhaseResult['throttling'];
  readonly beganAtNs?: number;
}

/** Ten seconds in which two streams sent `sentFrames` each, and all but the drops arrived. */
export function phaseOf(changes: PhaseChanges = {}): PhaseResult {
  const { name = 'flood', sentFrames = 1_000_000, offeredFrames = sentFrames, drops = [], threads = {} } = changes;
  const droppedFrames = drops.reduce((sum, { frames }) => sum + frames, 0);
  const stream = (from: string, to: string): PhaseResult['streams'][number] => ({
    name: `${from}-to-${to}`,
    from,
    to,
    requestedFps: offeredFrames / 10,
    offeredFrames,
    sentFrames,
    deliveredFrames: sentFrames - droppedFrames / 2,
    lossRatio: sentFrames === 0 ? null : droppedFrames / 2 / sentFrames,
  });
  return {
    name,
    rate: '100%',
    beganAtNs: changes.beganAtNs ?? 0,
    durationNs: 10e9,
    elapsedNs: changes.elapsedNs ?? 10e9,
    complete: changes.complete ?? true,
    streams: [stream('eth0', 'eth1'), stream('eth1', 'eth0')],
    ends: [],
    connections: [],
    total: {
      offeredFrames: 2 * offeredFrames,
      sentFrames: 2 * sentFrames,
      deliveredFrames: 2 * sentFrames - droppedFrames,
      droppedFrames,
      foreignFrames: 0,
      floodedFrames: 0,
      lostFrames: droppedFrames,
      lossRatio: sentFrames === 0 ? null : droppedFrames / (2 * sentFrames),
    },
    drops,
    latency: ['eth0-to-eth1', 'eth1-to-eth0'].map((stream) => ({ stream, summary: null, hdr: null })),
    latencyAll: { count: 10, minNs: 1e4, p50Ns: 1e5, p90Ns: 2e5, p99Ns: 3e5, p999Ns: 4e5, maxNs: 5e5 },
    lateness: changes.lateness ?? [],
    threads: Object.entries(threads).map(([thread, [runningRatio, waitingRatio]]) => ({
      name: thread,
      core: thread === 'hardware0' ? 1 : 0,
      policy: 'nice 0',
      runningRatio,
      waitingRatio,
      asleepRatio: waitingRatio === null ? null : 1 - runningRatio - waitingRatio,
      switchesPerSecond: waitingRatio === null ? null : 100,
    })),
    cores: changes.cores ?? null,
    throttling: changes.throttling ?? null,
    counters: countersOf(Object.keys(threads), changes.counters ?? {}),
  };
}

export const tapFull = (actor: string, frames: number): DropCount => {
  return { place: 'tap', actor, counter: 'tx_dropped', reason: 'tap queue full', frames };
};
