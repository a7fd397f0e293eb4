import { afterEach, describe, expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { lineRateFps } from '../../src/net/wire/ethernet.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import type { SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import type { Plan, ThreadPlan } from '../../src/runtime/plan.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import type { VirtualHostOptions } from '../../src/runtime/virtual/virtual-options.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const MS = 1e6;
/** A load that one core carries with room to spare, and one that no core carries; each way. */
const COMFORTABLE_FPS = 30_000;
const FLOOD_FPS = 1_488_000;

const hosts: VirtualHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

function defaultPlan(...overrides: string[]): Plan {
  return buildPlan(loadScenario('kvm-forum-2014', { overrides }));
}

/** The same slots, with no place where they could be handed back. */
function noWayHome(slots: SlotMemoryRef): SlotMemoryRef {
  return { ...slots, returned: { ...slots.returned, bytes: 0 } };
}

/** The test bed with its vNICs up. */
async function readyHost(options: Partial<VirtualHostOptions> = {}, plan = defaultPlan()): Promise<VirtualHost> {
  const host = new VirtualHost(plan, options);
  hosts.push(host);
  await host.start();
  await waitUntilReady(host);
  return host;
}

/** Offers `fps` each way for a while, then nothing until what is under way has arrived. */
async function offer(host: VirtualHost, fps: number, ns: number): Promise<void> {
  setRates(host, [fps, fps]);
  await host.advance(ns);
  stopTraffic(host);
  await host.advance(50 * MS);
}

function counter(host: VirtualHost, actor: string, name: string): number {
  const plan = host.plan.threads.flatMap(({ actors }) => actors).find((each) => each.name === actor)!;
  const index = plan.counters.findIndex((each) => each.name === name);
  if (index < 0) throw new Error(`${actor} has no counter ${name}`);
  return takeSnapshot(host).counters.get(actor)![index];
}

/** All that a run can show, exactly. */
function fingerprint(host: VirtualHost): string {
  const { counters, depths, threads, atNs } = takeSnapshot(host);
  return JSON.stringify([atNs, [...counters].map(([name, values]) => [name, ...values]), [...depths], threads]);
}

function changeThread(plan: Plan, name: string, change: (thread: ThreadPlan) => ThreadPlan): Plan {
  return { ...plan, threads: plan.threads.map((thread) => (thread.name === name ? change(thread) : thread)) };
}

describe('the default test bed on the virtual host', () => {
  it('forwards every frame of a comfortable load, both ways, intact and in order', async () => {
    const host = await readyHost();
    await offer(host, COMFORTABLE_FPS, 200 * MS);
    for (const [sent, got] of [
      ['generator-eth0', 'sink-eth1'],
      ['generator-eth1', 'sink-eth0'],
    ]) {
      // One frame more or less, by when the generator heard of the rate and of its end.
      expect(Math.abs(counter(host, sent, 'tx_packets') - 6000)).toBeLessThan(2);
      const arrived = counter(host, got, 'rx_packets') - counter(host, got, 'rx_arp');
      expect(arrived).toBe(counter(host, sent, 'tx_packets'));
      for (const fault of ['rx_foreign', 'rx_corrupt', 'rx_duplicate', 'rx_reordered']) {
        expect(counter(host, got, fault)).toBe(0);
      }
    }
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger).toMatchObject({ droppedFrames: 0, inFlightFrames: 0, receivedFrames: ledger.sentFrames + 2 });
    // The two are the guest's announcements of its addresses.
  });

  it('loses frames at taps and NICs in a flood, and accounts for each of them in the middle of it', async () => {
    const host = await readyHost();
    setRates(host, [FLOOD_FPS, FLOOD_FPS]);
    await host.advance(100 * MS);
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger.inFlightFrames).toBeGreaterThan(0);
    expect(counter(host, 'tap0', 'tx_dropped')).toBeGreaterThan(1000);
    expect(counter(host, 'eth0', 'rx_missed_errors')).toBeGreaterThan(1000);
    const vhost = host.threadUse().find(({ name }) => name === 'vhost-vnic0')!;
    expect(vhost.waitNs).toBeGreaterThan(10 * vhost.runNs);
  });

  it('runs no CPU for longer than time goes on, and all of it when there is too much to do', async () => {
    const host = await readyHost();
    setRates(host, [FLOOD_FPS, FLOOD_FPS]);
    await host.advance(10 * MS);
    const before = host.threadUse();
    await host.advance(100 * MS);
    const after = host.threadUse();
    const ranNs = after.reduce(
      (sum, { runNs }, i) => sum + (host.places[i].core === 0 ? runNs - before[i].runNs : 0),
      0,
    );
    expect(ranNs).toBeCloseTo(100 * MS, 0);
  });

  it('gives the same run for the same seed, to the last frame and nanosecond', async () => {
    const run = async (seed: number): Promise<string> => {
      const host = await readyHost({ seed });
      await offer(host, 200_000, 30 * MS);
      expect((await takeLedger(host)).faults).toEqual([]);
      return fingerprint(host);
    };
    const first = await run(7);
    expect(await run(7)).toBe(first);
    expect(await run(8)).not.toBe(first);
  });

  it('gives the same run whatever the steps it is advanced by', async () => {
    const run = async (steps: number): Promise<string> => {
      const host = new VirtualHost(defaultPlan());
      hosts.push(host);
      await host.start();
      await host.advance(20 * MS);
      setRates(host, [100_000, 100_000]);
      for (let i = 0; i < steps; i++) await host.advance((30 * MS) / steps);
      return fingerprint(host);
    };
    expect(await run(100)).toBe(await run(1));
  });

  it('keeps every frame and every flow’s order under wild schedules', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const host = await readyHost({ seed, jitter: seed / 6 });
      await offer(host, seed % 2 === 0 ? 60_000 : 400_000, 20 * MS);
      const ledger = await takeLedger(host);
      expect(ledger.faults, `seed ${seed}`).toEqual([]);
      expect(ledger.receivedFrames, `seed ${seed}`).toBeGreaterThan(0);
      expect(ledger.inFlightFrames, `seed ${seed}`).toBe(0);
      for (const sink of ['sink-eth0', 'sink-eth1']) {
        expect(counter(host, sink, 'rx_reordered') + counter(host, sink, 'rx_corrupt'), `seed ${seed}`).toBe(0);
      }
    }
  });
});

describe('softirq contexts', () => {
  it('hand a flood to ksoftirqd, and are refused under the guard while it runs', async () => {
    const host = await readyHost({}, defaultPlan('host.kernel=linux-4.9'));
    setRates(host, [FLOOD_FPS, FLOOD_FPS]);
    await host.advance(100 * MS);
    expect(counter(host, 'softirq0', 'ksoftirqd_guard_refusals')).toBeGreaterThan(0);
    expect(counter(host, 'softirq0', 'ksoftirqd_packets')).toBeGreaterThan(
      10 * (counter(host, 'softirq0', 'interrupt_packets') + counter(host, 'softirq0', 'bh_enable_packets')),
    );
    expect((await takeLedger(host)).faults).toEqual([]);
  });

  it('share the CPU as one more thread with threaded NAPI', async () => {
    const host = await readyHost({}, defaultPlan('host.threadedNapi=true'));
    await host.advance(20 * MS);
    setRates(host, [FLOOD_FPS, FLOOD_FPS]);
    const before = host.threadUse();
    await host.advance(400 * MS);
    const share = (name: string): number => {
      const i = before.findIndex((use) => use.name === name);
      return (host.threadUse()[i].runNs - before[i].runNs) / (400 * MS);
    };
    expect(share('softirq0')).toBeLessThan(0.6);
    expect(share('vhost-vnic0')).toBeGreaterThan(0.05);
    expect((await takeLedger(host)).faults).toEqual([]);
  });
});

describe('links that come and go while frames flow', () => {
  it('loses what is forwarded to an absent tap at the bridge, and nothing else', async () => {
    const plan = defaultPlan();
    const host = await readyHost({}, plan);
    setRates(host, [COMFORTABLE_FPS, COMFORTABLE_FPS]);
    await host.advance(50 * MS);
    const tapPort = plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === 'br0')!.attachments[1];

    await host.detach('br0', tapPort);
    expect((await takeLedger(host)).faults).toEqual([]);
    await host.advance(50 * MS);
    const lost = counter(host, 'br0', 'drop_no_port');
    expect(lost).toBeGreaterThan(1400);
    expect(lost).toBeLessThan(1600);

    await host.attach('br0', tapPort);
    await host.advance(50 * MS);
    stopTraffic(host);
    await host.advance(50 * MS);
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger.inFlightFrames).toBe(0);
    expect(counter(host, 'br0', 'drop_no_port')).toBe(lost);
    expect(ledger.droppedFrames).toBe(lost);
  });

  it('refuses a link that leads into memory of others', async () => {
    const plan = defaultPlan();
    const host = await readyHost({}, plan);
    const bridgePort = plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === 'br0')!.attachments[0];
    const stray = { port: 'wire', index: 0, link: { rx: { region: plan.guests[0].depot, cells: 1 } } };
    await expect(host.attach('sink-eth0', stray)).rejects.toThrow(
      /hardware0 was given no access to memory "guest:vm0"/,
    );
    await expect(host.attach('br7', bridgePort)).rejects.toThrow('no actor "br7" in this run');
  });
});

describe('what a thread may reach, and what goes wrong on it', () => {
  it('does not build an actor on a thread that lacks its memory', async () => {
    const plan = changeThread(defaultPlan(), 'hardware0', (thread) => ({
      ...thread,
      buffers: thread.buffers.filter((name) => name !== 'host'),
    }));
    await expect(new VirtualHost(plan).start()).rejects.toThrow(/hardware0 was given no access to memory "host"/);
  });

  it('names the actor and the thread when an actor throws, and stays failed', async () => {
    const plan = changeThread(defaultPlan(), 'vhost-vnic0', (thread) => ({
      ...thread,
      actors: thread.actors.map((actor) =>
        actor.spec.kind === 'vhost'
          ? {
              ...actor,
              spec: { ...actor.spec, config: { ...actor.spec.config, slots: noWayHome(actor.spec.config.slots) } },
            }
          : actor,
      ),
    }));
    const host = new VirtualHost(plan);
    await host.start();
    const message = /^actor vhost-vnic0 on thread vhost-vnic0: Invalid atomic access index$/;
    await expect(host.advance(100 * MS)).rejects.toThrow(message);
    await expect(host.advance(100 * MS)).rejects.toThrow(message);
  });
});

describe('the host itself', () => {
  it('says what its results depend on', () => {
    const host = new VirtualHost(defaultPlan(), { seed: 42, cpus: 8 });
    const header = host.header.join('\n');
    expect(header).toContain('host: virtual');
    expect(header).toContain('seed 42');
    expect(host.places.find(({ name }) => name === 'softirq0')).toMatchObject({
      policy: 'fifo 1 inline, nice 0 as ksoftirqd',
    });
    expect(new Set(host.places.map(({ core }) => core)).size).toBeGreaterThan(4);
  });

  it('places threads as told, on as many CPUs as that takes', () => {
    const host = new VirtualHost(defaultPlan(), { placement: { 'vhost-vnic0': 5 } });
    expect(host.places.find(({ name }) => name === 'vhost-vnic0')!.core).toBe(5);
    expect(() => new VirtualHost(defaultPlan(), { placement: { vhost9: 1 } })).toThrow('no thread "vhost9"');
  });

  it('gives a direction more when its vhost and vCPU have CPUs of their own', async () => {
    const delivered = async (options: Partial<VirtualHostOptions>): Promise<number> => {
      const host = await readyHost(options);
      await offer(host, FLOOD_FPS, 100 * MS);
      const lanes = ['vhost-vnic0', 'vhost-vnic1'];
      return lanes.reduce((sum, name) => sum + counter(host, name, 'rx_to_guest'), 0);
    };
    expect(await delivered({ cpus: 8 })).toBeGreaterThan(3 * (await delivered({ cpus: 2 })));
  });

  it('has a tester without a ceiling: all ports at line rate, frames of 64 bytes, on time', async () => {
    const host = await readyHost({}, defaultPlan('ports.eth0.speed=10Gbps', 'ports.eth1.speed=10Gbps'));
    const fps = lineRateFps(64, 10e9);
    await offer(host, fps, 10 * MS);
    for (const name of ['generator-eth0', 'generator-eth1']) {
      expect(counter(host, name, 'tx_packets') / (fps * 0.01)).toBeGreaterThan(0.999);
    }
  });

  it('stops advancing when it is interrupted', async () => {
    const host = await readyHost();
    const before = host.nowNs();
    await host.advance(1000 * MS, Promise.resolve());
    expect(host.nowNs() - before).toBeLessThan(100 * MS);
  });

  it('cannot run before it is started or after it is stopped', async () => {
    const host = new VirtualHost(defaultPlan());
    await expect(host.advance(1)).rejects.toThrow('not started');
    await host.start();
    await expect(host.start()).rejects.toThrow('already');
    await host.stop();
    await expect(host.advance(1)).rejects.toThrow('stopped');
  });
});
