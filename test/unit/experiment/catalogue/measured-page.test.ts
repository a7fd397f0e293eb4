import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { TALK_BEGIN, TALK_END, talkSection, unfitForTalk } from '../../../../src/experiment/catalogue/measured-page.ts';
import { withSection } from '../../../../src/experiment/catalogue/scenario-page.ts';
import { runSweep } from '../../../../src/experiment/sweep/sweep.ts';
import type { SweepResult } from '../../../../src/experiment/sweep/sweep-result.ts';
import { loadVariants, modeChange } from '../../../../src/experiment/sweep/variants.ts';
import { loadScenario } from '../../../../src/plan/load-scenario.ts';
import { openVirtualBed } from '../../../support/virtual-beds.ts';

const README = readFileSync(fileURLToPath(new URL('../../../../scenarios/README.md', import.meta.url)), 'utf8');

const base = loadScenario('kvm-forum-2014');
const swept = await runSweep(
  {
    hostKind: 'virtual',
    variants: loadVariants('kvm-forum-2014', [], [modeChange(base, 'vhost')]),
    load: { unit: 'frames', counted: null },
    offered: { kind: 'multiples', multiples: [1, 4] },
    trials: 1,
    durationNs: 5e7,
    warmupNs: 2e7,
    runInNs: 5e7,
    probeNs: 5e7,
    lossFreeRatioMax: 0.005,
  },
  { signal: new AbortController().signal, openBed: (variant) => openVirtualBed(variant) },
);
/** The same as if it had been measured, with everything judged. */
const measured: SweepResult = {
  ...swept,
  hostKind: 'threads',
  exitCode: 0,
  expectations: swept.expectations.filter(({ passed }) => passed !== null),
};

it('has a row for each variant, between the marks of the page, as the formatter has it', async () => {
  expect(unfitForTalk(measured)).toBeNull();
  const section = talkSection(measured);
  const k = (perSecond: number): string => String(Math.round(perSecond / 1000));
  const [point] = swept.points.slice(-1);
  expect(section).toMatch(
    /^Made on \d{4}-\d\d-\d\d with Node \d+\.\d+\.\d+ on [^[]* CPUs, \w[^[]*: 2 of 2\s+trials\s+valid/,
  );
  expect(section).toMatch(new RegExp(`searched\\s+first:\\s+${k(swept.search!.lossFreePerSecond!)}k\\.`));
  expect(section).toMatch(
    /\| vhost +\| [\d.k-]+ +\| [\d.]+k +\| [\d.]+k +\| 9\d % at the tap; vhost waited [6-9]\d % \|$/,
  );
  expect(section).toContain(`at 4 x L (${k(point.offeredPerSecond)}k)`);
  const page = withSection(README, [TALK_BEGIN, TALK_END], section)!;
  expect(page).not.toBe(README);
  const { default: options } = (await import('../../../../.prettierrc.json')) as { default: object };
  expect(await format(page, { ...options, parser: 'markdown' })).toBe(page);
});

describe('what may not be published', () => {
  it.each<[Partial<SweepResult>, string]>([
    [{ scenario: 'ladder' }, 'no sweep of kvm-forum-2014'],
    [{ hostKind: 'virtual' }, 'a sweep on virtual host'],
    [{ exitCode: 99 }, 'a sweep that ended with exit code 99'],
    [{ interrupted: true }, 'a sweep that ended with exit code 0'],
    [{ search: null }, 'a sweep without a search for the loss-free rate'],
    [
      { expectations: [{ text: '', why: '', passed: null, left: null, right: null }] },
      'a sweep with 1 expectations that are not judged',
    ],
  ])('%o', (change, why) => {
    expect(unfitForTalk({ ...measured, ...change })).toBe(why);
  });

  it('is anything else', () => {
    expect(unfitForTalk({})).toBe('no sweep of kvm-forum-2014');
    expect(unfitForTalk([1])).toBe('no sweep of kvm-forum-2014');
  });
});
