import { expect, it } from 'vitest';
import { pointsCsv, trialsCsv } from '../../../../src/experiment/sweep/sweep-csv.ts';
import type { SweepResult } from '../../../../src/experiment/sweep/sweep-result.ts';
import { runSweep } from '../../../../src/experiment/sweep/sweep.ts';
import { loadVariants } from '../../../../src/experiment/sweep/variants.ts';
import { openVirtualBed } from '../../../support/virtual-beds.ts';

const change = { name: 'a, "b"', overrides: [], levels: ['[1, 2]'] };
const result: SweepResult = await runSweep(
  {
    hostKind: 'virtual',
    variants: loadVariants('livelock', [], [change]),
    factors: [{ key: 'host.hz', values: ['[1, 2]'] }],
    load: { unit: 'frames', counted: null },
    offered: { kind: 'rates', rates: [0, 5e5].map((perSecond) => ({ kind: 'frames', perSecond })) },
    trials: 2,
    lossFreeRatioMax: 0.005,
    durationNs: 1e7,
    warmupNs: 0,
    runInNs: 1e7,
    probeNs: 1e7,
  },
  { openBed: (variant) => openVirtualBed(variant), signal: new AbortController().signal },
);

it('has a row for each trial, with its factors, quoted where it must be, and nothing for what is not known', () => {
  const [heading, first, ...rest] = trialsCsv(result).trimEnd().split('\n');
  expect(heading).toMatch(/^variant,host\.hz,offered_per_s,round,attempt,seed,status,measured_ns,/);
  expect(first).toMatch(/^"a, ""b""","\[1, 2\]",0,0,0,1,valid,10000000,0,0,/);
  expect(first.endsWith(',')).toBe(true);
  expect(rest).toHaveLength(3);
  expect(rest[0]).toContain(`,${result.trials[1].phase.total.sentFrames},`);
});

it('has a row for each point', () => {
  const [heading, ...rows] = pointsCsv(result).trimEnd().split('\n');
  const columns = heading.split(',').length;
  expect(rows).toHaveLength(2);
  const last = rows[1].replace(/"(?:[^"]|"")*"/g, 'quoted').split(',');
  expect(last).toHaveLength(columns);
  expect(Number(last[heading.split(',').indexOf('egress_per_s_median')])).toBe(result.points[1].egressPerSecond.median);
});
