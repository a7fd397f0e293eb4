import { expect, it, vi } from 'vitest';
import { takeLedger } from '../../src/experiment/judge/ledger.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const MS = 1e6;

/** What softirq0 counted and what the run header says, of half a second on real threads that may not change class. */
async function runSoftirq(overrides: string[]): Promise<{ counts: Map<string, number>; header: readonly string[] }> {
  vi.stubEnv('VHOSTLAB_KOFFI', 'off');
  const plan = buildPlan(loadScenario('kvm-forum-2014', { overrides }));
  const host = await ThreadHost.create(plan);
  try {
    await host.start();
    await waitUntilReady(host);
    setRates(host, [20_000, 20_000]);
    await host.advance(500 * MS);
    stopTraffic(host);
    await host.advance(300 * MS);
    await host.pause();
    const ledger = await takeLedger(host);
    // Frames may be in flight: peers in SCHED_IDLE starve beside whatever else this machine runs.
    expect(ledger.faults).toEqual([]);
    const { counters } = plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === 'softirq0')!;
    const values = takeSnapshot(host).counters.get('softirq0')!;
    return { counts: new Map(counters.map(({ name }, i) => [name, values[i]])), header: host.header };
  } finally {
    vi.unstubAllEnvs();
    await host.stop();
  }
}

it('runs softirq inline under its limits where it may not change class', async () => {
  const { counts, header } = await runSoftirq([]);
  expect(counts.get('interrupt_packets')).toBeGreaterThan(0);
  expect(counts.get('interrupt_ns')).toBeGreaterThan(0);
  expect(counts.get('interrupt_packets')! + counts.get('bh_enable_packets')!).toBe(
    counts.get('rx_packets')! + counts.get('backlog_packets')!,
  );
  expect(counts.get('ksoftirqd_visits')).toBe(0);
  expect(header.join('\n')).toContain('what it would leave to ksoftirqd it goes on with inline');
});

it('goes on inline where the guard would refuse it', async () => {
  const { counts } = await runSoftirq(['host.kernel=linux-4.9', 'host.softirq.maxRestart=1']);
  // Visits did end with work left, which the guard would have kept from going on inline.
  expect(counts.get('ksoftirqd_wakeups')).toBeGreaterThan(0);
  expect(counts.get('interrupt_packets')).toBeGreaterThan(0);
  expect(counts.get('ksoftirqd_guard_refusals')).toBe(0);
});
