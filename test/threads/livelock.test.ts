/** The project's claim, short, wherever the tests run: a flood on real threads ends in livelock, and where it is lost. */
import { expect, it } from 'vitest';
import { judgeOnThreads } from '../support/real-thread-runs.ts';

it('livelock: egress falls, frames are lost at the tap, vhost is runnable and not running', async ({ skip }) => {
  const options = { phaseNs: 8e8, overrides: ['run.warmup=3s'] };
  const { lacking, valid, runs, faults, reasons, broken, refuted } = await judgeOnThreads('livelock', options);
  expect(faults).toEqual([]);
  if (broken.length > 0) console.warn(`livelock, broken in valid runs: ${broken.join('; ')}`);
  expect(refuted).toEqual([]);
  if (lacking !== null) skip(lacking);
  if (valid.length > 0) return;
  const why = `none of ${runs} runs was valid: ${reasons.join('; ')}`;
  console.warn(`livelock not judged, ${why}`);
  skip(why);
});
