import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { COST_PROFILES } from '../../../src/scenario/profiles/cost-profiles.ts';
import { loadScenario, parseScenario } from '../../../src/plan/load-scenario.ts';
import { shippedScenarios } from '../../../src/scenario/file.ts';
import { VNIC_MODES } from '../../../src/scenario/modes.ts';
import { portLoads, streamRatesFps } from '../../../src/scenario/stream-rates.ts';
import { threadSettings } from '../../../src/scenario/names.ts';

const parse = (text: string) => parseScenario(text, 'some/where/little.yaml');

describe('a scenario that says nothing', () => {
  it.each(['', '{}', '# only a comment\n'])('runs: %j', (text) => {
    const scenario = parse(text);
    expect(scenario.name).toBe('little');
    expect(scenario.bridges).toEqual([
      { name: 'br0', host: 'host', cpu: 0, ports: ['eth0'], taps: ['tap0'], ageingNs: 300e9 },
      { name: 'br1', host: 'host', cpu: 0, ports: ['eth1'], taps: ['tap1'], ageingNs: 300e9 },
    ]);
    expect(scenario.traffic.streams.map(({ name, via }) => [name, via])).toEqual([
      ['eth0-to-eth1', 'vnic0'],
      ['eth1-to-eth0', 'vnic1'],
    ]);
    expect(scenario.run.phases).toEqual([
      {
        name: 'steady',
        rate: { kind: 'frames', perSecond: 100_000 },
        connectionsPerSecond: null,
        durationNs: 10e9,
        stoppedVms: [],
        drainedBackends: [],
      },
    ]);
  });

  it('routes each network to the vNIC on its bridge, by the station on the wire', () => {
    const { ports, vms } = parse('');
    expect(vms[0].nf.routes).toEqual([
      { prefix: '198.18.0.0/24', nic: 'vnic0', gatewayMac: ports[0].mac },
      { prefix: '198.18.1.0/24', nic: 'vnic1', gatewayMac: ports[1].mac },
    ]);
    expect(vms[0].nics.map(({ ip, vcpu }) => [ip, vcpu])).toEqual([
      ['198.18.0.1/24', 0],
      ['198.18.1.1/24', 1],
    ]);
  });

  it('is frozen to the bottom', () => {
    const scenario = parse('');
    expect(Object.isFrozen(scenario)).toBe(true);
    expect(Object.isFrozen(scenario.vms[0].nics[0].tap)).toBe(true);
    expect(Object.isFrozen(scenario.traffic.streams[0].frameBytes)).toBe(true);
  });

  it('survives JSON', () => {
    const scenario = parse('ports: [{ name: eth0, interruptRate: unlimited }]\n');
    expect(JSON.parse(JSON.stringify(scenario))).toEqual(scenario);
  });
});

describe('what follows from the kernel and HZ', () => {
  it.each([
    ['linux-3.13', false, 'backlog', 500, 'none', 1],
    ['linux-4.9', true, 'backlog', 1000, 'none', 1],
    ['linux-6.5', false, 'direct', 1000, 256, 64],
  ])('%s', (kernel, guard, tunReceive, queueFrames, packetWeight, batch) => {
    const { hosts, vms } = parse(`host: { kernel: ${kernel} }\n`);
    expect(hosts[0]).toMatchObject({ tunReceive, softirq: { ksoftirqdGuard: guard } });
    expect(vms[0].nics[0]).toMatchObject({ tap: { queueFrames }, vhost: { packetWeight, batch, byteWeight: 0x80000 } });
  });

  it.each([
    [100, 10e6, 20e6],
    [250, 4e6, 8e6],
    [1000, 2e6, 2e6],
  ])('%d Hz', (hz, maxTimeNs, budgetTimeNs) => {
    expect(parse(`host: { hz: ${hz} }\n`).hosts[0].softirq).toMatchObject({ maxTimeNs, budgetTimeNs });
  });

  it('yields to what the file says', () => {
    const { hosts, vms } = parse(
      'host: { kernel: linux-6.5, tunReceive: backlog, softirq: { ksoftirqdGuard: true, maxTime: 1ms } }\n' +
        'vms: [{ name: vm0, nics: [{ name: a, tap: { queue: 1000 }, vhost: { packetWeight: none } }, { name: b }] }]\n',
    );
    expect(hosts[0]).toMatchObject({ tunReceive: 'backlog', softirq: { ksoftirqdGuard: true, maxTimeNs: 1e6 } });
    expect(vms[0].nics[0]).toMatchObject({
      vhost: { packetWeight: 'none', batch: 64 },
      feedback: { highMark: 900, lowMark: 250, timeoutNs: 'none' },
    });
  });
});

describe('two VMs behind one port', () => {
  const text = 'ports: [{ name: eth0 }]\nvms: [{ name: v }, { name: w }]\n';

  it('share its bridge and network', () => {
    const { bridges, vms } = parse(`${text}traffic: { streams: [{ from: eth0, to: eth0, via: vnic1 }] }\n`);
    expect(bridges).toMatchObject([{ ports: ['eth0'], taps: ['tap0', 'tap1'] }]);
    expect(vms.flatMap(({ nics }) => nics.map(({ name, ip }) => [name, ip]))).toEqual([
      ['vnic0', '198.18.0.1/24'],
      ['vnic1', '198.18.0.2/24'],
    ]);
  });

  it('hold modes of their own', () => {
    const mixed = text.replace('{ name: w }', '{ name: w, nics: [{ name: fast, mode: accelerated }] }');
    const { vms } = parse(`${mixed}traffic: { streams: [{ from: eth0, to: eth0, via: fast }] }\n`);
    expect(vms.map(({ nics }) => nics[0].mode)).toEqual(['vhost', 'accelerated']);
  });
});

it('keeps the tenth vNIC on a wire clear of the stations there', () => {
  const vms = Array.from({ length: 64 }, (_, v) => `{ name: vm${v} }`).join(', ');
  const { vms: machines } = parse(
    `ports: [{ name: eth0 }]\nvms: [${vms}]\ntraffic: { streams: [{ from: eth0, to: eth0, via: vnic1 }] }\n`,
  );
  const addresses = machines.map(({ nics }) => nics[0].ip);
  expect(new Set(addresses).size).toBe(64);
  expect(addresses.slice(7, 11)).toEqual(['198.18.0.8/24', '198.18.0.9/24', '198.18.0.128/24', '198.18.0.129/24']);
});

describe('rates of streams', () => {
  const ports = 'ports: [{ name: a }, { name: b, speed: 10Gbps }]\n';

  it('share frames/s, and take a percentage of their own line', () => {
    const { ports: lines, traffic } = parse(ports);
    const rated = { ports: lines, streams: traffic.streams };
    expect(streamRatesFps(rated, { kind: 'frames', perSecond: 300_000 })).toEqual([150_000, 150_000]);
    expect(streamRatesFps(rated, { kind: 'lineRate', share: 1 }).map(Math.round)).toEqual([1_488_095, 14_880_952]);
    expect(portLoads(rated, { kind: 'lineRate', share: 1 })).toEqual(
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
    );
  });

  it('leave a stream with its own rate out of the sharing', () => {
    const own = '{ name: y, from: b, to: a, rate: 5kpps }, { name: z, from: a, to: b, frameSize: 1518 }';
    const { ports: lines, traffic } = parse(`${ports}traffic: { streams: [{ from: a, to: b }, ${own}] }\n`);
    const rated = { ports: lines, streams: traffic.streams };
    expect(streamRatesFps(rated, { kind: 'frames', perSecond: 10_000 })).toEqual([5_000, 5_000, 5_000]);
    expect(streamRatesFps(rated, { kind: 'lineRate', share: 1 }).map(Math.round)).toEqual([744_048, 5_000, 40_637]);
  });
});

describe('threads', () => {
  it('take settings of their kind, and over them those of their name', () => {
    const threads =
      '{ bridge: own, vhost: { core: 1, nice: 5 }, vhost-vnic1: { core: 2, policy: fifo }, softirq0: { core: 0 } }';
    const { placement } = parse(`placement: { threads: ${threads} }\n`);
    expect(threadSettings(placement, 'bridge', 'br1', null)).toEqual({
      own: true,
      core: null,
      policy: null,
      nice: null,
    });
    expect(threadSettings(placement, 'vhost', 'vhost-vnic0', null)).toEqual({
      own: false,
      core: 1,
      policy: null,
      nice: 5,
    });
    expect(threadSettings(placement, 'vhost', 'vhost-vnic1', null)).toEqual({
      own: false,
      core: 2,
      policy: 'fifo',
      nice: 5,
    });
    expect(threadSettings(placement, 'tap', 'tap0', null).own).toBe(false);
  });

  it.each(VNIC_MODES)('of a VM are placed by its name, whatever moves its frames in mode %s', (mode) => {
    const overrides = ['0', '1'].map((nic) => `vms.vm0.nics.${nic}.mode=${mode}`);
    const placement = 'placement: { threads: { vhost: { core: 4 }, vm0: { core: 2, nice: 3 }, vm0/vmm: { core: 3 } } }';
    const { threads } = buildPlan(parseScenario(`${placement}\n`, 'x.yaml', { overrides }));
    const coresOf = (vm: string | null) => threads.filter((each) => each.vm === vm).map(({ core }) => core);
    const owned = threads.filter(({ vm }) => vm === 'vm0');
    expect(owned.length).toBeGreaterThan(1);
    for (const { name, core } of owned) expect(core, name).toBe(name === 'vm0/vmm' ? 3 : 2);
    expect(coresOf(null).every((core) => core === null)).toBe(true);
  });
});

describe('shipped scenarios', () => {
  it.each(shippedScenarios())('%s loads, under its own name', (name) => {
    expect(loadScenario(name).name).toBe(name);
  });

  it('kvm-forum-2014 is the test bed of the talk, at a load and as a flood of every port at 20 % of line rate', () => {
    const scenario = loadScenario('kvm-forum-2014');
    expect(scenario.ports.map(({ speedBps }) => speedBps)).toEqual([1e9, 1e9]);
    expect(scenario.vms).toMatchObject([{ vcpus: 2, nics: [{ mode: 'vhost' }, { mode: 'vhost' }] }]);
    expect(scenario.hosts[0].costs).toEqual({ inherit: 'linux', table: COST_PROFILES.linux });
    expect(scenario.run.phases.map(({ name }) => name)).toEqual(['comfortable', 'flood']);
    const rated = { ports: scenario.ports, streams: scenario.traffic.streams };
    expect(streamRatesFps(rated, scenario.run.phases[1].rate).map(Math.round)).toEqual([297_619, 297_619]);
  });

  it('charge a bridged frame what leaves 0.45 Mpps to a core, our own 200 ns included', () => {
    const { nicRx, bridge, nicTx } = COST_PROFILES.linux;
    expect(1e9 / (nicRx + bridge + nicTx + 200)).toBeCloseTo(450_000, -4);
    expect(Object.values(COST_PROFILES.none).every((ns) => ns === 0)).toBe(true);
  });
});
