/**
 * How near the virtual host comes to real threads: the talk's curves of both, each in multiples of its own loss-free rate
 * and shares of its own peaks. The distance is printed; what is asserted is only that they are curves of one kind.
 */
import { expect, it } from 'vitest';
import { openBeds } from '../../src/cli/open-beds.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { loadVariants, modeChange } from '../../src/experiment/sweep/variants.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { formatShare } from '../../src/text/number-format.ts';
import { curveDistances, rootMeanSquare } from '../support/curve-distance.ts';

const MULTIPLES = [0.5, 1, 1.5, 2, 3, 4];
/** A livelock beside a plateau is 0.4 apart; hosts with the same mechanisms must be nearer by far. */
const RMS_MAX = 0.2;
/** Below this share of the points nothing is judged. */
const POINTS_SHARE_MIN = 0.5;

async function talk(hostKind: 'threads' | 'virtual', durationNs: number): Promise<SweepResult> {
  const base = loadScenario('kvm-forum-2014');
  const changes = base.sweep.modes.map((mode) => modeChange(base, mode));
  const plan = {
    hostKind,
    variants: loadVariants('kvm-forum-2014', [], changes),
    load: { unit: 'frames', counted: null },
    offered: { kind: 'multiples', multiples: MULTIPLES },
    trials: hostKind === 'threads' ? 3 : 1,
    durationNs,
    warmupNs: hostKind === 'threads' ? 2e9 : 1e8,
    runInNs: 2e8,
    probeNs: hostKind === 'threads' ? 1e9 : 1e8,
    lossFreeRatioMax: 0.005,
  } as const;
  const beds = openBeds(hostKind, 1);
  try {
    return await runSweep(plan, { signal: new AbortController().signal, openBed: beds.open });
  } finally {
    await beds.close();
  }
}

it('the curves of real threads and of virtual time', async ({ skip }) => {
  const virtual = await talk('virtual', 1e8);
  const threads = await talk('threads', 4e8);
  for (const { variants } of [threads, virtual]) {
    expect(variants.flatMap(({ ledger }) => ledger.faults)).toEqual([]);
  }
  const L = [threads, virtual].map(({ search }) => search?.lossFreePerSecond ?? null);
  if (L.includes(null)) return skip(`no loss-free rate was found: ${threads.search?.failure ?? ''}`);
  const distances = curveDistances(threads, virtual);
  for (const { variant, rms, most, points, skipped } of distances) {
    console.log(
      `${variant}: RMS ${formatShare(rms)} of the peak over ${points} points, ${skipped} skipped; most at ${most.multiple} L, ` +
        `${formatShare(most.first)} on threads and ${formatShare(most.second)} on virtual time`,
    );
  }
  const judged = distances.reduce((sum, { points }) => sum + points, 0);
  const all = MULTIPLES.length * threads.variants.length;
  const whole = rootMeanSquare(distances.flatMap(({ rms, points }) => new Array<number>(points).fill(rms)));
  console.log(
    `all: RMS ${formatShare(whole)} of the peak over ${judged} of ${all} points; L ${L.map((rate) => Math.round(rate! / 1000)).join(' and ')} kpps; ` +
      `${threads.trials.filter(({ validity }) => validity.status === 'valid').length} of ${threads.trials.length} trials valid`,
  );
  if (judged < POINTS_SHARE_MIN * all) return skip(`only ${judged} of ${all} points have a valid trial`);
  expect(whole).toBeLessThan(RMS_MAX);
});
