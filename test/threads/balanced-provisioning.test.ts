import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

/** The second server comes and goes in the middle of the second and the fourth phase; a slow machine has time to follow. */
const COURSE = [
  'run.warmup=1s',
  `run.phases=[${['alone', 'growing', 'both', 'shrinking', 'again'].map((name) => `{name: ${name}, duration: 500ms}`).join()}]`,
  'run.timeline=[{at: 1500ms, add: web1}, {at: 3500ms, remove: web1}]',
];

it.each([
  ['balanced-servers', 'traffic.rate=2kpps', 'lb/vcpu0', 'nf_to_backend1'],
  ['proxied-servers', 'traffic.connections.0.rate=200cps', 'adc/vcpu0', 'tcp_to_backend1'],
])('on real threads a server of %s takes part only while it is there', async (name, rate, balancer, counter) => {
  const path = fileURLToPath(new URL(`../support/${name}.yaml`, import.meta.url));
  const scenario = loadScenario(path, { overrides: [...COURSE, rate] });
  const host = await ThreadHost.create(buildPlan(scenario));
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  const [alone, growing, both, , again] = result.phases.map(({ counters }) => counters[balancer][counter]);
  expect([alone, again]).toEqual([0, 0]);
  expect(growing + both).toBeGreaterThan(0);
  expect(result.provisioning.map(({ order, tookNs }) => [order, tookNs !== null])).toEqual([
    ['add', true],
    ['remove', true],
  ]);
});
