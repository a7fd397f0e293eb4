/** What shipped scenarios expect of the shape of a sweep, and that a curve of another shape is told so. */
import { expect, it } from 'vitest';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepPlan } from '../../src/experiment/sweep/sweep.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { sweepLines } from '../../src/experiment/sweep/sweep-summary.ts';
import { loadVariants, modeChange } from '../../src/experiment/sweep/variants.ts';
import { loadScenario, parseScenario } from '../../src/plan/load-scenario.ts';
import { shippedScenarios } from '../../src/scenario/file.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const MULTIPLES: SweepPlan['offered'] = { kind: 'multiples', multiples: [1, 1.25, 4] };

/** A sweep as the scenario declares it, or of the modes given. */
function sweep(
  name: string,
  offered: SweepPlan['offered'],
  { modes, overrides = [] }: { modes?: readonly string[]; overrides?: readonly string[] } = {},
): Promise<SweepResult> {
  const base = loadScenario(name);
  const changes = [
    ...(modes ?? base.sweep.modes).map((mode) => modeChange(base, mode)),
    ...(modes === undefined ? base.sweep.variants : []),
  ];
  const plan: SweepPlan = {
    hostKind: 'virtual',
    variants: loadVariants(name, overrides, changes),
    load: { unit: 'frames', counted: null },
    offered,
    trials: 1,
    durationNs: 2e8,
    warmupNs: 4e7,
    runInNs: 2e8,
    probeNs: 1e8,
    lossFreeRatioMax: 0.005,
  };
  return runSweep(plan, {
    signal: new AbortController().signal,
    openBed: (variant) => openVirtualBed(variant),
  });
}

const frames = (...perSecond: readonly number[]): SweepPlan['offered'] => {
  return { kind: 'rates', rates: perSecond.map((each) => ({ kind: 'frames', perSecond: each })) };
};

it('a longer tap queue loses later, ends at the same floor, and makes frames wait longer', async () => {
  const { expectations, exitCode } = await sweep('long-tap-queue', frames(130e3, 142e3, 540e3));
  expect(expectations.filter(({ passed }) => passed !== true)).toEqual([]);
  expect(exitCode).toBe(0);
});

it('a curve that keeps its peak is no livelock: exit 99, said in the tables; what was left out is not judged', async () => {
  const result = await sweep('kvm-forum-2014', MULTIPLES, { modes: ['vhost'], overrides: ['host.kernel=linux-4.9'] });
  expect(result.exitCode).toBe(99);
  const missed = result.expectations.filter(({ passed }) => passed === false).map(({ text }) => text);
  expect(missed).toContainEqual(
    expect.stringMatching(/^egress of vhost at 4 x L .* <= 0.2 x egress of vhost at its peak/),
  );
  expect(missed).toContainEqual(expect.stringMatching(/^dropShare of tap of vhost at 4 x L .* >= 90 %$/));
  const others = result.expectations.filter(({ text }) => text.includes('vhost-feedback'));
  expect(others.map(({ passed, text }) => passed === null && text.includes('(not in this sweep)'))).not.toContain(
    false,
  );
  const table = sweepLines(result, 120, (_style, text) => text).join('\n');
  expect(table).toMatch(/\nExpectations\n +NOT MET: egress of vhost at 4 x L [\d.]+ k\/s <= 0.2 x /);
  expect(table).toMatch(/not judged: egress of vhost-feedback at 4 x L \(not in this sweep\)/);
});

it.each(shippedScenarios().filter((name) => loadScenario(name).sweep.variants.length > 0))(
  '%s: every variant it names can be loaded',
  (name) => {
    const { variants } = loadScenario(name).sweep;
    expect(loadVariants(name, [], variants).map((variant) => variant.name)).toEqual(variants.map((each) => each.name));
  },
);

it.each([
  ['{ variant: vhots, metric: loss, at: peak, relation: <=, value: 1% }', '"vhots", allowed: .*; did you mean "vhost"'],
  ['{ variant: vhost, metric: loss, relation: <=, value: 1% }', 'missing key "at": loss needs it'],
  ['{ variant: vhost, metric: loss, at: 4X, relation: <=, value: 1% }', '"4X", allowed: peak, floor, a multiple'],
  ['{ variant: vhost, metric: loss, at: 4L, relation: <=, value: 3kpps }', '"3kpps", allowed: a share such as'],
  ['{ variant: vhost, metric: loss, at: 4L, relation: <= }', 'neither value nor than, allowed: one of them'],
  ['{ variant: vhost, metric: dropShare, at: 4L, relation: <=, value: 1% }', 'missing key "place": dropShare needs it'],
  ['{ variant: vhost, metric: lossFree, at: 4L, relation: <=, value: 1kpps }', 'unknown key "at" for lossFree'],
])('refuses %s', (line, message) => {
  expect(() => parseScenario(`sweep: { expect: [${line}] }\n`, 'x.yaml')).toThrow(
    new RegExp(`^x.yaml:1:\\d+: .*${message}`),
  );
});
