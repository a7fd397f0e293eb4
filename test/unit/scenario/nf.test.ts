import { describe, expect, it } from 'vitest';
import { ANY_ENDPOINT } from '../../../src/net/wire/address-check.ts';
import { ScenarioError } from '../../../src/scenario/error.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario, parseScenario } from '../../../src/plan/load-scenario.ts';
import type { Scenario } from '../../../src/scenario/scenario.ts';

const parse = (text: string): Scenario => parseScenario(text, 'some/where/x.yaml');
function problems(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ScenarioError) return error.message.split('\n');
    throw error;
  }
  return [];
}
const TWO_VMS = `
ports: [{ name: eth0 }, { name: eth1 }]
bridges: [{ name: br0, ports: [eth0, tap0] }, { name: br1, ports: [eth1, tap1, tap2] }]
vms:
  - { name: vm0, nics: [{ name: a, tap: { name: tap0 } }, { name: b, tap: { name: tap1 } }] }
  - { name: vm1, nics: [{ name: c, tap: { name: tap2 } }], nf: { kind: server } }
`;

describe('routes nobody wrote', () => {
  it('lead to the network of every port and to every VM on the same bridge', () => {
    const { vms, ports } = parse(TWO_VMS);
    expect(vms[0].nf.routes).toEqual([
      { prefix: '198.18.0.0/24', nic: 'a', gatewayMac: ports[0].mac },
      { prefix: '198.18.1.0/24', nic: 'b', gatewayMac: ports[1].mac },
      { prefix: '198.18.1.2/32', nic: 'b', gatewayMac: vms[1].nics[0].mac },
    ]);
    expect(vms[1].nf).toEqual({ kind: 'server', routes: [] });
  });
});

describe('firewall', () => {
  const nf = (rules: string) => `vms: [{ name: vm0, nf: { kind: firewall, rules: [${rules}] } }]\n`;

  it('names rules by their place and reads ports as ranges', () => {
    const { vms } = parse(nf('{ action: allow, protocol: 89 }, { action: deny, name: web, destinationPorts: 80-88 }'));
    expect(vms[0].nf).toMatchObject({
      kind: 'firewall',
      default: 'deny',
      rules: [
        { name: 'rule0', protocol: 89, source: '0.0.0.0/0', sourcePorts: null },
        { name: 'web', destinationPorts: { low: 80, high: 88 } },
      ],
    });
  });

  it.each([
    ['{ action: allow, sourcePorts: 9-7 }', 'found "9-7", allowed: a port such as 53, or a range such as 1024-65535'],
    ['{ action: allow, sourcePorts: 65536 }', 'found 65536, allowed: an integer from 0 to 65535'],
    ['{ action: drop }', 'found "drop", allowed: allow, deny'],
    ['{ action: deny, name: Web }', 'found "Web", allowed: a name of up to 24 small letters, digits and _'],
    [
      '{ action: deny, source: 10.0.0.1/24 }',
      'found "10.0.0.1/24", allowed: an IPv4 prefix such as 198.18.0.0/24, host bits zero',
    ],
    [
      '{ action: deny, protocol: sctp }',
      'found "sctp", allowed: any, icmp, tcp, udp, or a protocol number from 0 to 255',
    ],
    [
      '{ action: deny, name: x }, { action: allow, name: x }',
      'found "x" a second time, allowed: one rule of that name',
    ],
    ['{ action: deny, name: rule1 }, { action: allow }', 'found "rule1" a second time, allowed: one rule of that name'],
  ])('refuses %s', (rules, sentence) => {
    expect(problems(nf(rules)).map((line) => line.replace(/^x?.*?:\d+:\d+: /, ''))).toEqual([sentence]);
  });
});

describe('nat44', () => {
  const nf = (keys: string) => `vms: [{ name: vm0, nf: { kind: nat44${keys} } }]\n`;

  it('translates towards its last vNIC, to the address of that, with the timeouts of the RFCs', () => {
    const { vms } = parse(nf(''));
    expect(vms[0].nf).toMatchObject({
      outside: 'vnic1',
      external: '198.18.1.1/32',
      ports: { low: 1024, high: 65535 },
      udpTimeoutNs: 300e9,
      tcpEstablishedTimeoutNs: 7440e9,
      tcpTransitoryTimeoutNs: 240e9,
      icmpTimeoutNs: 60e9,
    });
  });

  it.each([
    [', outside: vnic7', 'no vNIC of this VM "vnic7", allowed: vnic0, vnic1; did you mean "vnic0"?'],
    [
      ', external: 198.18.1.0/25',
      'found "198.18.1.0/25", allowed: auto, or an IPv4 prefix of /26 to /32 such as 198.18.1.64/28',
    ],
    [', udpTimeout: 119s', 'found "119s", allowed: a duration of at least 2m'],
    [', tcpEstablishedTimeout: 2h', 'found "2h", allowed: a duration of at least 124m'],
    [', ports: 53', 'found 53, allowed: a range of at least 64 ports, such as 1024-65535'],
  ])('refuses %s', (keys, sentence) => {
    expect(problems(nf(keys)).map((line) => line.replace(/^.*?:\d+:\d+: /, ''))).toEqual([sentence]);
  });

  it('gives each vCPU with an inside vNIC a block of the ports, and all of them the same mappings', () => {
    const stream = 'traffic: { streams: [{ from: eth0, to: eth0, via: a }] }\n';
    const nics = '{ name: a, vcpu: 2 }, { name: b, vcpu: 0 }, { name: c, vcpu: 1 }, { name: d, vcpu: 2 }';
    const vm = `{ name: vm0, vcpus: 3, nics: [${nics}], nf: { kind: nat44, outside: b, external: 198.18.1.64/28 } }`;
    const plan = buildPlan(parse(`ports: [{ name: eth0 }]\nvms: [${vm}]\n${stream}`));
    const specs = plan.threads.flatMap(({ actors }) => actors.map(({ spec }) => spec));
    const functions = specs.flatMap((spec) =>
      spec.kind === 'vcpu' && spec.config.nf.kind === 'nat44' ? [spec.config.nf] : [],
    );
    expect(functions.map(({ share }) => share)).toEqual([null, { index: 0, of: 2 }, { index: 1, of: 2 }]);
    expect(new Set(functions.map(({ mappings }) => mappings)).size).toBe(1);
    const { pool, mappings, outside } = functions[0];
    expect([outside, mappings.buffer, mappings.bytes]).toEqual([1, 'guest:vm0', pool.addresses * pool.ports * 16]);
  });
});

describe('tcp-proxy', () => {
  const scenario = (proxy: string, { server = '', adc = 'vcpus: 1' } = {}) => `
ports: [{ name: eth0 }]
bridges: [{ name: br0, ports: [eth0, tap0] }, { name: br1, ports: [tap1, tap2] }]
vms:
  - name: adc
    ${adc}
    nics: [{ name: a, tap: { name: tap0 } }, { name: b, ip: 10.0.0.1/24, tap: { name: tap1 } }]
    nf: { kind: tcp-proxy, ${proxy} }
  - { name: web, nics: [{ name: c, ip: 10.0.0.2/24, tap: { name: tap2 } }], nf: { kind: tcp-terminate${server} } }
traffic: { connections: [{ port: eth0, to: a }] }
`;
  const REACHED = "backends: [{ endpoint: '10.0.0.2:443' }]";

  it('takes clients as tcp-terminate does, and knows the way to each server', () => {
    const plan = buildPlan(parse(scenario(REACHED)));
    const specs = plan.threads.flatMap(({ actors }) => actors.map(({ spec }) => spec));
    expect(specs.find(({ kind }) => kind === 'client')).toMatchObject({ config: { server: { port: 443 } } });
    const functions = specs.flatMap((spec) =>
      spec.kind === 'vcpu' && spec.config.nf.kind === 'tcp-proxy' ? [spec.config.nf] : [],
    );
    expect(functions).toHaveLength(1);
    expect(functions[0]).toMatchObject({
      listenPort: 443,
      tlsSecret: null,
      connectionsMax: 4096,
      backendTimeoutNs: 5e9,
      idleNs: 60e9,
      backends: [
        {
          address: 0x0a00_0002,
          port: 443,
          weight: 1,
          localAddress: 0x0a00_0001,
          neighbour: { macHigh: 0x5254, macLow: 0x0000_0101, networkPort: 1 },
        },
      ],
    });
  });

  it.each([
    [
      scenario("backends: [{ endpoint: '10.0.0.3:443' }]"),
      'x.yaml:8:51: nobody listens at "10.0.0.3:443" in the clear, allowed: 10.0.0.2:443; did you mean "10.0.0.2:443"?',
    ],
    [
      scenario("backends: [{ endpoint: '10.0.0.2:80' }]"),
      'x.yaml:8:51: nobody listens at "10.0.0.2:80" in the clear, allowed: 10.0.0.2:443',
    ],
    [
      scenario("backends: [{ endpoint: '10.0.0.1:443' }]"),
      'x.yaml:8:51: nobody listens at "10.0.0.1:443" in the clear, allowed: 10.0.0.2:443; did you mean "10.0.0.2:443"?',
    ],
    [
      scenario(REACHED, { server: ', tls: true' }),
      'x.yaml:8:51: nobody listens at "10.0.0.2:443" in the clear, allowed: none, since no other VM ends TCP in the clear',
    ],
    [
      scenario(REACHED, { server: ', requestBytes: 300' }),
      'x.yaml:8:51: web has requestBytes 300 and responseBytes 1024 and its proxy requestBytes 256 and responseBytes 1024, allowed: the same of both',
    ],
    [
      scenario(`${REACHED}, routes: [{ prefix: 10.0.1.0/24, nic: b, gatewayMac: '52:54:00:00:01:01' }]`),
      'x.yaml:8:51: no route leads to 10.0.0.2, allowed: 10.0.1.0/24',
    ],
    [
      scenario("backends: [{ endpoint: '10.0.0.2:443' }, { endpoint: '10.0.0.2:443' }]"),
      'x.yaml:8:81: found "10.0.0.2:443" a second time, allowed: one backend of that name',
    ],
    [
      scenario(REACHED, { adc: 'vcpus: 2' }),
      'x.yaml:6:12: found 2, allowed with nf tcp-proxy: 1, or one vCPU and one queue for all vNICs',
    ],
    [scenario('listenPort: 80'), 'x.yaml:8:9: missing key "backends"'],
  ])('refuses what cannot be served (%#)', (text, problem) => {
    expect(problems(text).map((line) => line.replace(/^.*x\.yaml/, 'x.yaml'))).toEqual([
      expect.stringContaining(problem),
    ]);
  });
});

describe('where a stream is sent', () => {
  const stream = (destination: string) =>
    `${TWO_VMS}traffic: { streams: [{ from: eth0, to: eth0, destination: '${destination}' }] }\n`;

  it('is the address and port given, and what comes back must come from there', () => {
    const plan = buildPlan(parse(stream('198.18.1.2:7')));
    const actors = plan.threads.flatMap(({ actors }) => actors);
    const generator = actors.find(({ name }) => name === 'generator-eth0')!.spec.config;
    const sink = actors.find(({ name }) => name === 'sink-eth0')!.spec.config;
    const server = 0xc6120102;
    expect(generator).toMatchObject({ sources: [{ flows: { dstAddress: server, dstPort: 7 } }] });
    expect(sink).toMatchObject({
      check: {
        streams: [
          {
            addresses: {
              source: { addressLow: server, addressHigh: server, portLow: 7, portHigh: 7 },
              destination: 'flow',
            },
          },
        ],
      },
    });
  });

  it('is anywhere when a function of the user’s own is behind the balancer it is sent to', () => {
    const actors = buildPlan(loadScenario('autoscale')).threads.flatMap((thread) => thread.actors);
    const sink = actors.find(({ name }) => name === 'sink-eth0')!.spec.config;
    expect(sink).toMatchObject({
      check: { streams: [{ addresses: { source: ANY_ENDPOINT, destination: ANY_ENDPOINT } }] },
    });
  });

  it.each(['198.18.1.2', '198.18.1.2:65536', '198.18.1:7'])('refuses %s', (text) => {
    expect(problems(stream(text))[0]).toContain('allowed: auto, or an IPv4 address and a port such as 198.18.1.2:80');
  });
});
