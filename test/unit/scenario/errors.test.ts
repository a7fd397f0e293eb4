import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DURATION_FORM, RATE_FORM } from '../../../src/scenario/text/quantities.ts';
import { ScenarioError } from '../../../src/scenario/error.ts';
import { VNIC_MODES } from '../../../src/scenario/modes.ts';
import { loadScenario, parseScenario } from '../../../src/plan/load-scenario.ts';

/** The lines of the error that a scenario text causes. */
function problems(text: string): string[] {
  try {
    parseScenario(text, 'x.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioError);
    return (error as ScenarioError).message.split('\n');
  }
  return [];
}

const ONE_PORT = 'ports: [{ name: eth0 }]\n';

describe('YAML faults', () => {
  it('gives syntax errors their place', () => {
    expect(problems('ports: [1, 2\nseed: 3\n')).toEqual([
      'x.yaml:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
    expect(problems('expect: [{ metric: loss, relation: >=, value: 0 }]\n')).toEqual([
      'x.yaml:1:36: not valid YAML: Plain value cannot start with block scalar indicator >; put the value in quotes',
    ]);
    expect(problems('seed: *nowhere\n')[0]).toMatch(/^x\.yaml:1:\d+: .*nowhere/);
  });

  it('refuses a key that occurs twice', () => {
    expect(problems('seed: 1\nname: a\nseed: 2\n')).toEqual([
      'x.yaml:3:1: found the key "seed" a second time, allowed: once',
    ]);
  });

  it('wants a mapping', () => {
    expect(problems('- 1\n')).toEqual(['x.yaml:1:1: found a list, allowed: a mapping']);
    expect(problems('traffic:\nseed: 1\n')).toEqual(['x.yaml:1:9: found nothing, allowed: a mapping']);
  });
});

describe('keys and values', () => {
  it('lists several problems at once, in the order of the file', () => {
    expect(problems('traffic:\n  flows: 0\n  rat: 1Mpps\nhost:\n  hz: 200\n')).toEqual([
      'x.yaml:2:10: found 0, allowed: an integer from 1 to 1000000',
      'x.yaml:3:3: unknown key "rat" in traffic, allowed: rate, frameSize, protocol, flows, pattern, burst, pcap, replay, streams, connections; did you mean "rate"?',
      'x.yaml:5:7: found 200, allowed: 100, 250, 300, 1000',
    ]);
  });

  it('names the keys of the mapping where the unknown one stands', () => {
    expect(problems(`${ONE_PORT}vms:\n  - name: vm0\n    nics:\n      - { name: n0, mod: direct }\n`)).toEqual([
      'x.yaml:5:21: unknown key "mod" in vms.0.nics.0, allowed: name, mode, mac, vlan, ip, vcpu, mtu, queueSize, queues, txQueueLen, tap, vhost, qemu, feedback, acceleration, features; did you mean "mode"?',
    ]);
    expect(problems('host:\n  costs: { inherit: none, nicRxx: 3us }\n')[0]).toMatch(
      /^x\.yaml:2:27: unknown key "nicRxx" in host\.costs, allowed: inherit, nicRx, .*; did you mean "nicRx"\?$/,
    );
  });

  it('lists the forms for a rate without a unit', () => {
    expect(problems('traffic: { rate: 300000 }\n')).toEqual([
      `x.yaml:1:18: found 300000, allowed: ${RATE_FORM.allowed}`,
    ]);
    expect(problems('traffic: { rate: 3Mbyte }\n')).toEqual([
      `x.yaml:1:18: found "3Mbyte", allowed: ${RATE_FORM.allowed}`,
    ]);
  });

  it('lists the forms for durations, also beside a keyword', () => {
    expect(problems('run: { settle: 5 }\n')).toEqual([`x.yaml:1:16: found 5, allowed: ${DURATION_FORM.allowed}`]);
    expect(problems('host: { softirq: { maxTime: 2 } }\n')).toEqual([
      `x.yaml:1:29: found 2, allowed: auto, or ${DURATION_FORM.allowed}`,
    ]);
    expect(problems('run: { sampleInterval: 0s }\n')).toEqual([
      `x.yaml:1:24: found "0s", allowed: ${DURATION_FORM.allowed}; longer than zero`,
    ]);
  });

  it('suggests the mode and the profile that were meant', () => {
    expect(problems(`${ONE_PORT}vms: [{ name: vm0, nics: [{ name: n0, mode: acelerated }] }]\n`)).toEqual([
      `x.yaml:2:45: found "acelerated", allowed: ${VNIC_MODES.join(', ')}; did you mean "accelerated"?`,
    ]);
    expect(problems('host: { costs: linx }\n')).toEqual([
      'x.yaml:1:16: found "linx", allowed: none, linux, or the path of a profile, or a mapping of cost lines; did you mean "linux"?',
    ]);
    expect(problems('vms: [{ name: vm0, nf: { kind: nat } }]\n')).toEqual([
      'x.yaml:1:32: found "nat", allowed: ip-forward, firewall, nat44, load-balancer, server, tcp-terminate, tcp-proxy, module',
    ]);
  });

  it('checks frame sizes one by one', () => {
    expect(problems('traffic: { frameSize: [64, 63] }\n')).toEqual([
      'x.yaml:1:28: found 63, allowed: an integer from 64 to 9018',
    ]);
    expect(problems('traffic: { frameSize: big }\n')).toEqual([
      'x.yaml:1:23: found "big", allowed: IMIX, a frame size from 64 to 9018 (bytes with FCS), or a list of them',
    ]);
  });

  it('wants virtqueues with which a driver can transmit', () => {
    expect(problems('vms: [{ name: vm0, nics: [{ name: vnic0, queueSize: 17 }] }]\n')).toEqual([
      'x.yaml:1:53: found 17, allowed: a power of two from 32 to 32768',
    ]);
  });

  it('wants powers of two, unicast addresses and prefixes without host bits', () => {
    const text = 'ports:\n  - { name: eth0, rxRing: 500, mac: "01:00:5e:00:00:01", network: 10.0.0.1/24 }\n';
    expect(problems(text)).toEqual([
      'x.yaml:2:27: found 500, allowed: a power of two from 16 to 32768',
      'x.yaml:2:37: found "01:00:5e:00:00:01", allowed: auto, or a unicast MAC address such as 52:54:00:12:34:56',
      'x.yaml:2:67: found "10.0.0.1/24", allowed: auto, or an IPv4 prefix such as 198.18.0.0/24, host bits zero',
    ]);
  });

  it('says which key is missing, and nothing about what was derived from it', () => {
    expect(problems('ports:\n  - { speed: 1Gbps }\n')).toEqual([
      'x.yaml:2:5: missing key "name", allowed: a name of up to 15 letters, digits, - and _, beginning with a letter',
    ]);
    expect(problems('ports: [{ name: 9eth }]\n')).toEqual([
      'x.yaml:1:17: found "9eth", allowed: a name of up to 15 letters, digits, - and _, beginning with a letter',
    ]);
  });
});

describe('names that refer to each other', () => {
  const bridges = (first: string, second: string): string => `bridges:\n  - ${first}\n  - ${second}\n`;

  it('refuses a bridge port that does not exist, and what is in no bridge', () => {
    expect(problems(bridges('{ name: br0, ports: [eht0, tap0] }', '{ name: br1, ports: [eth1] }'))).toEqual([
      'x.yaml:1:1: "eth0" is in no bridge, allowed: in one of bridges[].ports',
      'x.yaml:1:1: "tap1" is in no bridge, allowed: in one of bridges[].ports',
      'x.yaml:2:26: no port or tap "eht0", allowed: eth0, eth1, tap0, tap1; did you mean "eth0"?',
    ]);
  });

  it('refuses a name given twice and a port in two bridges', () => {
    const text = bridges('{ name: br0, ports: [eth0, tap0] }', '{ name: br0, ports: [eth1, tap1, eth0] }');
    expect(problems(text)).toEqual([
      'x.yaml:3:13: found "br0" a second time, allowed: one component of that name',
      'x.yaml:3:38: found "eth0" a second time, allowed: one bridge member of that name',
    ]);
    expect(problems('run: { phases: [{ name: a, duration: 1s }, { name: a, duration: 1s }] }\n')).toEqual([
      'x.yaml:1:52: found "a" a second time, allowed: one phase of that name',
    ]);
  });

  it('asks for bridges where they cannot be derived', () => {
    expect(problems('ports: [{ name: a }, { name: b }]\nvms: [{ name: v }, { name: w }]\n')).toEqual([
      'x.yaml:1:1: missing key "bridges": with 2 ports (a, b) and 4 taps (tap0, tap1, tap2, tap3) it must say which belong together',
    ]);
  });

  it('refuses streams that have no port or no way', () => {
    expect(problems('traffic: { streams: [{ from: eth0, to: eth2 }] }\n')).toEqual([
      'x.yaml:1:40: no port "eth2", allowed: eth0, eth1; did you mean "eth0"?',
    ]);
    expect(problems('traffic: { streams: [{ from: eth0, to: eth1, via: vnic1 }] }\n')).toEqual([
      'x.yaml:1:51: "vnic1" does not lead from eth0 to eth1, allowed: vnic0',
    ]);
    expect(
      problems(`${ONE_PORT}vms: [{ name: v }, { name: w }]\ntraffic: { streams: [{ from: eth0, to: eth0 }] }\n`),
    ).toEqual(['x.yaml:3:22: missing key "via" for eth0 to eth0, allowed: vnic0, vnic1']);
  });

  it('refuses routes by a foreign vNIC, vCPUs that are not there and threads of nothing', () => {
    const vm =
      '{ name: v, vcpus: 1, nics: [{ name: n0, vcpu: 1 }], nf: { routes: [{ prefix: 10.0.0.0/8, nic: n1 }] } }';
    expect(problems(`${ONE_PORT}vms:\n  - ${vm}\n`)).toEqual([
      'x.yaml:3:51: found 1, allowed: auto, or 0 to 0 (vcpus: 1)',
      'x.yaml:3:99: no vNIC of this VM "n1", allowed: n0; did you mean "n0"?',
    ]);
    expect(problems(`${ONE_PORT}vms: [{ name: v, vcpus: 2, nics: [{ name: n0, queues: 4 }] }]\n`)).toEqual([
      'x.yaml:2:55: found 4, allowed: 1 to 2 (vcpus: 2), since a driver uses no more (virtnet_probe)',
    ]);
    expect(problems('placement: { threads: { vhost-vnc0: own } }\n')[0]).toMatch(
      /^x\.yaml:1:25: no thread "vhost-vnc0", allowed: a kind \(.*\), a VM \(vm0\), or .*; did you mean "vhost-vnic0"\?$/,
    );
  });
});

describe('values that must fit together', () => {
  it('refuses more than the line rate, where the rate stands', () => {
    expect(problems('traffic: { rate: 5Mpps }\n')).toEqual([
      'x.yaml:1:18: 5Mpps makes eth0 send at 168.0% of its line rate, allowed: at most 100%',
    ]);
    expect(problems('run: { phases: [{ name: a, rate: 101%, duration: 1s }] }\n')).toEqual([
      'x.yaml:1:34: 101% makes eth0 send at 101.0% of its line rate, allowed: at most 100%',
    ]);
  });

  it('refuses marks out of order or beyond the queue', () => {
    const nic = (feedback: string): string =>
      `${ONE_PORT}vms: [{ name: v, nics: [{ name: n, feedback: ${feedback} }] }]\n`;
    expect(problems(nic('{ highMark: 501 }'))).toEqual(['x.yaml:2:58: found 501, allowed: at most the tap queue, 500']);
    expect(problems(nic('{ highMark: 100, lowMark: 100 }'))).toEqual([
      'x.yaml:2:72: found 100, allowed: below the high mark, 100',
    ]);
  });

  it('refuses equal addresses, overlapping networks and cores with two duties', () => {
    const ports = '[{ name: a, network: 10.0.0.0/8 }, { name: b, network: 10.1.0.0/16, mac: "02:00:00:00:00:01" }]';
    expect(problems(`ports: ${ports}\n`)).toEqual([
      'x.yaml:1:63: found 10.1.0.0/16, which overlaps 10.0.0.0/8 of a',
      'x.yaml:1:81: found "02:00:00:00:00:01" a second time, allowed: one MAC address of that name',
    ]);
    expect(problems('placement: { cores: { hardware: [1], host: [0, 1] } }\n')).toEqual([
      'x.yaml:1:48: found 1, allowed: a core that is not among hardware',
    ]);
  });

  it('refuses a capture that is not there', () => {
    expect(problems('traffic: { pcap: /no/such.pcap }\n')).toEqual([
      'x.yaml:1:18: no file /no/such.pcap, allowed: none, or the path of a capture',
    ]);
  });
});

describe('finding the file', () => {
  it('says where the names are for an unknown one, and which was meant', () => {
    expect(() => loadScenario('kvm-forum-2041')).toThrow(
      `kvm-forum-2041: no such scenario, allowed: the names that "vhostlab list" shows, or a path such as ` +
        './kvm-forum-2041.yaml; did you mean "kvm-forum-2014"?',
    );
  });

  it('says so when a path leads nowhere or to a directory', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vhostlab-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    expect(() => loadScenario('./nowhere.yaml')).toThrow(
      new ScenarioError([{ file: './nowhere.yaml', place: { kind: 'whole' }, sentence: 'no such file' }]),
    );
    expect(() => loadScenario(directory)).toThrow(`${directory}: no such file`);
  });
});

describe('anything else', () => {
  it('is a scenario or a ScenarioError, wherever it stands', () => {
    const paths = [
      ...[
        'seed',
        'host',
        'host.costs',
        'ports',
        'ports.0',
        'ports.0.speed',
        'bridges',
        'bridges.0.ports',
        'vms',
        'vms.0',
      ],
      ...['vms.0.nics', 'vms.0.nics.0', 'vms.0.nics.0.tap', 'vms.0.nf', 'traffic', 'traffic.streams', 'run.phases'],
      ...['traffic.frameSize', 'placement', 'placement.threads', 'placement.cores', 'expect', 'expect.0'],
    ];
    const word = fc.constantFrom('eth0', 'tap0', 'vnic0', 'vm0', 'own', 'auto', 'none', '100%', '1s', 'br0', 'flood');
    const key = fc.constantFrom(
      'name',
      'ports',
      'nics',
      'tap',
      'from',
      'to',
      'via',
      'kind',
      'rate',
      'metric',
      'than',
      'host',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        word,
        fc.integer(),
        fc.constant(null),
        fc.boolean(),
        tie('list'),
        tie('mapping'),
      ),
      list: fc.array(tie('value'), { maxLength: 3 }),
      mapping: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    }));
    const override = fc
      .tuple(fc.constantFrom(...paths), value)
      .map(([path, each]) => `${path}=${JSON.stringify(each)}`);
    fc.assert(
      fc.property(fc.array(override, { minLength: 1, maxLength: 3 }), (overrides) => {
        try {
          expect(parseScenario('expect: [{}]\n', 'x.yaml', { overrides }).ports.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof ScenarioError)) throw error;
          expect(error.message).toMatch(/^(x\.yaml:\d+:\d+|--set [\w.]+): ./);
        }
      }),
      { numRuns: 150 },
    );
  });
});
