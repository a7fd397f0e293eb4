import { describe, expect, test } from 'vitest';
import { ANY_ENDPOINT, AddressCheck } from '../../../src/net/wire/address-check.ts';
import type { ExpectedEnd } from '../../../src/net/wire/address-check.ts';
import { parseIpv4 } from '../../../src/net/wire/address.ts';
import { IP, Packet } from '../../support/packets.ts';

const PEER = { addressLow: parseIpv4('203.0.113.4'), addressHigh: parseIpv4('203.0.113.5'), portLow: 53, portHigh: 54 };
/** Flows 0 to 7 are sent from 10.0.0.9, ports 1024 to 1027, and then from 10.0.0.10. */
const check = (source: ExpectedEnd, destination: ExpectedEnd) =>
  new AddressCheck({ source, destination, srcAddress: parseIpv4('10.0.0.9'), srcPort: 1024, srcPortCount: 4 });
const matches = (each: AddressCheck, packet: Packet, flow: number) => each.matches(packet.bytes, IP, flow);

describe('an end that must be what the flow was sent from', () => {
  const kept = check('flow', ANY_ENDPOINT);

  test('is it exactly', () => {
    expect(matches(kept, new Packet({ srcPort: 1026 }), 2)).toBe(true);
    expect(matches(kept, new Packet({ src: '10.0.0.10', srcPort: 1025 }), 5)).toBe(true);
    expect(matches(kept, new Packet({ srcPort: 1026 }), 3)).toBe(false);
    expect(matches(kept, new Packet({ srcPort: 1025 }), 5)).toBe(false);
  });

  test('may be the destination of an answer', () => {
    const answered = check(PEER, 'flow');
    const answer = { src: '203.0.113.5', srcPort: 53, dst: '10.0.0.9' };
    expect(matches(answered, new Packet({ ...answer, dstPort: 1024 }), 0)).toBe(true);
    expect(matches(answered, new Packet({ ...answer, dstPort: 1025 }), 0)).toBe(false);
  });
});

test('addresses are compared as unsigned', () => {
  const range = { ...PEER, addressLow: parseIpv4('127.255.255.255'), addressHigh: parseIpv4('128.0.0.1') };
  const to = (dst: string) => matches(check(ANY_ENDPOINT, range), new Packet({ dst, dstPort: 53 }), 0);
  expect(['127.255.255.254', '127.255.255.255', '128.0.0.0', '128.0.0.1', '128.0.0.2'].map(to)).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(['0.0.0.0', '255.255.255.255'].map(to)).toEqual([false, false]);
  const high = new AddressCheck({
    source: 'flow',
    destination: ANY_ENDPOINT,
    srcAddress: parseIpv4('198.18.0.9'),
    srcPort: 1024,
    srcPortCount: 4,
  });
  expect(matches(high, new Packet({ src: '198.18.0.10', srcPort: 1025 }), 5)).toBe(true);
});

test('an end within ranges: lowest and highest included', () => {
  const translated = check(ANY_ENDPOINT, PEER);
  const to = (dst: string, dstPort: number) => matches(translated, new Packet({ dst, dstPort }), 0);
  expect([to('203.0.113.4', 53), to('203.0.113.5', 54)]).toEqual([true, true]);
  expect([to('203.0.113.3', 53), to('203.0.113.6', 53), to('203.0.113.4', 52), to('203.0.113.4', 55)]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
