import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { BackendRotation } from '../../src/experiment/provisioning/backend-rotation.ts';
import { addVm, removeVm } from '../../src/experiment/provisioning/procedures.ts';
import type { Procedure } from '../../src/experiment/provisioning/procedures.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { modesWhere } from '../../src/scenario/modes.ts';
import type { VnicMode } from '../../src/scenario/modes.ts';

const MS = 1e6;
const SECOND_VM = fileURLToPath(new URL('../support/second-vm.yaml', import.meta.url));
const hosts: VirtualHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

async function readyHost(mode: VnicMode, seed = 1): Promise<VirtualHost> {
  const overrides = ['vnic2', 'vnic3'].map((nic) => `vms.vm1.nics.${nic}.mode=${mode}`);
  const host = new VirtualHost(buildPlan(loadScenario(SECOND_VM, { overrides })), { seed });
  hosts.push(host);
  await host.start();
  await waitUntilReady(host);
  setRates(host, [10_000, 10_000, 1000]);
  await host.advance(20 * MS);
  return host;
}

async function carryOut(host: VirtualHost, procedure: Procedure): Promise<void> {
  for await (const waitNs of procedure) await host.advance(waitNs);
}

function counter(host: VirtualHost, actor: string, name: string): number {
  const found = host.plan.threads.flatMap(({ actors }) => actors).find((each) => each.name === actor)!;
  return takeSnapshot(host).counters.get(actor)![found.counters.findIndex((each) => each.name === name)];
}

/** By mode in which VMs come and go, places where a flood leaves frames that a removed VM can no longer take or send. */
const WENT_WITH_IT: Readonly<Partial<Record<VnicMode, readonly (readonly [actor: string, counter: string])[]>>> = {
  vhost: [
    ['tap2', 'tx_no_reader'],
    ['vhost-vnic2', 'rx_purged'],
    ['vm1/vcpu0', 'removed'],
  ],
  'vhost-feedback': [['vm1/vcpu0', 'removed']],
  accelerated: [
    ['vhost-vnic2', 'rx_purged'],
    ['vm1/vcpu0', 'removed'],
  ],
  direct: [['vm1/vcpu0', 'removed']],
};

describe.each(modesWhere(({ comesAndGoes }) => comesAndGoes))('a VM with %s vNICs', (mode) => {
  it('comes, carries its stream, goes, and comes again; no frame and no buffer is ever unaccounted for', async () => {
    const host = await readyHost(mode);
    const delivered = (): number => counter(host, 'sink-eth1', 'rx_second');
    expect(delivered()).toBe(0);
    expect(counter(host, 'vm1/vcpu0', 'tx_packets')).toBe(0);
    for (let round = 1; round <= 3; round++) {
      await carryOut(host, addVm(host, 'vm1', new BackendRotation(host)));
      expect((await takeLedger(host)).faults, `round ${round}, added`).toEqual([]);
      await host.advance(50 * MS);
      const carried = delivered();
      await host.advance(20 * MS);
      expect(delivered() - carried, `round ${round}`).toBeGreaterThan(190);
      expect((await takeLedger(host)).faults, `round ${round}, there`).toEqual([]);

      await carryOut(host, removeVm(host, 'vm1', new BackendRotation(host), 0));
      expect((await takeLedger(host)).faults, `round ${round}, removed`).toEqual([]);
      await host.advance(2 * MS);
      const atEnd = delivered();
      await host.advance(20 * MS);
      expect(delivered(), `round ${round}`).toBe(atEnd);
    }
    stopTraffic(host);
    await host.advance(50 * MS);
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger.inFlightFrames).toBe(0);
    // The other VM was not disturbed.
    expect(counter(host, 'sink-eth1', 'rx_first')).toBe(counter(host, 'generator-eth0', 'tx_first'));
  });

  it('is removed in the middle of a flood: what it held is dropped and counted', async () => {
    const places = WENT_WITH_IT[mode]!;
    const went = places.map(() => 0);
    for (let seed = 1; seed <= 4; seed++) {
      const host = await readyHost(mode, seed);
      await carryOut(host, addVm(host, 'vm1', new BackendRotation(host)));
      await host.advance(50 * MS);
      setRates(host, [0, 600_000, 0]);
      await host.advance((10 + seed) * MS);
      await carryOut(host, removeVm(host, 'vm1', new BackendRotation(host), 0));
      expect((await takeLedger(host)).faults, `seed ${seed}`).toEqual([]);
      stopTraffic(host);
      await host.advance(100 * MS);
      const ledger = await takeLedger(host);
      expect(ledger.faults, `seed ${seed}`).toEqual([]);
      expect(ledger.inFlightFrames, `seed ${seed}`).toBe(0);
      places.forEach(([actor, name], i) => (went[i] += counter(host, actor, name)));
    }
    places.forEach(([actor, name], i) => expect(went[i], `${actor} ${name}`).toBeGreaterThan(0));
  });
});

describe('memory of a VM', () => {
  it('is open to the NIC while the VM is there, and only then', async () => {
    const host = await readyHost('accelerated');
    // A link into that memory, on the thread of the NIC, which no attachment of the plan justifies.
    const stray = { port: 'wire', index: 0, link: { rx: { region: host.plan.guests[1].depot, cells: 1 } } };
    const refused = /hardware0 was given no access to memory "guest:vm1"/;
    await expect(host.attach('sink-eth0', stray)).rejects.toThrow(refused);
    await carryOut(host, addVm(host, 'vm1', new BackendRotation(host)));
    await host.advance(50 * MS);
    expect(counter(host, 'eth0', 'rx_to_guest')).toBeGreaterThan(0);
    await carryOut(host, removeVm(host, 'vm1', new BackendRotation(host), 0));
    await expect(host.attach('sink-eth0', stray)).rejects.toThrow(refused);
  });

  it('is as new when the VM comes again', async () => {
    const host = await readyHost('vhost');
    await carryOut(host, addVm(host, 'vm1', new BackendRotation(host)));
    await host.advance(50 * MS);
    const used = new Uint8Array(host.memory.buffer('vmm:vm1'));
    expect(used.some((byte) => byte !== 0)).toBe(true);
    await carryOut(host, removeVm(host, 'vm1', new BackendRotation(host), 0));
    expect(used.some((byte) => byte !== 0)).toBe(false);
  });

  it('and its actors cannot be reached while it is not there', async () => {
    const host = await readyHost('vhost');
    await expect(host.report('vm1/vmm')).rejects.toThrow('is of a VM that is not there');
    await expect(host.endVm('vm1')).rejects.toThrow('VM vm1 is not there');
    await expect(host.startVm('vm0')).rejects.toThrow('VM vm0 is there already');
  });
});
