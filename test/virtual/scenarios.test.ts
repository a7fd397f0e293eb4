import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { verdictText } from '../../src/experiment/tell/verdict-text.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { shippedScenarios } from '../../src/scenario/file.ts';
import { withShortPhases } from '../support/short-phases.ts';

/** A second of a phase is enough here, as there is no noise to average out. */
const PHASE_NS = 1e9;
const OVERRIDES = ['run.warmup=200ms', 'run.settle=200ms', 'run.sampleInterval=500ms'];

/** What is changed, and the scenarios that say what must follow. */
const SCENARIOS_OF_CAUSES: Readonly<Record<string, readonly string[]>> = {
  'offered load to four times the loss-free rate': ['livelock', 'livelock-linux-6-5'],
  'threaded NAPI': ['threaded-napi'],
  'the guard of linux-4.9': ['ksoftirqd-guard'],
  'cores of their own for vhost and vCPU': ['own-cores'],
  'a slow guest': ['slow-guest'],
  'feedback from the tap': ['feedback'],
  'two VMs behind one port, with feedback': ['noisy-neighbour-feedback'],
  'two VMs behind one port, accelerated': ['noisy-neighbour-accelerated'],
  'an accelerated guest that stops refilling': ['stopped-guest'],
  'a longer tap queue': ['long-tap-queue'],
  'softirq, bridge and tap passed by': ['accelerated', 'direct'],
};

function runVirtually(name: string, overrides: readonly string[] = []): Promise<RunResult> {
  const scenario = withShortPhases(loadScenario(name, { overrides: [...OVERRIDES, ...overrides] }), PHASE_NS);
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  return runScenario(scenario, host, { signal: new AbortController().signal });
}

function delivered(result: RunResult, phase: string): number {
  return result.phases.find(({ name }) => name === phase)!.total.deliveredFrames;
}

describe('each cause, on the virtual host', () => {
  const experiments = shippedScenarios();

  it.each(Object.entries(SCENARIOS_OF_CAUSES))('has a scenario for: %s', (_, names) => {
    expect(experiments).toEqual(expect.arrayContaining([...names]));
  });

  it.each(experiments)('%s: the ledger balances and what is expected comes out', async (name) => {
    const result = await runVirtually(name);
    expect(result.expectations.length).toBeGreaterThan(0);
    expect(result.ledger.faults).toEqual([]);
    expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
    const unmet = result.expectations.filter(({ passed }) => passed !== true).map(({ text }) => text);
    expect(unmet).toEqual([]);
  });
});

describe('changing one thing', () => {
  it('the guard of 4.9 leaves at least three times as much of a flood as 3.13 does', async () => {
    const flood = ['expect=[]', 'run.phases=[{name: flood, rate: 600kpps, duration: 1s}]'];
    const unguarded = await runVirtually('kvm-forum-2014', flood);
    const guarded = await runVirtually('kvm-forum-2014', [...flood, 'host.kernel=linux-4.9']);
    expect(delivered(guarded, 'flood')).toBeGreaterThanOrEqual(3 * delivered(unguarded, 'flood'));
  });

  it('feedback with a stopped guest leaves the port masked, and a timeout opens it again', async () => {
    const stopped = ['expect=[]', 'run.phases=[{name: stopped, rate: 80kpps, duration: 1s, stopped: [vm0]}]'];
    const timeout = ['vms.vm0.nics.vnic0.feedback.timeout=50ms', 'vms.vm0.nics.vnic1.feedback.timeout=50ms'];
    const forEver = await runVirtually('feedback', stopped);
    // The mask holds until the end of the run, and the phase was over before anyone could have ended it.
    const [{ counters, elapsedNs }] = forEver.phases;
    expect(counters.eth0.feedback_masked_ns).toBeGreaterThan(0.9 * elapsedNs);
    expect(counters.eth0.feedback_masked_ns).toBeLessThan(1.001 * elapsedNs);
    expect(verdictText(forEver)).toMatch(/tap\d had eth\d masked \S+ % of the time/);
    const reopened = await runVirtually('feedback', [...stopped, ...timeout]);
    expect(forEver.counters.eth0.feedback_timeouts).toBe(0);
    expect(reopened.counters.eth0.feedback_timeouts).toBeGreaterThan(5);
    expect(reopened.phases[0].counters.eth0.feedback_masked_ns).toBeGreaterThan(0.9 * elapsedNs);
    expect(verdictText(reopened)).toMatch(/tap\d had eth\d masked \S+ % of the time/);
    expect(forEver.ledger.faults).toEqual([]);
    expect(reopened.ledger.faults).toEqual([]);
  });

  it('an attacked appliance leaves the server behind it more with feedback, and everything when accelerated', async () => {
    const goodput = async (mode: string): Promise<number> => {
      const nics = ['fw.nics.fw0', 'fw.nics.fw1', 'web.nics.web0'].map((nic) => `vms.${nic}.mode=${mode}`);
      const result = await runVirtually('network-appliance', ['expect=[]', ...nics]);
      expect(result.ledger.faults).toEqual([]);
      return result.phases.find(({ name }) => name === 'flood')!.streams[0].deliveredFrames;
    };
    const [existing, feedback, accelerated] = [
      await goodput('vhost'),
      await goodput('vhost-feedback'),
      await goodput('accelerated'),
    ];
    expect(feedback).toBeGreaterThan(2 * existing);
    expect(accelerated).toBeGreaterThan(1.5 * feedback);
    expect(accelerated).toBeGreaterThan(19_900);
  });

  it('a server that is stopped costs its own clients their connections, and no others', async () => {
    const timeout = 'vms.adc.nf.backendTimeout=300ms';
    const phases = 'run.phases=[{name: one, connections: 500cps, duration: 1s, stopped: [web0]}]';
    const result = await runVirtually('adc', ['expect=[]', timeout, phases]);
    const [{ completed, failures }] = result.phases[0].connections;
    const { tcp_backend_expired, tcp_to_backend0, tcp_to_backend1 } = result.counters['adc/vcpu0'];
    expect(tcp_backend_expired).toBeGreaterThan(50);
    expect(tcp_backend_expired).toBeLessThanOrEqual(tcp_to_backend0);
    expect(result.counters['web1/vcpu0'].tcp_served).toBe(tcp_to_backend1);
    expect(completed).toBeGreaterThan(300);
    expect(failures.filter(({ connections }) => connections > 0).map(({ counter }) => counter)).toEqual([
      'failed_reset',
    ]);
    expect(result.ledger.faults).toEqual([]);
  });

  it('a server that was never there costs nobody anything: the other has its clients', async () => {
    const phases = 'run.phases=[{name: one, connections: 500cps, duration: 1s}]';
    const result = await runVirtually('adc', ['expect=[]', phases, 'vms.web0.present=false']);
    const { connections_started, connections_completed } = result.counters['client-eth0'];
    expect(connections_started).toBeGreaterThan(500);
    expect(connections_completed).toBe(connections_started);
    expect(result.counters['adc/vcpu0'].tcp_to_backend0).toBe(0);
    expect(result.ledger.faults).toEqual([]);
  });

  it('a vhost vNIC beside an accelerated one: the guest forwards between them all the same', async () => {
    const result = await runVirtually('kvm-forum-2014', [
      'expect=[]',
      'run.phases=[{name: mixed, rate: 80kpps, duration: 1s}]',
      'vms.vm0.nics.vnic1.mode=accelerated',
    ]);
    expect(result.phases[0].total.droppedFrames).toBe(0);
    expect(result.counters['vhost-vnic1'].tx_to_hardware).toBeGreaterThan(0);
    expect(result.counters['vhost-vnic0'].tx_to_stack).toBeGreaterThan(0);
    expect(result.ledger.faults).toEqual([]);
  });
});
