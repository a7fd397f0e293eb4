/** TCP segments and ICMP echoes through every function that UDP goes through, on virtual time. */
import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';

async function run(name: string, overrides: readonly string[]): Promise<RunResult> {
  const phases = 'run.phases=[{ name: only, rate: 20kpps, duration: 50ms }]';
  const scenario = loadScenario(name, {
    overrides: ['expect=[]', 'run.warmup=1ms', 'run.settle=50ms', phases, ...overrides],
  });
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  expect(result.integrity).toMatchObject({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0 });
  return result;
}

const lossOf = ({ phases }: RunResult, stream: string): number | null =>
  phases[0].streams.find(({ name }) => name === stream)!.lossRatio;

describe.each(['tcp', 'icmp'])('%s', (protocol) => {
  it.each([64, 1518])('is forwarded in frames of %d bytes, and timed', async (size) => {
    const { phases } = await run('kvm-forum-2014', [`traffic.protocol=${protocol}`, `traffic.frameSize=${size}`]);
    expect(phases[0].total.lossRatio).toBe(0);
    expect(phases[0].latencyAll!.count).toBeGreaterThan(900);
  });

  it('is translated on its way out', async () => {
    const result = await run('kvm-forum-2014', [
      `traffic.streams=[{ name: out, from: eth0, to: eth1, protocol: ${protocol} }]`,
      'vms.vm0.nf={ kind: nat44, external: 203.0.113.0/28 }',
    ]);
    expect(lossOf(result, 'out')).toBe(0);
  });

  it('is filtered by its protocol', async () => {
    const rules = `[{ name: no_${protocol}, action: deny, protocol: ${protocol} }]`;
    const { phases } = await run('kvm-forum-2014', [
      'traffic.streams=[{ name: a, from: eth0, to: eth1 }, { name: b, from: eth0, to: eth1, protocol: ' +
        protocol +
        ' }]',
      `vms.vm0.nf={ kind: firewall, default: allow, rules: ${rules} }`,
    ]);
    const [udp, other] = phases[0].streams;
    expect(udp.deliveredFrames).toBeGreaterThan(480);
    expect(other.deliveredFrames).toBe(0);
    expect(phases[0].drops.map(({ counter }) => counter)).toEqual([`nf_denied_no_${protocol}`]);
  });
});

it('TCP segments are balanced over backends', async () => {
  const result = await run('kvm-forum-2014', [
    'traffic.streams=[{ name: out, from: eth0, to: eth1, protocol: tcp, destination: "198.18.0.100:80" }]',
    'vms.vm0.nf={ kind: load-balancer, virtual: "198.18.0.100:80", backends: ' +
      '[{ endpoint: "198.18.1.20:8080" }, { endpoint: "198.18.1.21:8080" }] }',
  ]);
  expect(lossOf(result, 'out')).toBe(0);
  const { nf_to_backend0: first, nf_to_backend1: second } = result.phases[0].counters['vm0/vcpu0'];
  expect(first).toBeGreaterThan(300);
  expect(second).toBeGreaterThan(300);
});

it('echo requests are answered by a server', async () => {
  const result = await run('server', ['traffic.protocol=icmp']);
  expect(result.phases[0].total.lossRatio).toBe(0);
});
