import { expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const MS = 1e6;

it('detaches and attaches a tap while frames flow on real threads, and accounts for every frame', async () => {
  const plan = buildPlan(loadScenario('kvm-forum-2014'));
  const actors = plan.threads.flatMap((thread) => thread.actors);
  const host = await ThreadHost.create(plan);
  const counter = (actor: string, name: string): number => {
    const index = actors.find((each) => each.name === actor)!.counters.findIndex((each) => each.name === name);
    return takeSnapshot(host).counters.get(actor)![index];
  };
  try {
    await host.start();
    await waitUntilReady(host);
    setRates(host, [10_000, 10_000]);
    await host.advance(200 * MS);
    const tapPort = actors.find(({ name }) => name === 'br0')!.attachments[1];

    await host.detach('br0', tapPort);
    await host.advance(200 * MS);
    const lostWhileAbsent = counter('br0', 'drop_no_port');
    expect(lostWhileAbsent).toBeGreaterThan(0);

    await host.attach('br0', tapPort);
    await host.advance(100 * MS);
    const lostInAll = counter('br0', 'drop_no_port');
    const receivedBefore = counter('sink-eth1', 'rx_packets');
    await host.advance(200 * MS);
    expect(counter('br0', 'drop_no_port')).toBe(lostInAll);
    expect(counter('sink-eth1', 'rx_packets')).toBeGreaterThan(receivedBefore);

    stopTraffic(host);
    await host.advance(300 * MS);
    await host.pause();
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger.inFlightFrames).toBe(0);
  } finally {
    await host.stop();
  }
});
