import { describe, expect, test } from 'vitest';
import { buildKernelPlan } from '../../../src/plan/kernel/kernel-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { modesWhere } from '../../../src/scenario/modes.ts';
import { kernelScenario } from '../../../src/scenario/rules/kernel-host.ts';

const load = (...overrides: string[]) => loadScenario('livelock', { overrides });

/** What is refused, without the reasons. */
function refused(name: string, ...overrides: string[]): string {
  try {
    kernelScenario(loadScenario(name, { overrides }));
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

const SERVED = modesWhere(({ kernelObstacle }) => kernelObstacle === null).join(', ');

describe('a scenario for the kernel host', () => {
  test('pays nothing for what the kernel does itself, and as before for guest and hypervisor', () => {
    const asked = load('host.costs=linux').hosts[0].costs.table;
    const { table } = kernelScenario(load('host.costs=linux')).hosts[0].costs;
    expect([table.nicRx, table.bridge, table.tapEnqueue, table.vhostRx, table.qemuSyscall]).toEqual([0, 0, 0, 0, 0]);
    expect([table.guestRx, table.kickExit]).toEqual([asked.guestRx, asked.kickExit]);
    expect(asked.nicRx).toBeGreaterThan(0);
  });

  test.each([
    ['accelerated', `vms.vm0.nics.vnic0.mode: found "accelerated", allowed: ${SERVED}; `],
    ['feedback', `vms.vm0.nics.vnic0.mode: found "vhost-feedback", allowed: ${SERVED}; `],
    ['direct', `vms.vm0.nics.vnic0.mode: found "direct", allowed: ${SERVED}; `],
    ['vlans', 'vlan: found '],
    ['multiqueue-vhost', 'queues: found '],
    ['autoscale', 'run.autoscale: found a list, allowed: none'],
  ])('%s is refused with place, what was found, what is allowed and why', (name, sentence) => {
    const message = refused(name);
    expect(message).toContain(sentence);
    for (const line of message.split('\n')) expect(line).toMatch(/^--host kernel: [\w.-]+: found .+, allowed: .+; .+/);
  });

  test('may have its ports polled by threads', () => {
    expect(buildKernelPlan(kernelScenario(load('host.threadedNapi=true'))).layout.threadedNapi).toBe(true);
    expect(buildKernelPlan(kernelScenario(load())).layout.threadedNapi).toBe(false);
  });

  test('names devices as the kernel can name them', () => {
    const names = ['ports.0.name=a-port-too-long', 'bridges.0.ports=[a-port-too-long,tap0]', 'expect=[]'];
    expect(refused('livelock', ...names)).toContain('found "a-port-too-long", allowed: 13 characters');
  });

  test('becomes ports, bridges and taps of the kernel, with no NIC, softirq, bridge or tap of ours', () => {
    const { plan, layout } = buildKernelPlan(kernelScenario(load('vms.0.nics.0.tap.queue=123')));
    expect(layout.bridges.map(({ name, ports, taps }) => [name, ports[0].name, taps[0].name])).toEqual([
      ['br0', 'eth0', 'tap0'],
      ['br1', 'eth1', 'tap1'],
    ]);
    expect(layout.bridges[0].taps[0].queueFrames).toBe(123);
    const kinds = new Set<string>(plan.threads.flatMap(({ actors }) => actors.map(({ spec }) => spec.kind)));
    for (const kind of ['nic', 'softirq', 'bridge', 'tap']) expect(kinds).not.toContain(kind);
    for (const kind of ['packet-socket', 'tun-file', 'vhost', 'vcpu', 'kernel-tap']) expect(kinds).toContain(kind);
  });

  test('is laid out in the same way every time', () => {
    expect(buildKernelPlan(kernelScenario(load()))).toEqual(buildKernelPlan(kernelScenario(load())));
  });
});
