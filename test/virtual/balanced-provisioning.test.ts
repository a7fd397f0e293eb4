import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { PhaseResult, RunResult } from '../../src/experiment/run/run-result.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const BALANCED = fileURLToPath(new URL('../support/balanced-servers.yaml', import.meta.url));
const PROXIED = fileURLToPath(new URL('../support/proxied-servers.yaml', import.meta.url));
/** The second server comes in the middle of the second phase and goes in the middle of the fourth. */
const PHASES = ['alone', 'growing', 'both', 'shrinking', 'alone-again'];
const COURSE = [
  'run.warmup=200ms',
  `run.phases=[${PHASES.map((name) => `{name: ${name}, duration: 500ms}`).join()}]`,
  'run.timeline=[{at: 1700ms, add: web1}, {at: 3700ms, remove: web1}]',
];

const run = (...overrides: readonly string[]): Promise<RunResult> => runOf(BALANCED, overrides);

function runOf(path: string, overrides: readonly string[] = []): Promise<RunResult> {
  const scenario = loadScenario(path, { overrides: [...COURSE, ...overrides] });
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  return runScenario(scenario, host, { signal: new AbortController().signal });
}

const toSecond = ({ counters }: PhaseResult): number => counters['lb/vcpu0'].nf_to_backend1;
/** In one phase a few frames more are under way at one end than at the other. */
const lost = ({ streams: [{ sentFrames, deliveredFrames }] }: PhaseResult): number => sentFrames - deliveredFrames;
const lostInAll = ({ counters }: RunResult): number =>
  counters['generator-eth0'].tx_requests - counters['sink-eth0'].rx_requests;

describe('a server behind a load balancer that comes and goes', () => {
  it('takes connections when it is up and none before; it goes when its last connection has', async () => {
    const result = await run();
    expect(result.ledger.faults).toEqual([]);
    const [alone, growing, both, shrinking, again] = result.phases;
    expect(lostInAll(result)).toBe(0);
    expect(result.phases.flatMap(({ drops }) => drops.filter(({ place }) => place !== 'guest'))).toEqual([]);
    expect([toSecond(alone), toSecond(again)]).toEqual([0, 0]);
    expect(toSecond(growing)).toBeGreaterThan(1000);
    expect(toSecond(both)).toBeGreaterThan(1900);
    expect(toSecond(shrinking)).toBeGreaterThan(500);
    expect(result.counters['lb/vcpu0'].nf_no_backend).toBe(0);
    expect(result.counters['lb/vcpu0'].nf_connections_moved).toBe(0);

    const [add, remove] = result.provisioning;
    expect(add).toMatchObject({ vm: 'web1', order: 'add', drain: null, droppedFrames: 0 });
    expect(remove).toMatchObject({ vm: 'web1', order: 'remove', drain: { connectionsLeft: 0 }, droppedFrames: 0 });
    // Idle for 200 ms, and then found by a walk through the table.
    expect(remove.drain!.tookNs).toBeGreaterThan(200e6);
    expect(remove.drain!.tookNs).toBeLessThan(300e6);
  });

  it('has its lasting connections moved to another when its drain time is over, and loses none of their packets', async () => {
    // 512 flows whose connections are never idle: those there are at first stay with the first server.
    const result = await run('traffic.flows=512', 'vms.lb.nf.idleTimeout=10s', 'vms.web1.drainTime=150ms');
    const [, , both] = result.phases;
    expect(toSecond(both)).toBe(0);
    expect(result.counters['lb/vcpu0'].nf_connections_created).toBe(512);
    expect(result.provisioning.map(({ order, tookNs }) => [order, tookNs === null])).toEqual([
      ['add', true],
      ['remove', false],
    ]);

    // Both from the start: half of the connections are the second's, and have to move.
    const moved = await run(
      ...['traffic.flows=512', 'vms.lb.nf.idleTimeout=10s', 'vms.web1.drainTime=150ms', 'vms.web1.present=true'],
      'run.timeline=[{at: 3700ms, remove: web1}]',
    );
    expect(moved.ledger.faults).toEqual([]);
    expect(lostInAll(moved)).toBe(0);
    const [{ drain, droppedFrames }] = moved.provisioning;
    expect(drain!.tookNs).toBe(150e6);
    expect(drain!.connectionsLeft).toBeGreaterThan(200);
    expect(moved.counters['lb/vcpu0'].nf_connections_moved).toBe(drain!.connectionsLeft);
    expect(droppedFrames).toBe(0);
    expect(toSecond(moved.phases[4])).toBe(0);
  });

  it('refuses new connections where none of the servers is there, and says so', async () => {
    const result = await run('vms.web0.present=false');
    const [alone, , both] = result.phases;
    expect(alone.drops).toMatchObject([{ actor: 'lb/vcpu0', counter: 'nf_no_backend' }]);
    expect(alone.streams[0].deliveredFrames).toBe(0);
    expect(lost(both)).toBeLessThan(5);
  });

  it('is drained all the same where the balancer has a vCPU that never receives a frame', async () => {
    const result = await run('vms.lb.vcpus=3', 'vms.lb.nics.vnic0.vcpu=0', 'vms.lb.nics.vnic1.vcpu=1');
    expect(lostInAll(result)).toBe(0);
    const [, { drain }] = result.provisioning;
    expect(drain!.connectionsLeft).toBe(0);
    expect(drain!.tookNs).toBeLessThan(400e6);
  });

  it('is drained by a phase as well, and is not put back by it while it is not there', async () => {
    const phases = 'run.phases=[{name: a, duration: 100ms, drained: ["198.18.1.2:53"]}, {name: b, duration: 100ms}]';
    const {
      phases: [a, b],
    } = await run(phases, 'run.timeline=[]', 'vms.lb.nf.idleTimeout=10ms');
    expect(a.drops[0]).toMatchObject({ counter: 'nf_no_backend' });
    expect([lost(b) < 5, toSecond(b)]).toEqual([true, 0]);
  });
});

describe('a server behind a proxy that comes and goes', () => {
  const toSecondServer = ({ counters }: PhaseResult): number => counters['adc/vcpu0'].tcp_to_backend1;

  it('takes requests when it is up and none before, and every connection of a client completes', async () => {
    const result = await runOf(PROXIED);
    expect(result.ledger.faults).toEqual([]);
    const [alone, growing, both, shrinking, again] = result.phases;
    expect([toSecondServer(alone), toSecondServer(again)]).toEqual([0, 0]);
    expect(toSecondServer(growing)).toBeGreaterThan(100);
    expect(toSecondServer(both)).toBeGreaterThan(200);
    expect(toSecondServer(shrinking)).toBeGreaterThan(50);
    const { connections_started: started, connections_completed: completed } = result.counters['client-eth0'];
    expect(started).toBeGreaterThan(4000);
    expect(completed).toBe(started);
    // Nothing lasts longer than a response takes.
    const [, { drain, droppedFrames }] = result.provisioning;
    expect(drain!.connectionsLeft).toBe(0);
    expect(drain!.tookNs).toBeLessThan(20e6);
    expect(droppedFrames).toBe(0);
    expect(result.counters['web1/vcpu0'].tcp_retransmissions).toBe(0);
  });

  it('has its clients reset at once where none of the servers is there', async () => {
    const result = await runOf(PROXIED, ['vms.web0.present=false']);
    const [alone, , both] = result.phases;
    expect(alone.connections[0].completed).toBe(0);
    expect(alone.connections[0].failures).toContainEqual(
      expect.objectContaining({ counter: 'failed_reset', connections: alone.counters['adc/vcpu0'].tcp_no_backend }),
    );
    expect(both.connections[0].completed).toBeGreaterThan(490);
  });
});
