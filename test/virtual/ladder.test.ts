/** The rungs of network virtualization in one order, and what tells them apart. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import { loadVariants, modeChange } from '../../src/experiment/sweep/variants.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const LADDER = ['emulated', 'qemu', 'vhost', 'accelerated', 'direct'];
const LOAD = 0;
const FLOOD = 1;
const PHASES =
  'run.phases=[{name: load, rate: 120kpps, duration: 300ms}, {name: flood, rate: 500kpps, duration: 300ms}]';

function runAs(modes: readonly [string, string], overrides: readonly string[] = []): Promise<RunResult> {
  const scenario = loadScenario('ladder', {
    overrides: [
      ...modes.map((mode, nic) => `vms.vm0.nics.vnic${nic}.mode=${mode}`),
      ...['run.warmup=200ms', 'run.settle=200ms', 'expect=[]', PHASES],
      ...overrides,
    ],
  });
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  return runScenario(scenario, host, { signal: new AbortController().signal });
}

function expectWhole(result: RunResult): void {
  expect(result.ledger.faults).toEqual([]);
  expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
}

describe('the ladder', () => {
  it('rises with every rung: so do the peaks of a sweep over all of them', async () => {
    const changes = LADDER.map((mode) => modeChange(loadScenario('ladder'), mode));
    const result = await runSweep(
      {
        hostKind: 'virtual',
        variants: loadVariants('ladder', [], changes),
        load: { unit: 'frames', counted: null },
        offered: {
          kind: 'rates',
          rates: [50_000, 100_000, 150_000, 400_000, 600_000].map((perSecond) => ({ kind: 'frames', perSecond })),
        },
        trials: 1,
        durationNs: 5e7,
        warmupNs: 4e7,
        runInNs: 2e7,
        probeNs: 2e7,
        lossFreeRatioMax: 0.005,
      },
      {
        openBed: (variant) => openVirtualBed(variant),
        signal: new AbortController().signal,
      },
    );
    expect(result.exitCode).toBe(0);
    const peaks = result.variants.map(({ peak }) => peak!.egressPerSecond);
    for (let rung = 1; rung < peaks.length; rung++)
      expect(peaks[rung], LADDER[rung]).toBeGreaterThan(1.2 * peaks[rung - 1]);
  }, 60_000);

  it('each rung carries more of a load than the one below it until all is carried; every ledger balances', async () => {
    const delivered: number[][] = [];
    for (const mode of LADDER) {
      const result = await runAs([mode, mode]);
      expectWhole(result);
      delivered.push(result.phases.map(({ total }) => total.deliveredFrames));
    }
    const [emulated, qemu, vhost, accelerated, direct] = delivered;
    expect(emulated[LOAD]).toBeLessThan(0.8 * qemu[LOAD]);
    expect(qemu[LOAD]).toBeLessThan(0.9 * vhost[LOAD]);
    // A flood takes the core from whoever shares it with softirq, so what it leaves the first three is no ladder.
    for (const inHost of [emulated, qemu, vhost]) expect(inHost[FLOOD]).toBeLessThan(0.5 * accelerated[FLOOD]);
    expect(accelerated[FLOOD]).toBeLessThan(direct[FLOOD]);
  }, 60_000);

  it.each([
    ['emulated', 'qemu'],
    ['emulated', 'vhost'],
    ['qemu', 'accelerated'],
    ['emulated', 'direct'],
  ] as const)('%s beside %s: the guest forwards between them, and everything is found', async (first, second) => {
    const phases = 'run.phases=[{name: load, rate: 10kpps, duration: 1s}]';
    const result = await runAs([first, second], [phases]);
    expectWhole(result);
    expect(result.phases[0].total.droppedFrames).toBe(0);
  });

  it('an emulated vNIC makes one exit for each frame sent, and five more for each interrupt', async () => {
    const result = await runAs(['emulated', 'emulated'], ['run.phases=[{name: load, rate: 2kpps, duration: 1s}]']);
    const { register_exits: exits, tx_kicks: tails, rx_kicks: refills, interrupts } = result.counters['vm0/vcpu0'];
    expect(tails).toBeGreaterThanOrEqual(result.counters['vm0/vcpu0'].tx_packets);
    // ICR, IMC and its flush, IMS and its flush; the vNIC's first unmasking has no interrupt before it.
    expect(exits - tails - refills).toBe(5 * interrupts + 2);
  });

  it('with packed virtqueues mode qemu carries the same', async () => {
    const packed = [0, 1].map((nic) => `vms.vm0.nics.vnic${nic}.features=[event-idx, ring-packed]`);
    const phases = 'run.phases=[{name: load, rate: 40kpps, duration: 1s}]';
    const result = await runAs(['qemu', 'qemu'], [phases, ...packed]);
    expectWhole(result);
    expect(result.phases[0].total.droppedFrames).toBe(0);
  });
});
