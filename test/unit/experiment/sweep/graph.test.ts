import { describe, expect, it } from 'vitest';
import { resultHead, scenarioHash } from '../../../../src/experiment/result/describe-head.ts';
import { sweepSvg } from '../../../../src/experiment/graph/sweep-graph.ts';
import { variantPoints } from '../../../../src/experiment/sweep/points.ts';
import type { SweepResult } from '../../../../src/experiment/sweep/sweep-result.ts';
import type { Plan } from '../../../../src/runtime/plan.ts';
import { parseScenario } from '../../../../src/plan/load-scenario.ts';
import { allNodes, parseSvg, placedTexts } from '../../../support/svg-structure.ts';
import { trialResult } from '../../../support/sweep-data.ts';

const PLAN = {
  threads: [
    { name: 'softirq0', kind: 'softirq' },
    { name: 'vhost-a', kind: 'vhost' },
  ],
} as unknown as Plan;
const LEDGER = {
  balanced: true,
  sentFrames: 0,
  copiedFrames: 0,
  receivedFrames: 0,
  consumedFrames: 0,
  unexplainedFrames: 0,
  droppedFrames: 0,
  inFlightFrames: 0,
  inFlight: [],
  slots: { total: 0, foundOnce: 0 },
  guestBuffers: [],
  faults: [],
};

/** A sweep of some variants at three multiples, where the last variant's last point has no valid trial. */
function sweepResult(names: readonly string[], changes: Partial<SweepResult> = {}): SweepResult {
  const scenario = parseScenario('', 'x.yaml');
  const load = { unit: 'frames', counted: null } as const;
  const rates = [1, 2, 4].map((multiple) => ({
    rate: { kind: 'frames', perSecond: multiple * 1e5 } as const,
    offeredPerSecond: multiple * 1e5,
    multiple,
  }));
  const trials = names.flatMap((variant, v) =>
    rates.flatMap(({ offeredPerSecond }, rateIndex) =>
      [0, 1000].map((more) =>
        trialResult({
          variant,
          rateIndex,
          status: v === names.length - 1 && rateIndex === 2 ? 'invalid' : 'valid',
          sent: offeredPerSecond / 2,
          delivered: [offeredPerSecond / (2 + v) + more, offeredPerSecond / 4],
          dropped: [{ place: 'tap', frames: offeredPerSecond / 8 }],
          threads: [
            [0.6, 0.01],
            [0.3, 0.6],
          ],
        }),
      ),
    ),
  );
  return {
    ...resultHead(new Date('2026-01-01T00:00:00.000Z')),
    kind: 'sweep',
    scenario: 'a < b & c',
    hostKind: 'threads',
    load,
    linePerSecond: 2_976_190,
    trialsPerPoint: 2,
    durationNs: 1e9,
    interrupted: false,
    resumedTrials: 0,
    lossFreeRatioMax: 0.005,
    expectations: [],
    factors: [],
    effects: [],
    search: { lossFreePerSecond: 1e5, probes: [], generatorLimited: false, failure: null },
    rates,
    variants: names.map((name) => ({
      name,
      overrides: [],
      levels: [],
      scenario,
      scenarioHash: scenarioHash(scenario),
      header: ['core 0, host CPU 0: softirq0 (fifo 1)', 'something else'],
      oversubscribed: [],
      coreDistance: null,
      threads: [],
      warmedUpAtPerSecond: null,
      lossFreePerSecond: null,
      peak: null,
      verdict: '',
      ledger: LEDGER,
    })),
    points: names.flatMap((name) => variantPoints(name, PLAN, load, rates, trials)),
    trials,
    exitCode: 0,
    ...changes,
  };
}

const FOUR = ['vhost', 'vhost-feedback', 'accelerated', 'direct'];
/** Mean width of a character in the widest of the fonts that may be used, as a share of its size. */
const WIDE_CHARACTER_RATIO = 0.6;

describe('the graph of a sweep', () => {
  it('is a well-formed document without a number that is none', () => {
    const document = sweepSvg(sweepResult(FOUR));
    const svg = parseSvg(document.trim());
    expect(svg).toMatchObject({ name: 'svg', attributes: { xmlns: 'http://www.w3.org/2000/svg' } });
    expect(document).not.toMatch(/NaN|undefined|Infinity|null/);
  });

  it('names what is drawn, escaped where it must be', () => {
    const document = sweepSvg(sweepResult(FOUR));
    const texts = placedTexts(parseSvg(document.trim())).map(({ text }) => text);
    for (const text of [
      'Egress against ingress: a < b & c',
      ...FOUR,
      'stream0',
      'stream1',
      'nothing lost',
      'offered load, both directions together, k frames/s',
      'egress, k frames/s',
      'line rate: 2.98 M frames/s',
      'L',
      '4 L',
      'Where frames were lost',
      'tap',
      'softirq runs',
      'vhost waits',
    ]) {
      expect(texts, text).toContain(text);
    }
    expect(texts).not.toContain('NIC ring');
    expect(texts.join(' ')).toMatch(
      / CPUs, Linux .*core 0, host CPU 0.*Medians of 2 trials.*Hollow markers.*1 of 12 points/s,
    );
  });

  it('draws for each variant a band, a line each direction and for the sum, and a marker each point', () => {
    const nodes = allNodes(parseSvg(sweepSvg(sweepResult(FOUR)).trim()));
    const paths = nodes.filter(({ name }) => name === 'path').map(({ attributes }) => attributes);
    for (const colour of ['#D55E00', '#0072B2', '#009E73', '#CC79A7']) {
      expect(paths.filter(({ fill, opacity }) => fill === colour && opacity === '0.16')).toHaveLength(1);
      const lines = paths.filter(({ stroke, fill }) => stroke === colour && fill === 'none');
      expect(lines.filter((line) => line['stroke-dasharray'] !== undefined)).toHaveLength(2);
      expect(lines.filter((line) => line['stroke-dasharray'] === undefined)).toHaveLength(1);
      const markers = paths.filter(({ stroke, fill }) => stroke === colour && fill !== 'none');
      expect(markers).toHaveLength(3);
      expect(markers.filter(({ fill }) => fill === '#ffffff')).toHaveLength(colour === '#CC79A7' ? 1 : 0);
    }
  });

  it.each([1, 2, 4, 5, 6])('keeps every text of %d variants within its edges', (count) => {
    const names = [...FOUR, 'linux-4.9-guard', 'threaded-napi'].slice(0, count);
    const svg = parseSvg(sweepSvg(sweepResult(names)).trim());
    const [width, height] = [Number(svg.attributes.width), Number(svg.attributes.height)];
    for (const { text, x, y, sizePx, anchor, upright } of placedTexts(svg)) {
      const length = text.length * sizePx * WIDE_CHARACTER_RATIO;
      const before = anchor === 'end' ? length : anchor === 'middle' ? length / 2 : 0;
      if (!upright) {
        expect(x - before, text).toBeGreaterThanOrEqual(0);
        expect(x - before + length, text).toBeLessThanOrEqual(width);
      }
      expect(y, text).toBeGreaterThan(0);
      expect(y, text).toBeLessThanOrEqual(height - 4);
    }
  });

  it.each([
    [4, 1],
    [5, 1],
    [6, 2],
  ])('stands the panels of %d variants in %d rows', (count, rows) => {
    const names = [...FOUR, 'qemu', 'emulated'].slice(0, count);
    const texts = placedTexts(parseSvg(sweepSvg(sweepResult(names)).trim()));
    const offered = texts.filter(({ text }) => text.startsWith('offered, '));
    // Loss above, threads below.
    expect(new Set(offered.map(({ y }) => y)).size).toBe(2 * rows);
    expect(offered).toHaveLength(2 * count);
  });

  it('says where threads were, once for variants that had the same', () => {
    const plain = sweepResult(FOUR);
    const placed = (result: SweepResult): string =>
      placedTexts(parseSvg(sweepSvg(result).trim()))
        .map(({ text }) => text)
        .join(' ');
    expect(placed(plain)).toContain(' core 0, host CPU 0: softirq0 (fifo 1).');
    const [first, ...others] = plain.variants;
    const apart = { ...plain, variants: [{ ...first, header: ['core 0, host CPU 0: vm0/vmm'] }, ...others] };
    expect(placed(apart)).toMatch(/ vhost: core 0, host CPU 0: vm0\/vmm\. vhost-feedback, accelerated, direct: core 0/);
  });

  it('says whose egress it shows, and in which unit', () => {
    const counted = sweepResult(FOUR, { load: { unit: 'frames', counted: 'eth0-to-eth1' } });
    const texts = placedTexts(parseSvg(sweepSvg(counted).trim())).map(({ text }) => text);
    expect(texts).toContain('egress of eth0-to-eth1, k frames/s');
    expect(texts).not.toContain('stream0');
  });

  it('marks the line rate where it lies within the offered loads', () => {
    const texts = placedTexts(parseSvg(sweepSvg(sweepResult(FOUR, { linePerSecond: 3e5 })).trim()));
    expect(texts.find(({ text }) => text === 'line rate')).toMatchObject({ upright: true });
    expect(texts.some(({ text }) => text.startsWith('line rate:'))).toBe(false);
  });

  it('says so where nothing was measured', () => {
    const texts = placedTexts(parseSvg(sweepSvg(sweepResult(FOUR, { points: [] })).trim()));
    expect(texts.map(({ text }) => text)).toEqual(['a < b & c: nothing was measured']);
  });
});
