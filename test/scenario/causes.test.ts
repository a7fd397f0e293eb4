/**
 * Each shipped scenario on real threads, judged by everything it expects, with a margin for noise. A scenario whose
 * cores are lacking, or that had no valid run, is skipped and counted, and never passes.
 */
import { describe, expect, it } from 'vitest';
import { judgeOnThreads } from '../support/real-thread-runs.ts';
import type { Judgement } from '../support/real-thread-runs.ts';
import { shippedScenarios } from '../../src/scenario/file.ts';

const OPTIONS = { phaseNs: 1e9, overrides: ['run.warmup=3s'] };
/** Of the expectations of all scenarios that this machine has the cores for, at least these must have been judged. */
const JUDGED_SHARE_MIN = 0.5;

const judgements = new Map<string, Judgement>();

describe('each cause, on real threads', () => {
  it.for(shippedScenarios())('%s: frames are accounted for, and what is expected comes out', async (name, { skip }) => {
    const judgement = await judgeOnThreads(name, OPTIONS);
    judgements.set(name, judgement);
    const { lacking, valid, runs, faults, reasons, broken, refuted } = judgement;
    expect(faults).toEqual([]);
    if (broken.length > 0) console.warn(`${name}, broken in valid runs: ${broken.join('; ')}`);
    expect(refuted).toEqual([]);
    if (lacking !== null) skip(lacking);
    if (valid.length > 0) return;
    const why = `none of ${runs} runs was valid: ${reasons.join('; ')}`;
    console.warn(`${name} not judged, ${why}`);
    skip(why);
  });

  it('a flood leaves the existing path less than the accelerated path carries of one', ({ skip }) => {
    const flooded = ['livelock', 'accelerated'].map((name) => judgements.get(name)?.valid.at(-1)?.phases.at(-1));
    const [existing, accelerated] = flooded;
    if (existing === undefined || accelerated === undefined) return skip('one of them had no valid run');
    expect(existing.total.deliveredFrames).toBeLessThan(accelerated.total.deliveredFrames);
  });

  it(`at least ${JUDGED_SHARE_MIN * 100} % of what the cores here suffice for was judged`, () => {
    const all = [...judgements.values()];
    const judged = all.filter(({ valid }) => valid.length > 0);
    const sum = (some: readonly Judgement[]): number => some.reduce((total, each) => total + each.expectations, 0);
    const runs = all.reduce((total, each) => total + each.runs, 0);
    const valid = all.reduce((total, each) => total + each.valid.length, 0);
    console.log(
      `judged ${sum(judged)} of ${sum(all)} expectations in ${judged.length} of ${all.length} scenarios, ` +
        `${valid} of ${runs} runs valid`,
    );
    for (const { name, lacking, reasons } of all.filter((each) => !judged.includes(each))) {
      console.log(`not judged: ${name}: ${lacking ?? reasons.join('; ')}`);
    }
    const possible = all.filter(({ lacking }) => lacking === null);
    expect(sum(judged)).toBeGreaterThanOrEqual(JUDGED_SHARE_MIN * sum(possible));
  });
});
