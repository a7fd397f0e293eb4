import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { BackendRotation } from '../../src/experiment/provisioning/backend-rotation.ts';
import { addVm, removeVm } from '../../src/experiment/provisioning/procedures.ts';
import type { Procedure } from '../../src/experiment/provisioning/procedures.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const MS = 1e6;
const SECOND_VM = fileURLToPath(new URL('../support/second-vm.yaml', import.meta.url));

function threadNames(): string[] {
  return readdirSync('/proc/self/task').flatMap((tid) => {
    try {
      return [readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim()];
    } catch {
      return []; // It ended meanwhile.
    }
  });
}

it.each(['vhost', 'accelerated', 'direct'])('a VM with %s vNICs comes and goes on real threads', async (mode) => {
  const overrides = ['vnic2', 'vnic3'].map((nic) => `vms.vm1.nics.${nic}.mode=${mode}`);
  const host = await ThreadHost.create(buildPlan(loadScenario(SECOND_VM, { overrides })));
  const carryOut = async (procedure: Procedure): Promise<void> => {
    for await (const waitNs of procedure) await host.advance(waitNs);
  };
  const delivered = (): number => {
    const { counters } = host.plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === 'sink-eth1')!;
    return takeSnapshot(host).counters.get('sink-eth1')![counters.findIndex(({ name }) => name === 'rx_second')];
  };
  const used = (): number => host.threadUse().find(({ name }) => name === 'vm1/vcpu0')!.runNs;
  try {
    await host.start();
    await waitUntilReady(host);
    setRates(host, [2000, 2000, 200]);
    await host.advance(100 * MS);
    expect(delivered()).toBe(0);
    expect(threadNames()).not.toContain('vm1/vcpu0');
    for (let round = 1; round <= 2; round++) {
      const before = delivered();
      await carryOut(addVm(host, 'vm1', new BackendRotation(host)));
      // On a busy machine the guest takes its time to come up.
      for (let waited = 0; waited < 100 && delivered() === before; waited++) await host.advance(50 * MS);
      expect(delivered(), `round ${round}`).toBeGreaterThan(before);
      expect(threadNames()).toContain('vm1/vcpu0');

      await carryOut(removeVm(host, 'vm1', new BackendRotation(host), 0));
      expect(threadNames()).not.toContain('vm1/vcpu0');
      const usedAtEnd = used();
      await host.advance(100 * MS);
      expect(used(), `round ${round}`).toBe(usedAtEnd);
    }
    stopTraffic(host);
    await host.advance(300 * MS);
    await host.pause();
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger.inFlightFrames).toBe(0);
  } finally {
    await host.stop();
  }
  const left = threadNames().filter((name) => host.plan.threads.some((thread) => thread.name === name));
  expect(left).toEqual([]);
});
