import { describe, expect, test } from 'vitest';
import { IPV4_INPUT_DROPS } from '../../../../actors/guest/network-functions/ipv4-input.ts';
import { SERVER_DROPS, Server } from '../../../../actors/guest/network-functions/server.ts';
import { parseIpv4 } from '../../../../src/net/wire/address.ts';
import { ARP_FRAME_BYTES, writeAnnouncement } from '../../../../src/net/wire/arp.ts';
import { ICMP, IP, OFFSET, PORT_MACS, Packet, TCP, guestPort } from '../../../support/packets.ts';
import type { PacketFields } from '../../../support/packets.ts';

const nf = new Server({
  kind: 'server',
  ports: [guestPort(PORT_MACS[0], '198.18.0.1'), guestPort(PORT_MACS[1], '198.18.1.1')],
});
const request = (fields: PacketFields = {}) =>
  new Packet({ src: '198.18.0.10', dst: '198.18.0.1', dstPort: 7, ...fields });

describe('UDP', () => {
  test('the answer is the request with its ends swapped, to the station it came from, by the same vNIC', () => {
    const packet = request({ ttl: 3 });
    expect(packet.through(nf)).toBe('out by 0');
    expect(packet.ends).toBe('198.18.0.1:7 > 198.18.0.10:1024');
    expect([packet.dstMac, packet.srcMac, packet.ttl]).toEqual(['02:00:00:00:00:09', PORT_MACS[0], 64]);
    expect(packet.sound).toBe(true);
    expect([...packet.bytes.slice(IP + 28, IP + 33)]).toEqual([1, 2, 3, 4, 5]);
  });

  test('a datagram without checksum is answered without one (RFC 768)', () => {
    const packet = request({ noChecksum: true });
    expect(packet.through(nf)).toBe('out by 0');
    expect(packet.view.getUint16(IP + 26)).toBe(0);
  });

  test('it answers to each of its addresses by either vNIC', () => {
    const packet = request({ dst: '198.18.1.1' });
    expect(packet.through(nf)).toBe('out by 0');
    expect(packet.ends).toBe('198.18.1.1:7 > 198.18.0.10:1024');
  });
});

test('ICMP echo: the reply has the data of the request (RFC 1122 section 3.2.2.6)', () => {
  const packet = request({ protocol: ICMP, srcPort: 77, payload: [9, 8, 7] });
  expect(packet.through(nf)).toBe('out by 0');
  expect(packet.ends).toBe('198.18.0.1:77 > 198.18.0.10:77');
  expect([packet.bytes[IP + 20], packet.sound]).toEqual([0, true]);
  expect([...packet.bytes.slice(IP + 28, IP + 31)]).toEqual([9, 8, 7]);
});

describe('ARP', () => {
  const ask = (address: string, operation = 1) => {
    const packet = request();
    const { bytes, view } = packet;
    // Station 02:00:00:00:00:09, 198.18.0.10, asks everybody.
    writeAnnouncement(bytes, OFFSET, 0x0200, 9, parseIpv4('198.18.0.10'));
    view.setUint16(OFFSET + 20, operation);
    view.setUint32(OFFSET + 38, parseIpv4(address));
    return packet;
  };

  test('who asks for its address is told where it is (RFC 826)', () => {
    const packet = ask('198.18.0.1');
    expect(packet.through(nf)).toBe('out by 0');
    const hex = Buffer.from(packet.bytes.slice(OFFSET, OFFSET + 42)).toString('hex');
    expect(hex).toBe(
      '020000000009' +
        '525400000001' +
        '0806' +
        '0001' +
        '0800' +
        '0604' +
        '0002' +
        '525400000001' +
        'c6120001' +
        '020000000009' +
        'c612000a',
    );
  });

  test('other questions, replies and short frames are ignored', () => {
    expect(ask('198.18.0.2').through(nf)).toBe('nf_arp_ignored');
    expect(ask('198.18.0.1', 2).through(nf)).toBe('nf_arp_ignored');
    const short = ask('198.18.0.1');
    expect(nf.process(short.bytes, OFFSET, 41, 0)).toBe(
      -1 - SERVER_DROPS.findIndex(({ name }) => name === 'nf_arp_ignored'),
    );
    expect(ARP_FRAME_BYTES).toBe(60);
  });
});

describe('drops', () => {
  const damaged = (at: number, fields: PacketFields = {}) => {
    const packet = request(fields);
    packet.bytes[at] ^= 1;
    return packet;
  };
  const withTotal = (bytes: number, fields: PacketFields = {}) => {
    const packet = request(fields);
    packet.view.setUint16(IP + 2, bytes);
    packet.seal();
    return packet;
  };

  test.each<[string, () => Packet]>([
    ['nf_not_local', () => request({ dst: '198.18.0.2' })],
    ['nf_martian', () => request({ src: '0.0.0.0' })],
    ['nf_martian', () => request({ src: '224.0.0.1' })],
    ['nf_fragment', () => request({ fragment: 0x2000 })],
    ['nf_l4_hdr_errors', () => withTotal(20 + 7)],
    ['nf_l4_hdr_errors', () => withTotal(20 + 7, { protocol: ICMP })],
    ['nf_l4_hdr_errors', () => damaged(IP + 24)],
    ['nf_bad_l4_checksum', () => damaged(IP + 29)],
    ['nf_bad_l4_checksum', () => damaged(IP + 29, { protocol: ICMP })],
    ['nf_no_service', () => request({ protocol: TCP })],
    ['nf_bad_checksum', () => damaged(IP + 4)],
    ['nf_not_for_us', () => request({ dstMac: '52:54:00:00:00:07' })],
  ])('%s', (reason, make) => {
    const packet = make();
    expect(packet.through(nf)).toBe(reason);
  });

  test('an echo reply is no request', () => {
    const packet = request({ protocol: ICMP });
    expect(packet.through(nf)).toBe('out by 0');
    const back = request({ protocol: ICMP });
    back.bytes.set(packet.bytes.slice(IP + 20, IP + 33), IP + 20);
    expect(back.through(nf)).toBe('nf_no_service');
  });

  test('every reason of its own is reached above', () => {
    const own = SERVER_DROPS.slice(IPV4_INPUT_DROPS.length).map(({ name }) => name);
    expect(own).toEqual([
      'nf_arp_ignored',
      'nf_not_local',
      'nf_martian',
      'nf_fragment',
      'nf_l4_hdr_errors',
      'nf_bad_l4_checksum',
      'nf_no_service',
    ]);
  });
});
