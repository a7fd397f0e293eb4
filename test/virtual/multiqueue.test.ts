/** Several queues at every stage: each flow keeps its order, and every frame and buffer is found. */
import { afterEach, describe, expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/ledger.ts';
import { waitUntilReady } from '../../src/experiment/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/throttle.ts';
import { takeSnapshot } from '../../src/metrics/snapshot.ts';
import { VirtualHost } from '../../src/runtime/virtual-host.ts';
import type { VirtualHostOptions } from '../../src/runtime/virtual-options.ts';
import { buildPlan } from '../../src/topology/build-plan.ts';
import { loadScenario } from '../../src/topology/scenario-file.ts';

const MS = 1e6;
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
    const feedback = ['vms.vm0.nics.vnic0.mode=vhost-feedback', 'vms.vm0.nics.vnic1.mode=vhost-feedback'];
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
