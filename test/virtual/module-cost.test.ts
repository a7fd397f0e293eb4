/** A module of the user's own takes the virtual time that was declared, and a result says where none was. */
import { expect, it } from 'vitest';
import { openHost } from '../../src/cli/open-host.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { summaryLines } from '../../src/experiment/tell/summary.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const SHORT = ['run.phases=[{name: load, duration: 100ms, rate: 30kpps}]', 'run.warmup=20ms', 'expect=[]'];
const PATH = 'scenarios/my-function.ts';
const NOTE =
  'what my-function.ts does in vm0 takes no virtual time: only forwarding is paid for. Declare what a frame costs in it, ' +
  'nf: {kind: module, path: my-function.ts, frameCost: 2us}, or measure it on real threads';

async function run(...overrides: string[]): Promise<RunResult> {
  const scenario = loadScenario('my-function', { overrides: [...SHORT, ...overrides] });
  return runScenario(scenario, await openHost('virtual', scenario), { signal: new AbortController().signal });
}

it('a function that burns 100 us a frame loses most of 30 kpps on two vCPUs of one core', async () => {
  const result = await run(`vms.0.nf={kind: module, path: ${PATH}, frameCost: 100us}`);
  // 10,000 frames a second fill the core by themselves.
  expect(result.phases[0].total.lossRatio).toBeGreaterThan(0.6);
  expect(result.validity.notes).toEqual([]);
});

it('without a declared cost nothing is lost, and the result says what was left out', async () => {
  const result = await run();
  expect(result.phases[0].total.lossRatio).toBe(0);
  expect(result.validity).toEqual({ status: 'valid', reasons: [], notes: [NOTE] });
  const told = summaryLines(result, 400, (_style, text) => text).join('\n');
  expect(told).toContain(NOTE);
});

it('a declared cost of nothing is the word of its author, and needs no note', async () => {
  expect((await run(`vms.0.nf={kind: module, path: ${PATH}, frameCost: 0ns}`)).validity.notes).toEqual([]);
});

it.each([
  ['{kind: module}', 'missing key "path"'],
  ['{kind: module, path: ./x.py}', 'allowed: the path of a module such as ./my-function.ts'],
  [`{kind: module, path: ${PATH}, frameCost: 3}`, 'allowed: a duration such as'],
  [`{kind: module, path: ${PATH}, routes: []}`, 'unknown key "routes"'],
])('refuses nf: %s', (nf, message) => {
  expect(() => loadScenario('my-function', { overrides: [`vms.0.nf=${nf}`] })).toThrow(message);
});
