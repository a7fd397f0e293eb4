import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IpForwardConfig } from '../../../../actors/guest/network-functions/ip-forward.ts';
import { IP_FORWARD_DROPS, IpForward } from '../../../../actors/guest/network-functions/ip-forward.ts';
import { parseIpv4 } from '../../../../src/net/wire/address.ts';
import { internetChecksum } from '../../../../src/net/wire/checksum.ts';
import { parseMac } from '../../../../src/net/wire/ethernet.ts';

const mac = (last: number): { macHigh: number; macLow: number } => {
  const { high, low } = parseMac(`52:54:00:00:00:0${last}`);
  return { macHigh: high, macLow: low };
};
const route = (prefix: string, length: number, port: number, hop: number) => {
  const { high, low } = parseMac(`02:00:00:00:00:0${hop}`);
  return { prefix: parseIpv4(prefix), length, port, nextHopHigh: high, nextHopLow: low };
};
const CONFIG: IpForwardConfig = {
  kind: 'ip-forward',
  ports: [
    { ...mac(1), address: parseIpv4('10.0.0.1'), mtuBytes: 9000 },
    { ...mac(2), address: parseIpv4('10.0.1.1'), mtuBytes: 1500 },
  ],
  routes: [route('10.0.0.0', 24, 0, 1), route('10.0.1.0', 24, 1, 2), route('10.0.1.128', 25, 0, 3)],
};
const OFFSET = 32;
const IP = OFFSET + 14;

interface Packet {
  dst?: string;
  ttl?: number;
  dstMac?: number[];
  type?: number;
  bytes?: number;
  headerWords?: number;
}

function packet({
  dst = '10.0.1.9',
  ttl = 64,
  dstMac = [0x52, 0x54, 0, 0, 0, 1],
  type = 0x0800,
  bytes = 60,
  headerWords = 5,
}: Packet = {}) {
  const memory = new Uint8Array(256);
  const view = new DataView(memory.buffer);
  memory.set(dstMac, OFFSET);
  memory.set([2, 0, 0, 0, 0, 9], OFFSET + 6);
  view.setUint16(OFFSET + 12, type);
  view.setUint8(IP, 0x40 | headerWords);
  view.setUint16(IP + 2, 46);
  view.setUint16(IP + 4, 0x1234);
  view.setUint8(IP + 8, ttl);
  view.setUint8(IP + 9, 17);
  view.setUint32(IP + 12, parseIpv4('10.0.0.9'));
  view.setUint32(IP + 16, parseIpv4(dst));
  view.setUint16(IP + 10, 0);
  view.setUint16(IP + 10, internetChecksum(memory, IP, headerWords * 4));
  return { memory, view, length: bytes };
}

function verdictOf({ memory, length }: ReturnType<typeof packet>, port = 0): string {
  const verdict = new IpForward(CONFIG).process(memory, OFFSET, length, port);
  return verdict >= 0 ? `out by ${verdict}` : IP_FORWARD_DROPS[-1 - verdict].name;
}

test('a packet is forwarded: TTL less one, header checksum right, MAC addresses of the next hop and the way out', () => {
  const p = packet();
  const before = p.memory.slice();
  expect(verdictOf(p)).toBe('out by 1');
  expect([...p.memory.slice(OFFSET, OFFSET + 12)]).toEqual([2, 0, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 2]);
  expect(p.memory[IP + 8]).toBe(63);
  expect(internetChecksum(p.memory, IP, 20)).toBe(0);
  // Nothing else has changed (RFC 1812 section 5.3).
  before.set(p.memory.slice(OFFSET, OFFSET + 12), OFFSET);
  before.set(p.memory.slice(IP + 8, IP + 12), IP + 8);
  expect(p.memory).toEqual(before);
});

describe('drops', () => {
  test.each<[string, Packet]>([
    ['nf_not_for_us', { dstMac: [0x52, 0x54, 0, 0, 0, 2] }],
    ['nf_not_ipv4', { type: 0x0806 }],
    ['nf_not_ipv4', { type: 0x0806, dstMac: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }],
    ['nf_multicast', { dstMac: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }],
    ['nf_vlan', { type: 0x8100 }],
    ['nf_vlan', { type: 0x8100, dstMac: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }],
    ['nf_qinq', { type: 0x88a8 }],
    ['nf_multicast', { dst: '224.0.0.1' }],
    ['nf_multicast', { dst: '255.255.255.255' }],
    ['nf_in_hdr_errors', { bytes: 14 + 19 }],
    ['nf_in_hdr_errors', { headerWords: 4 }],
    ['nf_in_hdr_errors', { headerWords: 15 }],
    ['nf_in_hdr_errors', { bytes: 14 + 45 }],
    ['nf_ttl_exceeded', { ttl: 1 }],
    ['nf_ttl_exceeded', { ttl: 0 }],
    ['nf_no_route', { dst: '10.0.2.1' }],
    ['nf_local', { dst: '10.0.0.1' }],
    // Any address of the router is its own, by whatever port the packet came (RFC 1812 section 5.2.3).
    ['nf_local', { dst: '10.0.1.1' }],
  ])('%s: %o', (reason, fields) => {
    const p = packet(fields);
    const before = p.memory.slice();
    expect(verdictOf(p)).toBe(reason);
    expect(p.memory).toEqual(before);
  });

  test('nf_in_hdr_errors: version 6 within an IPv4 frame, total length below the header', () => {
    const six = packet();
    six.view.setUint8(IP, 0x65);
    expect(verdictOf(six)).toBe('nf_in_hdr_errors');
    const short = packet();
    short.view.setUint16(IP + 2, 19);
    expect(verdictOf(short)).toBe('nf_in_hdr_errors');
  });

  test.each([
    ['10.0.1.9', 1500, 'out by 1'],
    ['10.0.1.9', 1501, 'nf_frag_needed'],
    ['10.0.1.200', 1501, 'out by 0'],
    ['10.0.1.200', 9000, 'out by 0'],
    ['10.0.1.200', 9001, 'nf_frag_needed'],
  ])('to %s with %d bytes: %s, by the MTU of the vNIC it leaves by', (dst, totalBytes, verdict) => {
    const p = packet({ dst });
    const memory = new Uint8Array(10_000);
    memory.set(p.memory);
    const view = new DataView(memory.buffer);
    view.setUint16(IP + 2, totalBytes);
    view.setUint16(IP + 10, 0);
    view.setUint16(IP + 10, internetChecksum(memory, IP, 20));
    expect(verdictOf({ memory, view, length: 14 + totalBytes })).toBe(verdict);
  });

  test('nf_bad_checksum: one bit anywhere in the header', () => {
    for (const at of [1, 4, 8, 10, 12, 19]) {
      const p = packet();
      p.memory[IP + at] ^= 0x10;
      expect(verdictOf(p)).toBe('nf_bad_checksum');
    }
  });

  test('every reason there is was reached above', () => {
    expect(IP_FORWARD_DROPS.map(({ name }) => name).sort()).toEqual(
      [
        'nf_not_for_us',
        'nf_not_ipv4',
        'nf_in_hdr_errors',
        'nf_bad_checksum',
        'nf_ttl_exceeded',
        'nf_no_route',
        'nf_local',
        'nf_frag_needed',
        'nf_multicast',
        'nf_vlan',
        'nf_qinq',
      ].sort(),
    );
  });
});

test('the longest prefix wins', () => {
  expect(verdictOf(packet({ dst: '10.0.1.127' }))).toBe('out by 1');
  expect(verdictOf(packet({ dst: '10.0.1.128' }))).toBe('out by 0');
});

/** What a router has to do, without tricks: scan all routes, write the header anew, sum it. */
function naive(p: ReturnType<typeof packet>): string {
  const { view, memory, length } = p;
  const dst = view.getUint32(IP + 16);
  const header = (view.getUint8(IP) & 15) * 4;
  const total = view.getUint16(IP + 2);
  if (view.getUint8(IP) >> 4 !== 4 || header < 20 || header > length - 14 || total < header || total > length - 14)
    return 'nf_in_hdr_errors';
  if (internetChecksum(memory, IP, header) !== 0) return 'nf_bad_checksum';
  if (CONFIG.ports.some(({ address }) => address >>> 0 === dst)) return 'nf_local';
  if (dst >= 0xe0000000) return 'nf_multicast';
  const routes = [...CONFIG.routes].sort((a, b) => b.length - a.length);
  const found = routes.find(({ prefix, length: bits }) => (dst ^ (prefix >>> 0)) >>> (32 - bits) === 0);
  if (found === undefined) return 'nf_no_route';
  const ttl = view.getUint8(IP + 8);
  if (ttl <= 1) return 'nf_ttl_exceeded';
  view.setUint8(IP + 8, ttl - 1);
  view.setUint16(IP + 10, 0);
  view.setUint16(IP + 10, internetChecksum(memory, IP, header));
  memory.set([found.nextHopHigh >> 8, found.nextHopHigh & 255], OFFSET);
  view.setInt32(OFFSET + 2, found.nextHopLow);
  view.setUint16(OFFSET + 6, CONFIG.ports[found.port].macHigh);
  view.setInt32(OFFSET + 8, CONFIG.ports[found.port].macLow);
  return `out by ${found.port}`;
}

test('agrees with a naive router on any header', () => {
  const dst = fc.oneof(
    fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(255)).map(([net, host]) => `10.0.${net}.${host}`),
    fc.ipV4(),
  );
  const fields = fc.record({
    dst,
    ttl: fc.nat(255),
    headerWords: fc.oneof({ weight: 8, arbitrary: fc.constant(5) }, fc.nat(15)),
    bytes: fc.integer({ min: 34, max: 90 }),
  });
  const damage = fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    fc.tuple(fc.nat(19), fc.integer({ min: 1, max: 255 })),
  );
  fc.assert(
    fc.property(fields, fc.nat(0xffff), damage, (given, id, flip) => {
      const p = packet(given);
      p.view.setUint16(IP + 4, id);
      p.view.setUint16(IP + 10, 0);
      p.view.setUint16(IP + 10, internetChecksum(p.memory, IP, given.headerWords * 4));
      if (flip !== null) p.memory[IP + flip[0]] ^= flip[1];
      const memory = p.memory.slice();
      const copy = { memory, view: new DataView(memory.buffer), length: p.length };
      expect(verdictOf(p)).toBe(naive(copy));
      expect(p.memory).toEqual(copy.memory);
    }),
    { numRuns: 2000 },
  );
});
