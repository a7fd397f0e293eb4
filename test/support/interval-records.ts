import type { HopRow } from '../../src/metrics/derive/hops.ts';
import type { IntervalRecord } from '../../src/metrics/derive/interval-record.ts';
import type { LatencySummary } from '../../src/metrics/derive/latency.ts';
import type { RunHeading } from '../../src/metrics/derive/live-run.ts';
import type { Place } from '../../actors/registry.ts';
import type { ThreadRow } from '../../src/metrics/derive/thread-shares.ts';

/** An interval of the talk's flood as a run could have measured it, for whatever shows intervals. */
const latency: LatencySummary = {
  count: 27_000,
  minNs: 64_800,
  p50Ns: 4.61e6,
  p90Ns: 5.2e6,
  p99Ns: 6.94e6,
  p999Ns: 8.1e6,
  maxNs: 9e6,
};

type Drop = readonly [reason: string, fps: number];

function hop(
  name: string,
  place: Place,
  flow: readonly [number, number],
  ring: readonly [number, number] | null,
  ...drops: Drop[]
): HopRow {
  const [actor, lane = ''] = name.split(' ');
  return {
    actor,
    place,
    lane,
    inFps: flow[0],
    outFps: flow[1],
    drops: drops.map(([reason, fps]) => ({ counter: 'any', reason, fps, frames: fps / 2 })),
    dropFps: drops.reduce((sum, [, fps]) => sum + fps, 0),
    ring: ring === null ? null : { name: 'any', depthFrames: ring[0], limitFrames: ring[1] },
  };
}

function thread(
  name: string,
  core: number,
  policy: string,
  shares: readonly [number, number],
  switchesPerSecond: number,
): ThreadRow {
  const [runningRatio, waitingRatio] = shares;
  const asleepRatio = 1 - runningRatio - waitingRatio;
  return { name, core, policy, runningRatio, waitingRatio, asleepRatio, switchesPerSecond };
}

export const floodRecord: IntervalRecord = {
  phase: 'flood',
  sinceStartNs: 14.5e9,
  monotonicNs: 1e15,
  elapsedNs: 5e8,
  streams: [
    {
      name: 'eth0-to-eth1',
      from: 'eth0',
      to: 'eth1',
      offeredFps: 1.488e6,
      sentFps: 1.488e6,
      deliveredFps: 54_300,
      lossRatio: 0.9635,
      latency,
    },
    {
      name: 'eth1-to-eth0',
      from: 'eth1',
      to: 'eth0',
      offeredFps: 1.488e6,
      sentFps: 1.487e6,
      deliveredFps: 1240,
      lossRatio: 0.99917,
      latency,
    },
  ],
  connections: [],
  hops: [
    hop('generator-eth0', 'generator', [0, 1.488e6], null),
    hop('eth0 rx', 'nic', [1.488e6, 2.41e5], [3, 512], ['RX ring has no free descriptor', 1.247e6]),
    hop('eth1 rx', 'nic', [1.487e6, 2.38e5], [0, 512], ['RX ring has no free descriptor', 1.249e6]),
    hop('softirq0 rx', 'softirq', [4.79e5, 4.79e5], [512, 512]),
    hop('br0', 'bridge', [2.42e5, 2.42e5], [0, 1024]),
    hop('br1', 'bridge', [2.9e5, 2.9e5], [0, 1024]),
    hop('tap0', 'tap', [2.41e5, 5.46e4], [0, 1024], ['tap queue full', 1.864e5]),
    hop('tap1', 'tap', [2.38e5, 1250], [0, 1024], ['tap queue full', 2.36e5]),
    hop('vhost-vnic0 rx', 'vhost', [5.46e4, 5.46e4], [500, 500]),
    hop('vhost-vnic1 rx', 'vhost', [1250, 1250], [500, 500]),
    hop('vm0/vcpu0', 'guest', [5.46e4, 5.46e4], null),
    hop('vm0/vcpu1', 'guest', [1250, 1235], null, ['guest transmit queue discipline full', 12], ['not IPv4', 3]),
    hop('vhost-vnic0 tx', 'vhost', [1250, 1250], null),
    hop('vhost-vnic1 tx', 'vhost', [5.46e4, 5.46e4], null),
    hop('softirq0 backlog', 'softirq', [5.58e4, 5.58e4], [0, 1000]),
    hop('eth0 tx', 'nic', [1240, 1240], [0, 512]),
    hop('eth1 tx', 'nic', [5.46e4, 5.46e4], [1, 512]),
    hop('sink-eth1', 'sink', [5.43e4, 0], [0, 512]),
  ],
  threads: [
    thread('hardware0', 1, 'nice -20', [0.997, 0.002], 122),
    thread('softirq0', 0, 'fifo 1', [0.643, 0.012], 1830),
    thread('vhost-vnic0', 0, 'nice 0', [0.092, 0.81], 240),
    thread('vhost-vnic1', 0, 'nice 0', [0.101, 0.79], 251),
    thread('vm0/vmm', 0, 'nice 0', [0, 0], 0),
    thread('vm0/vcpu0', 0, 'nice 0', [0.08, 0.3], 900),
    thread('vm0/vcpu1', 0, 'nice 0', [0.07, 0.11], 870),
  ],
  latency,
};

/** A second in which TCP clients run into their limit, beside no streams. */
export const connectionRecord: IntervalRecord = {
  ...floodRecord,
  streams: [],
  connections: [
    {
      name: 'eth0-to-vnic0',
      offeredPerSecond: 40_000,
      establishedPerSecond: 8210,
      completedPerSecond: 8190,
      failedPerSecond: 31_700,
      failures: [{ counter: 'failed_limit', reason: 'as many open as it may', perSecond: 31_700 }],
      latency,
    },
  ],
};

export const heading: RunHeading = {
  scenario: 'kvm-forum-2014',
  hostKind: 'threads',
  seed: 1,
  lines: ['core 0, host CPU 0: softirq0 (fifo 1)'],
  capture: [],
  parts: [
    { name: 'warm-up', rate: '80kpps', durationNs: 1e9 },
    { name: 'comfortable', rate: '80kpps', durationNs: 12e9 },
    { name: 'flood', rate: '100% (2.98 M/s)', durationNs: 12e9 },
    { name: 'settle', rate: '', durationNs: 5e8 },
  ],
  threads: [],
  ends: [],
  commands: [],
};
