/** Several queues at every stage: each flow keeps its order, and every frame and buffer is found. */
import { afterEach, describe, expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import type { VirtualHostOptions } from '../../src/runtime/virtual/virtual-options.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { modesWhere } from '../../src/scenario/modes.ts';

const MS = 1e6;
const BOTH = (key: string): string[] => [`vms.vm0.nics.vnic0.${key}`, `vms.vm0.nics.vnic1.${key}`];
const FOUR_PAIRS = ['vms.vm0.vcpus=4', ...BOTH('queues=4')];
const RX_QUEUES = ['ports.eth0.rxQueues=4', 'ports.eth1.rxQueues=2'];

const hosts: VirtualHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function readyHost(overrides: readonly string[], options: Partial<VirtualHostOptions> = {}) {
  const host = new VirtualHost(buildPlan(loadScenario('kvm-forum-2014', { overrides })), options);
  hosts.push(host);
  await host.start();
  await waitUntilReady(host);
  return host;
}

async function offer(host: VirtualHost, fps: number, ns: number): Promise<void> {
  setRates(host, [fps, fps]);
  await host.advance(ns);
  stopTraffic(host);
  await host.advance(50 * MS);
}

function counter(host: VirtualHost, actor: string, name: string): number {
  const plan = host.plan.threads.flatMap(({ actors }) => actors).find((each) => each.name === actor)!;
  return takeSnapshot(host).counters.get(actor)![plan.counters.findIndex((each) => each.name === name)];
}

/** Frames that arrived as they should not have. */
function faults(host: VirtualHost): number {
  return ['sink-eth0', 'sink-eth1'].reduce(
    (sum, sink) =>
      sum +
      ['rx_reordered', 'rx_corrupt', 'rx_duplicate', 'rx_foreign'].reduce(
        (n, name) => n + counter(host, sink, name),
        0,
      ),
    0,
  );
}

describe('several receive queues of a NIC', () => {
  it('carry a comfortable load without loss, each flow in order', async () => {
    const host = await readyHost(RX_QUEUES);
    await offer(host, 30_000, 100 * MS);
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger).toMatchObject({ droppedFrames: 0, inFlightFrames: 0 });
    expect(ledger.receivedFrames).toBeGreaterThan(5900);
    expect(faults(host)).toBe(0);
  });

  it('account for every frame in the middle of a flood, under any schedule and with feedback', async () => {
    const feedback = BOTH('mode=vhost-feedback');
    for (const [seed, overrides] of [RX_QUEUES, [...RX_QUEUES, ...feedback]].entries()) {
      const host = await readyHost(overrides, { seed: seed + 1, jitter: 0.5 });
      setRates(host, [700_000, 700_000]);
      await host.advance(60 * MS);
      const ledger = await takeLedger(host);
      expect(ledger.faults).toEqual([]);
      expect(counter(host, 'eth0', 'rx_missed_errors')).toBeGreaterThan(100);
      expect(faults(host)).toBe(0);
    }
  });
});

describe('several queue pairs of a vNIC', () => {
  const MODES = modesWhere(({ queuesMax }) => queuesMax === null);

  it.each(MODES)('%s: carry a comfortable load without loss, each flow in order, over every pair', async (mode) => {
    const host = await readyHost([...FOUR_PAIRS, ...BOTH(`mode=${mode}`)]);
    await offer(host, 30_000, 100 * MS);
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger).toMatchObject({ droppedFrames: 0, inFlightFrames: 0 });
    expect(ledger.receivedFrames).toBeGreaterThan(5900);
    expect(faults(host)).toBe(0);
    const received = [0, 1, 2, 3].map((i) => counter(host, `vm0/vcpu${i}`, 'rx_packets'));
    const fair = received.reduce((sum, n) => sum + n, 0) / 4;
    for (const n of received) expect(Math.abs(n - fair)).toBeLessThan(fair / 3);
    expect([0, 1, 2, 3].map((i) => counter(host, `vm0/vcpu${i}`, 'tx_lock_contended'))).toEqual([0, 0, 0, 0]);
  });

  it.each(MODES)('%s: account for every frame and buffer in a flood, under wild schedules', async (mode) => {
    for (const seed of [1, 2]) {
      const host = await readyHost([...FOUR_PAIRS, ...RX_QUEUES, ...BOTH(`mode=${mode}`)], { seed, jitter: 0.7 });
      setRates(host, [900_000, 900_000]);
      await host.advance(30 * MS);
      const ledger = await takeLedger(host);
      expect(ledger.faults).toEqual([]);
      expect(ledger.guestBuffers[0].foundOnce).toBe(ledger.guestBuffers[0].total);
      expect(faults(host)).toBe(0);
      stopTraffic(host);
      await host.advance(200 * MS);
      const after = await takeLedger(host);
      expect(after.faults).toEqual([]);
      expect(after.inFlightFrames).toBe(0);
      expect(faults(host)).toBe(0);
    }
  });

  it('are negotiated, put into use over the control queue, and each has a vhost device', async () => {
    const host = await readyHost([...FOUR_PAIRS, ...BOTH('mode=vhost')]);
    const lines = await host.report('vm0/vmm');
    for (const line of [
      'vnic0: read max_virtqueue_pairs = 4',
      'vnic0: read num_queues = 9',
      'vnic0: write queue[8].queue_size = 64',
      'vnic0: control class 4 command 0 (2 bytes of data) VQ_PAIRS_SET 4: VIRTIO_NET_OK',
    ]) {
      expect(lines).toContain(line);
    }
    const backends = lines.filter((line) => /^ioctl\(vhost-vnic0.*NET_SET_BACKEND/.test(line));
    expect(backends.length).toBe(8);
    expect(backends[7]).toContain('vhost-vnic0.3,');
  });

  it.each([
    ['packed virtqueues', BOTH('features=[event-idx, ring-packed]')],
    ['the workers spread over two softirq CPUs', ['host.softirqCpus=2', ...RX_QUEUES]],
  ])('%s: no loss, and each flow in order', async (_, overrides) => {
    for (const mode of ['vhost', 'accelerated']) {
      const host = await readyHost([...FOUR_PAIRS, ...overrides, ...BOTH(`mode=${mode}`)], { cpus: 4 });
      await offer(host, 30_000, 50 * MS);
      const ledger = await takeLedger(host);
      expect(ledger.faults).toEqual([]);
      expect(ledger).toMatchObject({ droppedFrames: 0, inFlightFrames: 0 });
      expect(ledger.receivedFrames).toBeGreaterThan(2900);
      expect(faults(host)).toBe(0);
    }
  });

  it('four pairs carry at least twice what one does through taps, where a vCPU is the bottleneck', async () => {
    const carried = async (queues: number): Promise<number> => {
      const heavy = ['vms.vm0.vcpus=4', 'host.costs={inherit: linux, guestForward: 6us}'];
      const host = await readyHost([...heavy, ...BOTH(`queues=${queues}`), ...BOTH('vcpu=0')], { cpus: 16 });
      setRates(host, [600_000, 0]);
      await host.advance(50 * MS);
      const before = counter(host, 'sink-eth1', 'rx_packets');
      await host.advance(100 * MS);
      expect((await takeLedger(host)).faults).toEqual([]);
      expect(faults(host)).toBe(0);
      return counter(host, 'sink-eth1', 'rx_packets') - before;
    };
    expect(await carried(4)).toBeGreaterThan(2 * (await carried(1)));
  });

  it('fewer pairs than vCPUs: the other vCPUs share the transmit queues and serve no receive queue', async () => {
    const host = await readyHost(['vms.vm0.vcpus=3', ...BOTH('queues=2')]);
    await offer(host, 20_000, 50 * MS);
    expect((await takeLedger(host)).faults).toEqual([]);
    expect(counter(host, 'vm0/vcpu2', 'rx_packets')).toBe(0);
    expect(counter(host, 'vm0/vcpu1', 'rx_packets')).toBeGreaterThan(100);
    expect(faults(host)).toBe(0);
  });
});
