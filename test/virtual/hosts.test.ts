/** Hosts with several softirq CPUs, and several hosts in one run. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario, parseScenario } from '../../src/plan/load-scenario.ts';
import type { Plan } from '../../src/runtime/plan.ts';

function planOf(text: string): Plan {
  return buildPlan(parseScenario(text, 'hosts.yaml'));
}

async function run(text: string): Promise<RunResult> {
  const scenario = parseScenario(
    `run: { warmup: 100ms, settle: 200ms, sampleInterval: 500ms }\n${text}`,
    'hosts.yaml',
    {
      overrides: ['run.phases=[{name: only, duration: 500ms}]'],
    },
  );
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  // Frames flooded before an address is learnt reach stations they are not for.
  expect(result.integrity).toMatchObject({ corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
  return result;
}

describe('softirq CPUs', () => {
  it('are one thread each, on a virtual CPU each, and share the ports', async () => {
    const result = await run('host: { softirqCpus: 2 }\ntraffic: { rate: 100kpps }\n');
    const cores = new Map(result.threads.map(({ name, core }) => [name, core]));
    expect(cores.get('softirq0')).not.toBe(cores.get('softirq1'));
    expect(cores.get('vhost-vnic1')).toBe(cores.get('softirq1'));
    expect(result.counters.softirq0.rx_packets).toBeGreaterThan(20_000);
    expect(result.counters.softirq1.rx_packets).toBeGreaterThan(20_000);
    expect(result.phases[0].total.droppedFrames).toBe(0);
  });

  it('carry more than one does', async () => {
    const delivered = async (cpus: number): Promise<number> => {
      const result = await run(`host: { softirqCpus: ${cpus}, threadedNapi: true }\ntraffic: { rate: 300kpps }\n`);
      return result.phases[0].total.deliveredFrames;
    };
    expect(await delivered(2)).toBeGreaterThan(1.5 * (await delivered(1)));
  });

  it('steer frames that come in on another CPU than the bridge is worked on, both ways', async () => {
    const result = await run(
      'host: { softirqCpus: 3 }\nports: [{ name: eth0, cpu: 0 }, { name: eth1, cpu: 1 }]\n' +
        'bridges: [{ name: br0, ports: [eth0, eth1, tap0, tap1] }]\n' +
        'vms: [{ name: vm0, nics: [{ name: a, tap: { name: tap0 } }, { name: b, tap: { name: tap1 }, vhost: { cpu: 2 } }],\n' +
        '  nf: { routes: [{ prefix: 198.18.0.0/24, nic: a, gatewayMac: "02:00:00:00:00:01" },\n' +
        '    { prefix: 198.18.1.0/24, nic: b, gatewayMac: "02:00:00:00:00:02" }] } }]\n' +
        'traffic: { rate: 40kpps, streams: [{ from: eth0, to: eth1, via: a }, { from: eth1, to: eth0, via: b }] }\n',
    );
    expect(result.phases[0].total.deliveredFrames).toBeGreaterThan(15_000);
    expect(result.counters.softirq0.backlog_packets).toBeGreaterThan(result.counters.softirq1.rx_packets);
    expect(result.counters.softirq2.backlog_packets).toBeGreaterThan(0);
  });

  it('take the receive queues of one port in turn', async () => {
    const queues = 'ports: [{ name: eth0, rxQueues: 2 }, { name: eth1 }]\ntraffic: { rate: 80kpps }\n';
    const result = await run(`host: { softirqCpus: 2 }\n${queues}`);
    expect(result.phases[0].total.droppedFrames).toBe(0);
    // eth0's second vector goes to CPU 1, and its frames from there to br0, which CPU 0 works on.
    expect(result.counters.softirq1.rx_packets).toBeGreaterThan(1.2 * result.counters.eth1.rx_packets);
    expect(result.counters.softirq0.backlog_packets).toBeGreaterThan(result.counters['vhost-vnic0'].tx_packets);
  });

  it('drop what the backlog of the bridge CPU has no room for, and say where', async () => {
    const result = await run(
      'host: { softirqCpus: 2, softirq: { backlog: 10 } }\nports: [{ name: eth0, cpu: 0 }, { name: eth1, cpu: 1 }]\n' +
        'bridges: [{ name: br0, ports: [eth0, eth1, tap0, tap1] }]\n' +
        'traffic: { rate: 800kpps, streams: [{ from: eth1, to: eth0, via: vnic1 },\n' +
        '  { from: eth0, to: eth1, via: vnic0, rate: 1kpps }] }\n',
    );
    expect(result.counters.softirq1.rx_backlog_dropped).toBeGreaterThan(0);
    expect(result.verdict).toContain('softirq0, which must empty the backlog');
  });
});

describe('hosts', () => {
  const TWO =
    'host: { kernel: linux-6.5 }\nhosts: [{ name: one }, { name: two, kernel: linux-3.13, softirqCpus: 2 }]\n' +
    'ports: [{ name: a0, host: one }, { name: a1, host: one }, { name: b0, host: two }, { name: b1, host: two }]\n' +
    'bridges: [{ name: bra0, ports: [a0, t0] }, { name: bra1, ports: [a1, t1] },\n' +
    '  { name: brb0, host: two, ports: [b0, t2] }, { name: brb1, host: two, ports: [b1, t3] }]\n' +
    'vms:\n' +
    '  - { name: vma, nics: [{ name: va0, tap: { name: t0 } }, { name: va1, tap: { name: t1 } }] }\n' +
    '  - { name: vmb, host: two, nics: [{ name: vb0, tap: { name: t2 } }, { name: vb1, tap: { name: t3 } }] }\n' +
    'traffic: { rate: 80kpps, streams: [{ from: a0, to: a1 }, { from: b0, to: b1 }] }\n';

  it('have memory, slots and softirq CPUs of their own', () => {
    const plan = planOf(TWO);
    const buffersOf = (name: string) => plan.threads.find((thread) => thread.name === name)!.buffers;
    expect(buffersOf('one/softirq0')).toContain('host:one');
    expect(buffersOf('one/softirq0')).not.toContain('host:two');
    expect(buffersOf('vhost-vb0')).toContain('host:two');
    expect(buffersOf('vhost-vb0')).not.toContain('host:one');
    expect(
      plan.threads.filter(({ softirq }) => softirq !== null).map(({ name, cpu, cpus }) => [name, cpu, cpus]),
    ).toEqual([
      ['one/softirq0', 0, [0]],
      ['two/softirq0', 1, [1, 2]],
      ['two/softirq1', 2, [1, 2]],
    ]);
    expect(plan.threads[0].ticks.map(({ lines }) => lines.length)).toEqual([1, 2]);
  });

  it('run side by side, each by its own rules', async () => {
    const result = await run(TWO);
    const [one, two] = result.phases[0].streams;
    expect(one.deliveredFrames).toBeGreaterThan(15_000);
    expect(two.deliveredFrames).toBeGreaterThan(15_000);
    expect(result.scenario.hosts.map(({ kernel, tunReceive }) => [kernel, tunReceive])).toEqual([
      ['linux-6.5', 'direct'],
      ['linux-3.13', 'backlog'],
    ]);
    expect(result.ledger.slots.foundOnce).toBe(result.ledger.slots.total);
  });

  it('are wired to each other, and every frame on the wire between them is accounted for', async () => {
    const scenario = loadScenario('network-appliance', {
      overrides: ['expect=[]', 'run.warmup=100ms', 'run.phases=[{ name: calm, rate: 1kpps, duration: 500ms }]'],
    });
    const plan = buildPlan(scenario);
    expect(plan.threads.flatMap(({ actors }) => actors.map(({ name }) => name))).not.toContain('generator-eth1');
    expect(plan.wires.map(({ name }) => name)).toEqual([
      'eth0.wire-in',
      'eth1.wire-in',
      'srv0.wire-in',
      'eth0.wire-out',
    ]);
    const result = await runScenario(scenario, new VirtualHost(plan), { signal: new AbortController().signal });
    expect(result.ledger.faults).toEqual([]);
    expect(result.counters.srv0.rx_packets).toBe(result.counters.eth1.tx_packets);
    expect(result.counters.eth1.rx_packets).toBe(result.counters.srv0.tx_packets);
    expect(result.phases[0].streams[0].lossRatio).toBe(0);
    expect(result.phases[0].latency.map(({ stream, summary }) => [stream, summary === null])).toEqual([
      ['requests', false],
      ['attack', true],
    ]);
  });

  it.each([
    ['links: [{ from: eth0, to: eth9 }]', 'no port "eth9", allowed: eth0, eth1'],
    ['links: [{ from: eth0, to: eth0 }]', 'found "eth0" a second time, allowed: one end of a link of that name'],
    [
      'ports: [{ name: eth0, speed: 10Gbps }, { name: eth1 }, { name: eth2 }]\nlinks: [{ from: eth0, to: eth1 }]\n' +
        'bridges: [{ name: br0, ports: [eth0, eth1, eth2, tap0, tap1, tap2] }]',
      'eth0 and eth1 differ in speed, allowed: ports of the same speed',
    ],
    [
      'ports: [{ name: eth0 }, { name: eth1 }, { name: eth2 }]\nlinks: [{ from: eth0, to: eth1 }]\n' +
        'bridges: [{ name: br0, ports: [eth0, eth1, eth2, tap0, tap1, tap2] }]\n' +
        'traffic: { streams: [{ from: eth0, to: eth2, via: vnic0 }] }',
      'eth0 is wired to eth1, allowed: eth2',
    ],
    [
      'ports: [{ name: eth0 }, { name: eth1 }, { name: eth2 }]\nlinks: [{ from: eth1, to: eth2 }]\n' +
        'bridges: [{ name: br0, ports: [eth0, tap0] }, { name: br1, ports: [eth1, tap1] }, { name: br2, ports: [eth2, tap2] }]\n' +
        'vms: [{ name: vm0, nf: { routes: [{ prefix: 198.18.9.0/24, nic: vnic1 }] } }]',
      "no station on the wire of vnic1 to be the next hop, allowed: a MAC address such as a vNIC's",
    ],
    ['ports: [{ name: eth0, host: moon }]', 'no host "moon", allowed: host'],
    ['hosts: [{ name: a }, { name: a }]', 'found "a" a second time, allowed: one host of that name'],
    ['ports: [{ name: eth0, cpu: 1 }, { name: eth1 }]', 'found 1, allowed: auto, or 0 to 0 (softirqCpus of host)'],
    [
      'hosts: [{ name: a }, { name: b }]\nports: [{ name: eth0 }, { name: eth1, host: b }]',
      '"eth1" is on b, allowed: members on a',
    ],
  ])('%s is refused', (text, message) => {
    expect(() => parseScenario(text, 'hosts.yaml')).toThrow(message);
  });
});
