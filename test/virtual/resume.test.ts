/** A sweep that was broken off goes on where it was, and measures nothing twice. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SweepJournal } from '../../src/experiment/sweep/journal.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepPlan } from '../../src/experiment/sweep/sweep.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { loadVariants } from '../../src/experiment/sweep/variants.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-resume-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PLAN: SweepPlan = {
  hostKind: 'virtual',
  variants: loadVariants('livelock', [], [{ name: 'livelock', overrides: [] }]),
  load: { unit: 'frames', counted: null },
  offered: { kind: 'multiples', multiples: [0.5, 2] },
  trials: 2,
  lossFreeRatioMax: 0.005,
  durationNs: 2e7,
  warmupNs: 0,
  runInNs: 1e7,
  probeNs: 2e7,
};

/** A sweep with a journal; how many trials its beds made; ended after `most` trials of the sweep itself. */
async function sweep(path: string, plan = PLAN, most = Infinity): Promise<{ result: SweepResult; made: number }> {
  const before = new SweepJournal(path, plan);
  const controller = new AbortController();
  let [made, tried] = [0, 0];
  const result = await runSweep(plan, {
    openBed: async (variant) => {
      const bed = await openVirtualBed(variant);
      const trial = bed.trial.bind(bed);
      bed.trial = (...request) => {
        made++;
        return trial(...request);
      };
      return bed;
    },
    signal: controller.signal,
    watcher: { tried: () => ++tried >= most && controller.abort() },
    before,
  });
  before.close();
  return { result, made };
}

it('takes the loss-free rate and the trials that were made, and makes the others', async () => {
  const whole = await sweep(join(folder, 'whole'));
  const path = join(folder, 'cut');
  const first = await sweep(path, PLAN, 3);
  expect(first.result).toMatchObject({ interrupted: true, resumedTrials: 0 });
  appendFileSync(path, '{"kind":"trial","trial":{"cut');
  const second = await sweep(path);
  expect(second.made).toBe(1);
  expect(second.result).toMatchObject({ interrupted: false, resumedTrials: 3, exitCode: 0 });
  expect(JSON.stringify(second.result.trials)).toBe(JSON.stringify(whole.result.trials));
  expect(JSON.stringify(second.result.points)).toBe(JSON.stringify(whole.result.points));
  expect(readFileSync(path, 'utf8')).toBe(readFileSync(join(folder, 'whole'), 'utf8'));
  const more = await sweep(path, { ...PLAN, trials: 3 });
  expect(more).toMatchObject({ made: 2, result: { resumedTrials: 4 } });
});

it('refuses the journal of another sweep, of another version, and what is none', async () => {
  const path = join(folder, 'other');
  await sweep(path, PLAN, 1);
  const kept = readFileSync(path, 'utf8');
  expect(() => new SweepJournal(path, { ...PLAN, durationNs: 3e7 })).toThrow(
    /^found a journal of another sweep, allowed: /,
  );
  writeFileSync(path, kept.replace(/"schemaVersion":\d+/, '"schemaVersion":1'));
  expect(() => new SweepJournal(path, PLAN)).toThrow(/^found a journal of version 1, allowed: version \d+, /);
  writeFileSync(path, 'not a journal\n');
  expect(() => new SweepJournal(path, PLAN)).toThrow(/^found no journal of a sweep, allowed: a new file/);
  expect(readFileSync(path, 'utf8')).toBe('not a journal\n');
  expect(() => new SweepJournal(folder, PLAN)).toThrow('found a directory, allowed: a new file, or one of --resume');
});
