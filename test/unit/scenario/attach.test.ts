import { describe, expect, test } from 'vitest';
import { buildKernelPlan } from '../../../src/plan/kernel/kernel-plan.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import type { Plan } from '../../../src/runtime/plan.ts';
import { attachPrograms } from '../../../src/scenario/attach.ts';
import type { EndSpec } from '../../../src/scenario/attach.ts';
import { kernelScenario } from '../../../src/scenario/rules/kernel-host.ts';

const attach = (name: string, ...overrides: string[]) => attachPrograms(loadScenario(name, { overrides }), Infinity);

/** What is refused. */
function refused(name: string, ...overrides: string[]): string {
  try {
    attach(name, ...overrides);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

const kindsOf = ({ threads }: Plan): Set<string> =>
  new Set(threads.flatMap(({ actors }) => actors.map(({ spec }) => spec.kind)));

describe('real programs at the ends of a scenario', () => {
  test('are where its stations were, with the guest as their way', () => {
    const [near, far] = attach('livelock').ends;
    expect(near).toMatchObject({
      port: 'eth0',
      mac: '02:00:00:00:00:01',
      address: '198.18.0.10/24',
      gateway: '198.18.0.1',
      neighbours: [{ address: '198.18.0.1', mac: '52:54:00:00:00:01' }],
      target: { address: '198.18.1.10', port: 'eth1' },
    } satisfies Partial<EndSpec>);
    expect(far).toMatchObject({ address: '198.18.1.10/24', target: { address: '198.18.0.10', port: 'eth0' } });
  });

  test('know every vNIC on their wire, and send to whom the scenario sends', () => {
    const [inside, outside] = attach('nat44').ends;
    expect(inside.target).toEqual({ address: '198.18.1.10', port: 'eth1' });
    expect(outside.neighbours.map(({ address }) => address)).toEqual(['198.18.1.1', '198.18.1.2']);
    const [client] = attach('co-located').ends;
    expect(client.gateway).toBe('198.18.0.1');
  });

  test('find no traffic of the scenario, and nothing to be met', () => {
    const { scenario } = attach('firewall');
    expect(scenario.run.phases.map(({ name, durationNs }) => [name, durationNs])).toEqual([['attached', Infinity]]);
    expect([scenario.traffic.streams, scenario.traffic.connections, scenario.expect]).toEqual([[], [], []]);
  });

  test('have the hardware take turns with them, unless the scenario says otherwise', () => {
    const niceOf = (...overrides: string[]): (number | null)[] =>
      attach('livelock', ...overrides).scenario.placement.threads.flatMap(({ match, nice }) =>
        match === 'hardware' ? [nice] : [],
      );
    expect(niceOf()).toEqual([0]);
    expect(niceOf('placement.threads={ hardware: { nice: 5 } }')).toEqual([5]);
  });

  test.each([
    ['vlans', 'vlan: found '],
    ['autoscale', 'run.autoscale: found a list, allowed: none'],
    ['scale-out', 'run.timeline: found a list, allowed: none'],
  ])('are refused %s with place, what was found, what is allowed and why', (name, sentence) => {
    const message = refused(name);
    expect(message).toContain(sentence);
    for (const line of message.split('\n')) expect(line).toMatch(/^attach: .+: found .+, allowed: .+; .+/);
  });

  test('need a port that the kernel can name', () => {
    const names = ['ports.0.name=lo', 'bridges.0.ports=[lo,tap0]', 'expect=[]'];
    expect(refused('livelock', ...names)).toContain('ports.lo.name: found "lo", allowed: 15 characters');
  });

  test('are planned as taps on real threads, and as veth devices around the kernel, with no stations', () => {
    const { scenario, ends } = attach('livelock');
    const threads = buildPlan(scenario, ends);
    for (const kind of ['generator', 'sink', 'client']) expect(kindsOf(threads)).not.toContain(kind);
    expect(threads.ends.map(({ name, tap }) => [name, tap?.descriptor])).toEqual([
      ['end-eth0', 'eth0'],
      ['end-eth1', 'eth1'],
    ]);
    const { plan: kernel, layout } = buildKernelPlan(kernelScenario(scenario), ends);
    for (const kind of ['packet-socket', 'tap-end', 'nic']) expect(kindsOf(kernel)).not.toContain(kind);
    expect(kernel.ends.map(({ tap }) => tap)).toEqual([null, null]);
    expect(layout.bridges.flatMap(({ ports }) => ports.map(({ socket }) => socket))).toEqual([null, null]);
    // Nothing is left for hardware to do.
    expect(kernel.threads.map(({ kind }) => kind)).not.toContain('hardware');
  });
});
