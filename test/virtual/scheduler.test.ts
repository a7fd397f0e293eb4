/** The scheduler of a modelled host is what its scenario says. */
import { expect, it } from 'vitest';
import { openHost } from '../../src/cli/open-host.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const SHORT = [
  'run.phases=[{name: load, duration: 100ms, rate: 120kpps}]',
  'run.warmup=50ms',
  'run.settle=50ms',
  'expect=[]',
];

async function run(...overrides: string[]): Promise<RunResult> {
  const scenario = loadScenario('kvm-forum-2014', { overrides: [...SHORT, ...overrides] });
  return runScenario(scenario, await openHost('virtual', scenario), { signal: new AbortController().signal });
}

const medianNs = ({ phases }: RunResult): number => phases[0].latencyAll!.p50Ns;

it.each([
  ['host.scheduler.switch=50us', 'a change of threads', 50_000],
  ['host.scheduler.wakeLocal=5ms', 'a wake-up', 1_000_000],
  ['virtual.hardwareIdlePoll=400us', 'hardware that notices work late', 100_000],
])('%s: %s is waited for by every frame', async (override, _what, leastNs) => {
  const [before, after] = [await run(), await run(override)];
  expect(medianNs(after) - medianNs(before)).toBeGreaterThan(leastNs);
});

it('equals that wait for each other change places once a slice', async () => {
  const flood = ['run.phases.0.rate=600kpps', 'host.threadedNapi=true'];
  const switches = ({ phases }: RunResult): number =>
    phases[0].threads.find(({ name }) => name === 'softirq0')!.switchesPerSecond!;
  const [short, long] = [await run(...flood), await run(...flood, 'host.scheduler.slice=14ms')].map(switches);
  expect(short / long).toBeGreaterThan(4);
});

it('each of several hosts has a scheduler of its own', async () => {
  const overrides = ['host.scheduler.switch=1us', 'hosts.1.scheduler.slice=3ms'];
  const scenario = loadScenario('network-appliance', { overrides });
  const [first, second] = scenario.hosts.map(({ name }) => name);
  const { header } = await openHost('virtual', scenario);
  expect(header.filter((line) => line.startsWith('scheduler'))).toEqual([
    expect.stringMatching(`^scheduler of ${first}: slice 1400000 ns, switch 1000 ns,`),
    expect.stringMatching(`^scheduler of ${second}: slice 3000000 ns, switch 1000 ns,`),
  ]);
});
