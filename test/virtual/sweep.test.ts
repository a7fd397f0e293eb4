import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TestBed } from '../../src/experiment/bed/test-bed.ts';
import { effectsSvg } from '../../src/experiment/graph/effects-graph.ts';
import { sweepSvg } from '../../src/experiment/graph/sweep-graph.ts';
import { gridChanges } from '../../src/experiment/sweep/grid.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepPlan, SweepWatcher } from '../../src/experiment/sweep/sweep.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { sweepStory } from '../../src/experiment/sweep/sweep-story.ts';
import { sweepLines } from '../../src/experiment/sweep/sweep-summary.ts';
import { loadVariants, modeChange } from '../../src/experiment/sweep/variants.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';
import { parseSvg, placedTexts } from '../support/svg-structure.ts';

const SCENARIO = 'kvm-forum-2014';
const changes = ['vhost', 'accelerated'].map((mode) => modeChange(loadScenario(SCENARIO), mode));
const PLAN: SweepPlan = {
  hostKind: 'virtual',
  variants: loadVariants(SCENARIO, [], changes),
  load: { unit: 'frames', counted: null },
  offered: {
    kind: 'rates',
    rates: [60_000, 500_000].map((perSecond) => ({ kind: 'frames', perSecond })),
  },
  trials: 1,
  durationNs: 5e7,
  warmupNs: 4e7,
  runInNs: 2e7,
  probeNs: 2e7,
  lossFreeRatioMax: 0.005,
};

/** The beds that are not stopped yet, and a sweep on them. */
function sweep(
  plan: SweepPlan,
  watcher: SweepWatcher = {},
  signal = new AbortController().signal,
): { running: Set<TestBed>; result: Promise<SweepResult> } {
  const running = new Set<TestBed>();
  const result = runSweep(plan, {
    signal,
    watcher,
    openBed: async (variant) => {
      const bed = await openVirtualBed(variant);
      const stop = bed.stop.bind(bed);
      bed.stop = () => {
        running.delete(bed);
        return stop();
      };
      running.add(bed);
      return bed;
    },
  });
  return { running, result };
}

describe('a sweep on the virtual host', () => {
  it('measures each variant at each rate, in turn, and balances', async () => {
    const order: string[] = [];
    const { running, result: pending } = sweep(PLAN, {
      tried: ({ variant, rateIndex }) => order.push(`${variant} ${rateIndex}`),
    });
    const result = await pending;
    expect(order).toEqual(['vhost 0', 'accelerated 0', 'vhost 1', 'accelerated 1']);
    expect(running.size).toBe(0);
    expect(result).toMatchObject({ exitCode: 0, interrupted: false, search: null, lossFreeRatioMax: 0.005 });
    expect(sweepStory(result)[0]).toContain('The highest rate it carried with at most 0.50 % lost was 60 k/s.');
    for (const { ledger } of result.variants) {
      expect(ledger.faults).toEqual([]);
      expect(ledger.inFlightFrames).toBe(0);
    }
    const [vhost, flooded, accelerated, bypassed] = result.points;
    expect(vhost.lossRatio!.median).toBe(0);
    // 60,000 frames/s for 50 ms, an interrupt's eight frames more or less in each direction.
    expect(Math.abs(vhost.egressPerSecond.median * 0.05 - 3000)).toBeLessThanOrEqual(16);
    expect(accelerated.lossRatio!.median).toBe(0);
    expect(flooded.egressPerSecond.median).toBeLessThan(0.5 * bypassed.egressPerSecond.median);
    expect(flooded.lostAt[0].place).toBe('tap');
    expect(result.variants.map(({ lossFreePerSecond }) => lossFreePerSecond)).toContain(60_000);
  });

  it('gives the same figures again', async () => {
    const figures = async (): Promise<string> => JSON.stringify((await sweep(PLAN).result).points);
    expect(await figures()).toBe(await figures());
  });

  it('can be shown as tables, words and a graph', async () => {
    const result = await sweep(PLAN).result;
    const plain = sweepLines(result, 120, (_style, text) => text);
    expect(plain.every((line) => line.length <= 120)).toBe(true);
    expect(plain.join('\n')).toMatch(/offered +vhost +accelerated\n +60k +(59|60)(\.\d)?k +60(\.\d)?k/);
    expect(sweepStory(result).map((text) => text.split(':')[0])).toEqual(['vhost', 'accelerated']);
    expect(parseSvg(sweepSvg(result).trim()).name).toBe('svg');
  });

  it('searches the loss-free rate of the first variant, and offers multiples of it to all', async () => {
    const plan: SweepPlan = { ...PLAN, offered: { kind: 'multiples', multiples: [0.5] }, durationNs: 2e7 };
    const { search, points, rates } = await sweep(plan).result;
    const lossFreePerSecond = search?.lossFreePerSecond ?? 0;
    expect(lossFreePerSecond).toBeGreaterThan(60_000);
    expect(lossFreePerSecond).toBeLessThan(250_000);
    expect(search?.probes.some(({ lossRatio }) => lossRatio > 0.005)).toBe(true);
    expect(rates[0].offeredPerSecond).toBe(Math.floor(lossFreePerSecond / 2));
    expect(points.map(({ lossRatio }) => lossRatio!.median)).toEqual([0, 0]);
  });

  it('offers connections to a scenario of clients, and counts those that complete', async () => {
    const change = [modeChange(loadScenario('tcp-terminate'), 'vhost')];
    const plan: SweepPlan = {
      ...PLAN,
      variants: loadVariants('tcp-terminate', ['traffic.connections.0.timeout=100ms'], change),
      load: { unit: 'connections', counted: null },
      offered: { kind: 'rates', rates: [2000, 40_000].map((perSecond) => ({ kind: 'connections', perSecond })) },
      durationNs: 1e8,
    };
    const result = await sweep(plan).result;
    const [calm, flooded] = result.points;
    expect(calm.offeredPerSecond).toBe(2000);
    expect(Math.abs(calm.egressPerSecond.median * 0.1 - 200)).toBeLessThanOrEqual(2);
    expect(calm.lossRatio!.median).toBeLessThanOrEqual(0.005);
    expect(flooded.egressPerSecond.median).toBeGreaterThan(4 * calm.egressPerSecond.median);
    expect(flooded.egressPerSecond.median).toBeLessThan(30_000);
    expect(flooded.lossRatio!.median).toBeGreaterThan(0.2);
    expect(flooded.streams[0].latency!.p99Ns).toBeGreaterThan(calm.streams[0].latency!.p99Ns);
    expect(result.variants[0].ledger.faults).toEqual([]);
    expect(sweepLines(result, 120, (_style, text) => text).join('\n')).toMatch(/completed in connections\/s/);
    const texts = placedTexts(parseSvg(sweepSvg(result).trim())).map(({ text }) => text);
    expect(texts).toContain('completed, k connections/s');
    expect(texts).toContain('offered load, k connections/s');
  });

  it('shows what a flood for one VM does to the other in each mode, by the stream that counts', async () => {
    const scenario = 'noisy-neighbour-vhost';
    const modes = ['emulated', 'qemu', 'vhost', 'vhost-feedback', 'accelerated', 'direct'];
    const plan: SweepPlan = {
      ...PLAN,
      variants: loadVariants(
        scenario,
        [],
        modes.map((mode) => modeChange(loadScenario(scenario), mode)),
      ),
      load: { unit: 'frames', counted: 'quiet' },
      offered: { kind: 'rates', rates: [{ kind: 'frames', perSecond: 800_000 }] },
    };
    const result = await sweep(plan).result;
    const quiet = modes.map((_, i) => result.points[i].streams.find(({ name }) => name === 'quiet')!);
    expect(result.points.map(({ lossRatio }) => lossRatio)).toEqual(quiet.map(({ lossRatio }) => lossRatio));
    for (const { requestedPerSecond } of quiet) expect(requestedPerSecond).toBe(20_000);
    // The bridge tells the frames apart where it gets to them, the hardware before anybody shares a ring.
    for (const inSoftware of quiet.slice(0, 4)) expect(inSoftware.lossRatio!.median).toBeGreaterThan(0.2);
    for (const inHardware of quiet.slice(4)) {
      expect(inHardware.lossRatio!.median).toBeLessThan(0.005);
      expect(inHardware.latency!.p99Ns).toBeLessThan(0.5 * quiet[2].latency!.p99Ns);
    }
    const table = sweepLines(result, 120, (_style, text) => text).join('\n');
    expect(table).toMatch(/quiet: loss and latency\n +offered +variant +stream +asked +egress +lost +p50 +p99/);
    expect(table).toMatch(/800k +direct +quiet +20k/);
  });

  it('measures every combination of a grid, and tells and draws what each factor does', async () => {
    const factors = [
      { key: 'host.kernel', values: ['linux-3.13', 'linux-4.9'] },
      { key: 'vms.0.nics.0.tap.queue', values: ['500', '4000'] },
    ];
    const changes = gridChanges(factors, ({ key }, value) => [{ flag: '--grid', assignment: `${key}=${value}` }]);
    const result = await sweep({ ...PLAN, factors, variants: loadVariants('livelock', [], changes), trials: 2 }).result;
    expect(result.variants.map(({ levels }) => levels.join())).toEqual([
      'linux-3.13,500',
      'linux-3.13,4000',
      'linux-4.9,500',
      'linux-4.9,4000',
    ]);
    const [, flood] = result.effects;
    const [kernel, queue] = flood.factors;
    // The guard leaves the host its threads: most of what varies above the peak is the kernel's doing.
    expect(kernel.levels[1].egressPerSecond).toBeGreaterThan(2 * kernel.levels[0].egressPerSecond);
    expect(kernel.share!).toBeGreaterThan(0.8);
    expect(queue.share!).toBeLessThan(kernel.share!);
    const lines = sweepLines(result, 80, (_style, text) => text);
    expect(lines.join('\n')).toMatch(/kernel +linux-3\.13 +\S+ +\d+ %\n +linux-4\.9 +\S+ +\+\d+\.\d %/);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const texts = placedTexts(parseSvg(effectsSvg(result).trim())).map(({ text }) => text);
    expect(texts).toEqual(expect.arrayContaining(['kernel', 'queue 500', 'queue 4000', 'linux-4.9']));
  });

  it('leaves a backend out whose VM is not there', async () => {
    const path = fileURLToPath(new URL('../support/balanced-servers.yaml', import.meta.url));
    const offered: SweepPlan['offered'] = { kind: 'rates', rates: [{ kind: 'frames', perSecond: 8000 }] };
    const change = [{ name: 'one', overrides: [] }];
    const { result } = sweep({ ...PLAN, variants: loadVariants(path, [], change), offered });
    const { points, variants } = await result;
    expect(points[0].lossRatio!.median).toBeLessThanOrEqual(0.005);
    expect(points[0].egressPerSecond.median).toBeGreaterThan(7800);
    expect(variants[0].ledger.faults).toEqual([]);
  });

  it('says so where no rate is free of loss, for a network function drops what it is meant to', async () => {
    const change = [modeChange(loadScenario('network-appliance'), 'vhost')];
    const plan: SweepPlan = {
      ...PLAN,
      variants: loadVariants('network-appliance', [], change),
      offered: { kind: 'multiples', multiples: [1] },
    };
    await expect(sweep(plan).result).rejects.toThrow(
      /^vhost has no loss-free rate .* \(most frames at fw\/vcpu\d: denied by rule attack\), allowed: --rates or --steps, a higher --loss-free, or --stream .*\(requests, attack\)$/,
    );
  });

  it('gives what was measured so far when it is interrupted, and stops its hosts', async () => {
    const controller = new AbortController();
    const { running, result: pending } = sweep(PLAN, { tried: () => controller.abort() }, controller.signal);
    const result = await pending;
    expect(result).toMatchObject({ interrupted: true, exitCode: 130 });
    expect(result.points.map(({ variant }) => variant)).toEqual(['vhost']);
    expect(result.variants.every(({ ledger }) => ledger.balanced)).toBe(true);
    expect(running.size).toBe(0);
  });

  it('stops its hosts when one does not work', async () => {
    const { running, result } = sweep(PLAN, {
      tried: () => {
        throw new Error('a fault');
      },
    });
    await expect(result).rejects.toThrow('a fault');
    expect(running.size).toBe(0);
  });
});
