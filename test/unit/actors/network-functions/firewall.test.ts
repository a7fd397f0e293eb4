import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Firewall } from '../../../../actors/guest/network-functions/firewall.ts';
import type { FirewallRule } from '../../../../actors/guest/network-functions/firewall.ts';
import { parseCidr } from '../../../../src/net/wire/address.ts';
import { ICMP, IP, PORT_MACS, Packet, ROUTING, STATION_MACS, TCP, UDP } from '../../../support/packets.ts';
import type { PacketFields } from '../../../support/packets.ts';

const ANY = parseCidr('0.0.0.0/0');
const rule = (name: string, allow: boolean, parts: Partial<FirewallRule> = {}): FirewallRule => ({
  name,
  allow,
  protocol: null,
  source: ANY,
  destination: ANY,
  sourcePorts: null,
  destinationPorts: null,
  ...parts,
});
const firewall = (rules: readonly FirewallRule[], allowByDefault = false) =>
  new Firewall({ kind: 'firewall', ...ROUTING, rules, allowByDefault });

describe('verdicts', () => {
  const nf = firewall([
    rule('telnet', false, { protocol: TCP, destinationPorts: { low: 23, high: 23 } }),
    rule('lan', true, { source: parseCidr('10.0.0.0/24') }),
    rule('dns', true, {
      protocol: UDP,
      sourcePorts: { low: 1024, high: 65535 },
      destinationPorts: { low: 53, high: 53 },
    }),
    rule('doc', false, { destination: parseCidr('203.0.113.0/24') }),
  ]);

  test.each<[string, PacketFields]>([
    ['nf_denied_telnet', { protocol: TCP, dstPort: 23 }],
    ['out by 1', { protocol: TCP, dstPort: 22 }],
    ['out by 1', { protocol: UDP, dstPort: 23 }],
    ['out by 1', { src: '10.1.0.9', srcPort: 1024, dstPort: 53 }],
    ['nf_denied_doc', { src: '10.1.0.9', srcPort: 1023, dstPort: 53 }],
    ['nf_denied_doc', { src: '10.1.0.9', dstPort: 54 }],
    ['nf_denied_default', { src: '10.1.0.9', dst: '203.0.114.1', dstPort: 54 }],
    ['nf_denied_default', { src: '10.1.0.9', dst: '203.0.114.1', protocol: ICMP }],
  ])('%s: %o', (verdict, fields) => {
    expect(new Packet(fields).through(nf)).toBe(verdict);
  });

  test('what is let through is forwarded as a router forwards it', () => {
    const packet = new Packet();
    expect(packet.through(nf)).toBe('out by 1');
    expect([packet.dstMac, packet.srcMac, packet.ttl, packet.sound]).toEqual([STATION_MACS[1], PORT_MACS[1], 63, true]);
  });

  test('what is denied is left as it came', () => {
    const packet = new Packet({ protocol: TCP, dstPort: 23 });
    const before = packet.bytes.slice();
    packet.through(nf);
    expect(packet.bytes).toEqual(before);
  });

  test("the router's own reasons come first: no rule is asked about a packet that goes nowhere", () => {
    expect(new Packet({ protocol: TCP, dstPort: 23, ttl: 1 }).through(nf)).toBe('nf_ttl_exceeded');
    expect(new Packet({ protocol: TCP, dstPort: 23, dst: '10.0.0.1' }).through(nf)).toBe('nf_local');
  });
});

describe('fragments', () => {
  const nf = firewall([rule('dns', false, { destinationPorts: { low: 53, high: 53 } })], true);

  test('a later fragment has no ports, so no rule with ports fits it', () => {
    expect(new Packet({ fragment: 0x2000 }).through(nf)).toBe('nf_denied_dns');
    expect(new Packet({ fragment: 0x2010 }).through(nf)).toBe('out by 1');
  });

  test('a first fragment too short for its ports and flags, and one that would overwrite them, go (RFC 1858)', () => {
    const tiny = new Packet({ protocol: TCP, fragment: 0x2000 });
    tiny.view.setUint16(IP + 2, 20 + 8);
    tiny.seal();
    expect(tiny.through(nf)).toBe('nf_tiny_fragment');
    expect(new Packet({ protocol: TCP, fragment: 1 }).through(nf)).toBe('nf_tiny_fragment');
    expect(new Packet({ protocol: UDP, fragment: 1 }).through(nf)).toBe('out by 1');
  });
});

/** The rules as they read: every part compared as text or number, one after the other. */
function naive(rules: readonly FirewallRule[], allowByDefault: boolean, fields: Required<Fields>): string {
  const within = (address: string, { address: prefix, prefixLength }: FirewallRule['source']) => {
    const bits = (value: number) => value.toString(2).padStart(32, '0').slice(0, prefixLength);
    return bits(parseCidr(`${address}/32`).address) === bits(prefix);
  };
  const hasPorts = fields.protocol !== ICMP;
  const fits = (each: FirewallRule) =>
    (each.protocol === null || each.protocol === fields.protocol) &&
    within(fields.src, each.source) &&
    within(fields.dst, each.destination) &&
    [[each.sourcePorts, fields.srcPort] as const, [each.destinationPorts, fields.dstPort] as const].every(
      ([range, port]) => range === null || (hasPorts && port >= range.low && port <= range.high),
    );
  const found = rules.find(fits);
  if (found === undefined) return allowByDefault ? 'out by 1' : 'nf_denied_default';
  return found.allow ? 'out by 1' : `nf_denied_${found.name}`;
}

type Fields = Pick<PacketFields, 'src' | 'dst' | 'protocol' | 'srcPort' | 'dstPort'>;

test('agrees with the rules as they read', () => {
  const address = (net: string) => fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => `${net}.${a}.${b}`);
  const prefix = (net: string) =>
    fc
      .tuple(address(net), fc.constantFrom(0, 8, 16, 23, 24, 30, 31, 32))
      .map(([base, length]) => parseCidr(`${base}/${length}`));
  const ports = fc.option(fc.tuple(fc.nat(4), fc.nat(4)).map(([low, more]) => ({ low, high: low + more })));
  const rules = fc.array(
    fc.record({
      allow: fc.boolean(),
      protocol: fc.option(fc.constantFrom(ICMP, TCP, UDP)),
      source: prefix('10.0'),
      destination: prefix('203.0'),
      sourcePorts: ports,
      destinationPorts: ports,
    }),
    { maxLength: 6 },
  );
  const fields = fc.record({
    src: address('10.0'),
    dst: address('203.0'),
    protocol: fc.constantFrom(ICMP, TCP, UDP),
    srcPort: fc.nat(8),
    dstPort: fc.nat(8),
  });
  fc.assert(
    fc.property(rules, fc.boolean(), fc.array(fields, { minLength: 1, maxLength: 8 }), (given, byDefault, packets) => {
      const named = given.map((each, i) => ({ ...each, name: `rule${i}` }));
      const nf = firewall(named, byDefault);
      for (const each of packets) expect(new Packet(each).through(nf)).toBe(naive(named, byDefault, each));
    }),
    { numRuns: 1000 },
  );
});
