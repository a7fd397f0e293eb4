import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseScenario } from '../../../src/plan/load-scenario.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';
import { pcapBytes } from '../../support/capture-bytes.ts';

const withOverrides = (overrides: readonly string[], text = ''): Scenario =>
  parseScenario(text, 'x.yaml', { overrides });

describe('overrides that apply', () => {
  it('reach parts the file leaves out, by index or by name', () => {
    const scenario = withOverrides([
      'vms.0.nics.1.mode=direct',
      'vms.vm0.nics.vnic0.tap.queue=250',
      'ports.eth1.speed=10Gbps',
      'host.kernel=linux-6.5',
      'traffic.rate=2Mpps',
      'run.phases.steady.duration=3s',
    ]);
    expect(scenario.vms[0].nics.map(({ mode }) => mode)).toEqual(['vhost', 'direct']);
    expect(scenario.vms[0].nics.map(({ tap }) => tap)).toEqual([
      { name: 'tap0', queueFrames: 250 },
      { name: 'tap1', queueFrames: 1000 },
    ]);
    expect(scenario.ports.map(({ speedBps }) => speedBps)).toEqual([1e9, 1e10]);
    expect(scenario.traffic.rate).toEqual({ kind: 'frames', perSecond: 2e6 });
    expect(scenario.run.phases).toMatchObject([{ name: 'steady', durationNs: 3e9, rate: { perSecond: 2e6 } }]);
  });

  it('replace what the file says, later ones what earlier ones said', () => {
    const text = 'seed: 1\ntraffic:\n  flows: 5\n  frameSize: 128\n';
    const scenario = withOverrides(['seed=2', 'traffic.flows=6', 'seed=3', 'traffic.frameSize=[64, 1518]'], text);
    expect(scenario.seed).toBe(3);
    expect(scenario.traffic.streams[0]).toMatchObject({ flows: 6, frameBytes: [64, 1518] });
  });

  it('take whole structures as YAML, and values with an equals sign', () => {
    const scenario = withOverrides(['host.costs={inherit: none, nicRx: 300ns}', 'description=a=b']);
    expect(scenario.hosts[0].costs.inherit).toBe('none');
    expect(scenario.hosts[0].costs.table).toMatchObject({ nicRx: 300, bridge: 0 });
    expect(scenario.description).toBe('a=b');
  });

  it('derive what depends on an earlier override', () => {
    const scenario = withOverrides(['traffic.rate=1kpps', 'ports=[{name: a}, {name: b}]', 'traffic.streams.0.ttl=9']);
    expect(scenario.traffic.streams.map(({ from, to, ttl }) => [from, to, ttl])).toEqual([
      ['a', 'b', 9],
      ['b', 'a', 64],
    ]);
  });

  it('do not reach the other places that share an anchor', () => {
    const text = 'ports:\n  - &port { name: eth0, rxRing: 64 }\nbridges: [{ name: br0, ports: [eth0, tap0] }]\n';
    const aliased = `${text}vms:\n  - name: v\n    nics:\n      - { name: n0, vhost: &w { batch: 2 }, tap: { queue: 9 } }\n`;
    const two = `${aliased}  - { name: w, nics: [{ name: n1, vhost: *w, tap: { name: tap1 } }] }\n`.replace(
      'tap0]',
      'tap0, tap1]',
    );
    const stream = 'traffic: { streams: [{ from: eth0, to: eth0, via: n0 }] }\n';
    const { vms } = withOverrides(['vms.w.nics.n1.vhost.batch=3'], two + stream);
    expect(vms.map(({ nics }) => nics[0].vhost.batch)).toEqual([2, 3]);
  });

  it('take a capture from where the user stands, a file from beside the scenario', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vhostlab-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const capture = join(directory, 'a.pcap');
    writeFileSync(capture, pcapBytes([{ seconds: 1, fraction: 0, bytes: new Array<number>(100).fill(2) }], true));
    const fromFile = parseScenario('traffic: { pcap: a.pcap }\n', join(directory, 'x.yaml'));
    expect(fromFile.traffic.pcap).toBe(capture);
    expect(fromFile.traffic.streams.map(({ frameBytes }) => frameBytes)).toEqual([[104], [104]]);
    const override = `traffic.pcap=${relative('.', capture)}`;
    expect(withOverrides([override]).traffic.pcap).toBe(capture);
  });
});

describe('overrides that fail', () => {
  it.each([
    [
      'traffic.rat=2Mpps',
      '--set traffic.rat: unknown key "rat" in traffic, allowed: rate, frameSize, protocol, flows, pattern, burst, pcap, replay, streams, connections; did you mean "rate"?',
    ],
    [
      'trafic.rate=2Mpps',
      '--set trafic.rate: unknown key "trafic", allowed: name, description, seed, virtual, host, hosts, ports, links, bridges, vms, traffic, placement, run, expect, sweep; did you mean "traffic"?',
    ],
    ['host.hz=200', '--set host.hz: found 200, allowed: 100, 250, 300, 1000'],
    [
      'vms.vm0.nics.vnc0.mode=direct',
      '--set vms.vm0.nics.vnc0.mode: no "vnc0" in vms.vm0.nics, allowed: vnic0, vnic1, or 0 to 1; did you mean "vnic0"?',
    ],
    ['ports.2.speed=1Gbps', '--set ports.2.speed: no "2" in ports, allowed: eth0, eth1, or 0 to 1'],
    ['seed', '--set seed: found "seed", allowed: path.to.key=value, such as run.phases.flood.rate=2Mpps'],
    [
      'traffic..rate=1',
      '--set traffic..rate: found "traffic..rate=1", allowed: path.to.key=value, such as run.phases.flood.rate=2Mpps',
    ],
    ['seed.x=1', '--set seed.x: seed is 7, which has no keys; set seed itself'],
    [
      'traffic.rate=9Mpps',
      '--set traffic.rate: 9Mpps makes eth0 send at 302.4% of its line rate, allowed: at most 100%',
    ],
    ['traffic.flows=', '--set traffic.flows: found nothing, allowed: an integer from 1 to 1000000'],
  ])('%s', (override, message) => {
    expect(() => withOverrides([override], 'seed: 7\n')).toThrow(message);
  });

  it('are listed together with the faults of the file', () => {
    expect(() => withOverrides(['traffic.rat=1', 'traffic.burst=0'], 'seed: x\n')).toThrow(
      /^x\.yaml:1:7: found "x", .*\n--set traffic\.burst: found 0, .*\n--set traffic\.rat: unknown key/,
    );
    expect(() => withOverrides(['a', 'seed=['])).toThrow(/^--set a: .*\n--set seed: the value is not YAML: /);
  });
});
