import { describe, expect, test } from 'vitest';
import type { Nat44 } from '../../../../actors/guest/network-functions/nat44.ts';
import type { Nat44Config } from '../../../../actors/guest/network-functions/nat44.ts';
import { ICMP, IP, PORT_MACS, Packet, STATION_MACS, TCP } from '../../../support/packets.ts';
import type { PacketFields } from '../../../support/packets.ts';
import { NatBed } from '../../../support/nat-bed.ts';

const MS = 1e6;
const S = 1e9;
const SYN = 0x02;
const ACK = 0x10;
const FIN_ACK = 0x11;
const RST = 0x04;

/** From the inside, 10.0.0.9:1024 to 203.0.113.5:53 unless said otherwise. */
const out = (fields: PacketFields = {}) => new Packet(fields);
/** From the outside, back to an external endpoint. */
const back = (dst: string, dstPort: number, fields: PacketFields = {}) =>
  new Packet({ src: '203.0.113.5', srcPort: 53, dst, dstPort, dstMac: PORT_MACS[1], ...fields });

function natOf(config: Partial<Nat44Config> = {}) {
  const bed = new NatBed(config);
  return { inside: bed.nat(0, 1), outside: bed.nat(null, 1) };
}

describe('translation', () => {
  test('the way out gets an external source, the answer its inside destination, by another vCPU', () => {
    const { inside, outside } = natOf();
    const request = out();
    expect(request.through(inside, 0)).toBe('out by 1');
    expect(request.ends).toBe('192.0.2.64:2000 > 203.0.113.5:53');
    expect([request.dstMac, request.srcMac, request.ttl, request.sound]).toEqual([
      STATION_MACS[1],
      PORT_MACS[1],
      63,
      true,
    ]);
    const answer = back('192.0.2.64', 2000);
    expect(answer.through(outside, 1)).toBe('out by 0');
    expect(answer.ends).toBe('203.0.113.5:53 > 10.0.0.9:1024');
    expect([answer.dstMac, answer.sound]).toEqual([STATION_MACS[0], true]);
  });

  test('TCP and ICMP echo likewise; the identifier of an echo stands for its port (RFC 5508 REQ-1)', () => {
    const { inside, outside } = natOf();
    const syn = out({ protocol: TCP, flags: SYN });
    expect(syn.through(inside)).toBe('out by 1');
    expect([syn.ends, syn.sound]).toEqual(['192.0.2.64:2000 > 203.0.113.5:53', true]);
    const echo = out({ protocol: ICMP, srcPort: 7 });
    expect(echo.through(inside)).toBe('out by 1');
    expect([echo.ends, echo.sound]).toEqual(['192.0.2.64:2001 > 203.0.113.5:2001', true]);
    const reply = back('192.0.2.64', 0, { protocol: ICMP, srcPort: 2001 });
    reply.bytes[IP + 20] = 0;
    reply.view.setUint16(IP + 22, reply.view.getUint16(IP + 22) + 0x800);
    expect([reply.sound, reply.through(outside, 1), reply.ends]).toEqual([
      true,
      'out by 0',
      '203.0.113.5:7 > 10.0.0.9:7',
    ]);
    expect(reply.sound).toBe(true);
  });

  test('a UDP checksum of zero stays zero (RFC 768)', () => {
    const { inside } = natOf();
    const packet = out({ noChecksum: true });
    expect(packet.through(inside)).toBe('out by 1');
    expect(packet.view.getUint16(IP + 26)).toBe(0);
  });

  test('one inside endpoint is one external endpoint, whoever it talks to (RFC 4787 REQ-1)', () => {
    const { inside } = natOf();
    const ends = ['203.0.113.5', '203.0.113.6', '198.51.100.1'].map((dst) => {
      const packet = out({ dst });
      packet.through(inside);
      return packet.ends.split(' ')[0];
    });
    expect(new Set(ends).size).toBe(1);
    expect([...inside.counts]).toEqual([1, 0]);
  });

  test('between inside networks nothing is translated, and hairpinning works (RFC 4787 REQ-9)', () => {
    const { inside } = natOf();
    const local = out({ dst: '10.0.0.7' });
    expect([local.through(inside), local.ends]).toEqual(['out by 0', '10.0.0.9:1024 > 10.0.0.7:53']);
    out({ src: '10.0.0.8', srcPort: 4000 }).through(inside);
    const hairpin = out({ dst: '192.0.2.64', dstPort: 2000 });
    expect(hairpin.through(inside)).toBe('out by 0');
    expect([hairpin.ends, hairpin.sound]).toEqual(['192.0.2.64:2002 > 10.0.0.8:4000', true]);
  });
});

describe('ports', () => {
  test('an even port gets an even one, an odd one an odd one, and either where there is no other (REQ-4)', () => {
    const { inside } = natOf({ pool: { firstAddress: 0xc000_0240, addresses: 1, firstPort: 2000, ports: 4 } });
    const ports = [1025, 1026, 1028, 1030, 1032].map((srcPort) => {
      const packet = out({ srcPort });
      const verdict = packet.through(inside);
      return verdict === 'out by 1' ? Number(/:(\d+) >/.exec(packet.ends)![1]) : verdict;
    });
    expect(ports).toEqual([2001, 2000, 2002, 2003, 'nf_ports_exhausted']);
  });

  test('vCPUs have blocks of their own, and read each other’s mappings', () => {
    const bed = new NatBed();
    const [first, second] = [bed.nat(0, 2), bed.nat(1, 2)];
    const one = out();
    const other = out({ src: '10.0.0.10' });
    expect([one.through(first), other.through(second)]).toEqual(['out by 1', 'out by 1']);
    expect(one.ends).toBe('192.0.2.64:2000 > 203.0.113.5:53');
    expect(other.ends).toBe('192.0.2.64:2032 > 203.0.113.5:53');
    const answers = [back('192.0.2.64', 2032), back('192.0.2.64', 2000)];
    expect([answers[0].through(first, 1), answers[1].through(second, 1)]).toEqual(['out by 0', 'out by 0']);
    expect(answers.map(({ ends }) => ends.split(' > ')[1])).toEqual(['10.0.0.10:1024', '10.0.0.9:1024']);
  });

  test('an inside address keeps to one external address (REQ-2)', () => {
    const { inside } = natOf({ pool: { firstAddress: 0xc000_0240, addresses: 4, firstPort: 2000, ports: 16 } });
    const externalOf = (src: string, srcPort: number): string => {
      const packet = out({ src, srcPort });
      packet.through(inside);
      return packet.ends.split(':')[0];
    };
    const addresses = ['10.0.0.8', '10.0.0.9', '10.0.0.10', '10.0.0.11'].map((src) => [
      externalOf(src, 1024),
      externalOf(src, 1025),
    ]);
    expect(addresses.every(([a, b]) => a === b)).toBe(true);
    expect(new Set(addresses.map(([a]) => a)).size).toBe(4);
  });
});

describe('time', () => {
  test.each([
    ['UDP', 300, {}],
    ['ICMP', 60, { protocol: ICMP }],
    ['TCP being opened', 240, { protocol: TCP, flags: SYN }],
    ['TCP', 7440, { protocol: TCP, flags: ACK }],
    ['TCP after a reset', 240, { protocol: TCP, flags: RST }],
  ] as const)('a mapping of %s lives %d s after its last outgoing packet', (_, seconds, fields: PacketFields) => {
    const { inside, outside } = natOf();
    const answered = (nowNs: number): string =>
      (fields.protocol === ICMP
        ? back('192.0.2.64', 0, { ...fields, srcPort: 2000 })
        : back('192.0.2.64', 2000, fields)
      ).through(outside, 1, nowNs);
    out(fields).through(inside, 0, 1 * S);
    expect(answered(seconds * S)).toBe('out by 0');
    out(fields).through(inside, 0, 10 * S);
    expect(answered((10 + seconds) * S - MS)).toBe('out by 0');
    // What comes in does not keep it alive.
    expect(answered((10 + seconds) * S)).toBe('nf_no_mapping');
  });

  /** How long the mapping of 10.0.0.9:1024 lives after `segments`, one a second: s after the last that went out. */
  function lifeAfter(segments: readonly (readonly ['out' | 'back', number, (readonly [string, number])?])[]): number {
    const { inside, outside } = natOf();
    let lastOut = 0;
    segments.forEach(([way, flags, [peer, peerPort] = ['203.0.113.5', 53]], s) => {
      const fields = { protocol: TCP, flags };
      const packet =
        way === 'out'
          ? out({ ...fields, dst: peer, dstPort: peerPort })
          : back('192.0.2.64', 2000, { ...fields, src: peer, srcPort: peerPort });
      expect(packet.through(way === 'out' ? inside : outside, way === 'out' ? 0 : 1, s * S)).toMatch(/^out/);
      if (way === 'out') lastOut = s;
    });
    const lives = (s: number): boolean =>
      back('192.0.2.64', 2000, { protocol: TCP }).through(outside, 1, (lastOut + s) * S) === 'out by 0';
    const life = [240, 7440].find((s) => !lives(s))!;
    expect(lives(life - 1)).toBe(true);
    return life;
  }
  const OPENED = [
    ['out', SYN],
    ['back', SYN | ACK],
    ['out', ACK],
  ] as const;
  const CLOSED = [...OPENED, ['out', FIN_ACK], ['back', FIN_ACK], ['out', ACK]] as const;
  const OTHER = ['198.51.100.1', 80] as const;

  test.each([
    ['is established by the segment after its SYN', 7440, OPENED],
    ['stays established through a SYN that comes again', 7440, [...OPENED, ['out', SYN]]],
    ['that the inside has closed is still open for the answer', 7440, [...OPENED, ['out', FIN_ACK], ['out', ACK]]],
    ['that the outside has closed is still open for the rest', 7440, [...OPENED, ['back', FIN_ACK], ['out', ACK]]],
    ['is closing when both have closed, the inside first', 240, CLOSED],
    ['is closing when both have closed, the outside first', 240, [...OPENED, ['back', FIN_ACK], ['out', FIN_ACK]]],
    ['stays so when its end is said again', 240, [...CLOSED, ['back', FIN_ACK], ['out', ACK]]],
    ['is opened anew by a SYN', 240, [...CLOSED, ['out', SYN]]],
    ['opened anew is established anew', 7440, [...CLOSED, ['out', SYN], ['out', ACK]]],
    ['opened anew is half closed by one FIN', 7440, [...CLOSED, ['out', SYN], ['out', ACK], ['out', FIN_ACK]]],
    ['ends with a reset from the inside', 240, [...OPENED, ['out', RST]]],
    ['goes on when a reset was not believed', 7440, [...OPENED, ['out', RST], ['out', ACK]]],
  ] as const)('a TCP connection %s (RFC 5382 REQ-5)', (_, life, segments) => expect(lifeAfter(segments)).toBe(life));

  test.each([
    ['the FINs of one', [...OPENED, ['out', ACK, OTHER], ...CLOSED.slice(3)]],
    ['the reset of one', [...OPENED, ['out', ACK, OTHER], ['out', RST]]],
    ['the SYN of another', [...OPENED, ['out', SYN, OTHER]]],
    ['one that comes after another has closed', [...CLOSED, ['out', SYN, OTHER], ['out', ACK, OTHER]]],
    ['half of one after another has closed', [...CLOSED, ['out', ACK, OTHER], ['out', FIN_ACK, OTHER]]],
    ['one to another port of the same host', [...OPENED, ['out', ACK, ['203.0.113.5', 54]], ...CLOSED.slice(3)]],
  ] as const)('connections that share a mapping are not cut short by %s', (_, segments) =>
    expect(lifeAfter(segments)).toBe(7440),
  );

  test('the FIN of an earlier owner of an external port closes nothing of the next', () => {
    const { inside, outside } = natOf({ pool: { firstAddress: 0xc000_0240, addresses: 1, firstPort: 2000, ports: 1 } });
    const send = (flags: number, s: number, src?: string) =>
      out({ protocol: TCP, flags, ...(src === undefined ? {} : { src }) }).through(inside, 0, s * S);
    const fin = (s: number) => back('192.0.2.64', 2000, { protocol: TCP, flags: FIN_ACK }).through(outside, 1, s * S);
    send(SYN, 0);
    expect(fin(1)).toBe('out by 0');
    expect(fin(240)).toBe('nf_no_mapping');
    send(SYN, 241, '10.0.0.10');
    send(ACK, 242, '10.0.0.10');
    expect(send(FIN_ACK, 243, '10.0.0.10')).toBe('out by 1');
    expect(fin(243 + 7439)).toBe('out by 0');
    expect([...inside.counts]).toEqual([2, 1]);
  });

  test('ports of expired mappings are used again when none is free', () => {
    const { inside } = natOf({ pool: { firstAddress: 0xc000_0240, addresses: 1, firstPort: 2000, ports: 8 } });
    const tries = (nowNs: number, first: number) =>
      Array.from({ length: 9 }, (_, i) => out({ srcPort: first + i }).through(inside, 0, nowNs));
    expect(tries(0, 3000).filter((verdict) => verdict === 'out by 1').length).toBe(8);
    expect(tries(299 * S, 4000)).toEqual(new Array(9).fill('nf_ports_exhausted'));
    expect(tries(300 * S, 4000).filter((verdict) => verdict === 'out by 1').length).toBe(8);
    expect([...inside.counts]).toEqual([16, 8]);
  });

  test('the clock of mappings comes round after 2^32 ms without a mapping ending early', () => {
    const { inside, outside } = natOf();
    const nearWrap = (2 ** 31 - 1000) * MS;
    out().through(inside, 0, nearWrap);
    expect(back('192.0.2.64', 2000).through(outside, 1, nearWrap + 299 * S)).toBe('out by 0');
    expect(back('192.0.2.64', 2000).through(outside, 1, nearWrap + 300 * S)).toBe('nf_no_mapping');
  });
});

describe('drops', () => {
  const { inside, outside } = natOf();
  const cut = (bytes: number, fields: PacketFields) => {
    const packet = out(fields);
    packet.view.setUint16(IP + 2, bytes);
    packet.seal();
    return packet;
  };

  test.each<[string, Packet, number]>([
    ['nf_fragment', out({ fragment: 0x2000 }), 0],
    ['nf_nat_protocol', out({ protocol: 47 }), 0],
    ['nf_l4_hdr_errors', cut(20 + 7, {}), 0],
    ['nf_l4_hdr_errors', cut(20 + 19, { protocol: TCP }), 0],
    ['nf_l4_hdr_errors', cut(20 + 7, { protocol: ICMP }), 0],
    ['nf_no_mapping', back('192.0.2.64', 2000), 1],
    ['nf_no_mapping', back('192.0.2.64', 1999), 1],
    ['nf_no_mapping', back('192.0.2.64', 60000), 1],
    ['nf_no_mapping', back('10.0.0.9', 1024), 1],
    ['nf_ttl_exceeded', out({ ttl: 1 }), 0],
    ['nf_local', out({ dst: '10.0.0.1' }), 0],
  ])('%s', (reason, packet, port) => {
    expect(packet.through(port === 0 ? inside : outside, port)).toBe(reason);
  });

  test('an ICMP error is not translated', () => {
    const packet = out({ protocol: ICMP });
    packet.bytes[IP + 20] = 3;
    expect(packet.through(inside)).toBe('nf_nat_protocol');
  });

  test('a mapping is of one protocol', () => {
    const nat = natOf();
    out().through(nat.inside);
    expect(back('192.0.2.64', 2000, { protocol: TCP }).through(nat.outside, 1)).toBe('nf_no_mapping');
  });

  test('what no mapping was wanted for takes no port', () => {
    expect([...inside.counts]).toEqual([0, 0]);
  });
});

test('holds a million mappings, each to be found from either side', () => {
  const flows = 1_000_000;
  const ports = 64_512;
  const pool = { firstAddress: 0xc000_0240, addresses: 16, firstPort: 1024, ports };
  const bed = new NatBed({ pool });
  const [inside, outside]: readonly Nat44[] = [bed.nat(0, 1), bed.nat(null, 1)];
  const packet = out({ noChecksum: true });
  const { bytes, view } = packet;
  const template = bytes.slice();
  const ask = (flow: number): number => {
    bytes.set(template.subarray(0, 96));
    view.setUint32(IP + 12, 0x0a00_0100 + Math.floor(flow / ports));
    view.setUint16(IP + 20, 1024 + (flow % ports));
    packet.seal();
    return inside.process(bytes, IP - 14, packet.length, 0, S);
  };
  const external = new Float64Array(flows);
  for (let flow = 0; flow < flows; flow++) {
    if (ask(flow) !== 1) throw new Error(`flow ${flow} got no mapping`);
    external[flow] = (view.getUint32(IP + 12) - pool.firstAddress) * 65_536 + view.getUint16(IP + 20);
  }
  expect([...inside.counts]).toEqual([flows, 0]);
  expect(new Set(external).size).toBe(flows);
  for (let flow = 0; flow < flows; flow += 97) {
    ask(flow);
    expect((view.getUint32(IP + 12) - pool.firstAddress) * 65_536 + view.getUint16(IP + 20)).toBe(external[flow]);
    const answer = back('192.0.2.64', 0, { noChecksum: true });
    answer.view.setUint32(IP + 16, pool.firstAddress + Math.floor(external[flow] / 65_536));
    answer.view.setUint16(IP + 22, external[flow] % 65_536);
    answer.seal();
    answer.through(outside, 1, S);
    expect([answer.view.getUint32(IP + 16), answer.view.getUint16(IP + 22)]).toEqual([
      0x0a00_0100 + Math.floor(flow / ports),
      1024 + (flow % ports),
    ]);
  }
  expect([...inside.counts]).toEqual([flows, 0]);
});
