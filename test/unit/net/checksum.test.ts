import { describe, expect, it } from 'vitest';
import {
  addWords,
  foldSum,
  internetChecksum,
  ipv4ChecksumOk,
  updateChecksum16,
  updateChecksum32,
} from '../../../src/net/wire/checksum.ts';
import { decrementTtl, ipv4Checksum, ipv4Ttl } from '../../../src/net/wire/ipv4.ts';
import { tcpChecksumOk, writeTcpChecksum } from '../../../src/net/tcp/tcp.ts';
import { udpChecksumField, udpChecksumOk, writeUdpChecksum } from '../../../src/net/wire/udp.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

describe('Internet checksum', () => {
  it('gives the sum of RFC 1071 section 3, by words and with an odd offset', () => {
    const data = hex('00 01 f2 03 f4 f5 f6 f7');
    expect(addWords(0, data, 0, 8)).toBe(0x2ddf0);
    expect(foldSum(0x2ddf0)).toBe(0xddf2);
    expect(internetChecksum(data, 0, 8)).toBe(0x220d);
    const shifted = new Uint8Array(13);
    shifted.set(data, 5);
    expect(internetChecksum(shifted, 5, 8)).toBe(0x220d);
  });

  it('pads an odd byte on the right', () => {
    expect(internetChecksum(hex('00 01 f2'), 0, 3)).toBe((0x0001 + 0xf200) ^ 0xffff);
    expect(internetChecksum(hex(''), 0, 0)).toBe(0xffff);
  });

  it('carries around more than once, at the longest IPv4 packet of all ones', () => {
    const data = new Uint8Array(65_534).fill(0xff);
    expect(internetChecksum(data, 0, data.length)).toBe(0);
    expect(foldSum(0xffff_ffff)).toBe(0xffff);
    expect(foldSum(0x0001_ffff)).toBe(1);
  });
});

describe('incremental update', () => {
  it('gives the result of RFC 1624 section 4, where eqn. 2 fails', () => {
    expect(updateChecksum16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('leaves an unchanged word alone, the checksum zero included', () => {
    expect(updateChecksum16(0x0000, 0x5555, 0x5555)).toBe(0x0000);
    expect(updateChecksum32(0x0000, 0x5555_0001, 0x5555_0001)).toBe(0x0000);
  });

  it('treats signed and unsigned 32-bit values alike', () => {
    expect(updateChecksum32(0x1234, 0xc0a80001, 0xffff0000)).toBe(
      updateChecksum32(0x1234, 0xc0a80001 | 0, 0xffff0000 | 0),
    );
  });
});

describe('IPv4 header checksum', () => {
  // A header whose checksum 0xb861 is published in many texts (Wikipedia, "Internet checksum").
  const header = hex('45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7');

  it('verifies, and fails for any single wrong bit', () => {
    expect(ipv4ChecksumOk(header, 0, 20)).toBe(true);
    for (let bit = 0; bit < 160; bit += 1) {
      const wrong = header.slice();
      wrong[bit >> 3] ^= 1 << (bit & 7);
      expect(ipv4ChecksumOk(wrong, 0, 20)).toBe(false);
    }
  });

  it('covers options', () => {
    const withOptions = new Uint8Array(25);
    withOptions.set(header, 1);
    withOptions.set([0x46, 0x00], 1);
    withOptions.set([0x94, 0x04, 0x00, 0x00], 21);
    withOptions.set([0, 0], 11);
    const checksum = internetChecksum(withOptions, 1, 24);
    withOptions.set([checksum >> 8, checksum & 0xff], 11);
    expect(ipv4ChecksumOk(withOptions, 1, 24)).toBe(true);
    withOptions[24] = 1;
    expect(ipv4ChecksumOk(withOptions, 1, 24)).toBe(false);
  });

  it('stays right through every TTL decrement', () => {
    const packet = header.slice();
    for (let ttl = 0x3f; ttl > 0; ttl -= 1) {
      decrementTtl(packet, 0);
      expect(ipv4Ttl(packet, 0)).toBe(ttl);
      expect(ipv4ChecksumOk(packet, 0, 20)).toBe(true);
    }
    expect(ipv4Checksum(packet, 0)).toBe(0xb861 + 0x3f00);
  });
});

describe('UDP and TCP checksums', () => {
  const udpPacket = (payload: number[]): Uint8Array => {
    const packet = new Uint8Array(28 + payload.length);
    packet.set([0x45, 0, 0, packet.length, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.set([0x04, 0x00, 0x00, 0x35, 0, 8 + payload.length, 0, 0], 20);
    packet.set(payload, 28);
    return packet;
  };

  it('covers pseudo header, header and an odd payload', () => {
    const packet = udpPacket([1, 2, 3]);
    writeUdpChecksum(packet, 0);
    // By hand: 0a00+0001+0a00+0002 + 0011+000b + 0400+0035+000b + 0102+0300
    expect(udpChecksumField(packet, 20)).toBe(0x1c61 ^ 0xffff);
    expect(udpChecksumOk(packet, 0)).toBe(true);
    for (const at of [12, 19, 20, 23, 28, 30]) {
      const wrong = packet.slice();
      wrong[at] ^= 0x10;
      expect(udpChecksumOk(wrong, 0), `byte ${at}`).toBe(false);
    }
  });

  it('accepts a UDP checksum of zero as none, and never writes one', () => {
    const packet = udpPacket([9, 9]);
    expect(udpChecksumOk(packet, 0)).toBe(true);
    packet.set([0, 0], 28);
    writeUdpChecksum(packet, 0);
    packet.set([packet[26], packet[27]], 28);
    writeUdpChecksum(packet, 0);
    expect(udpChecksumField(packet, 20)).toBe(0xffff);
    expect(udpChecksumOk(packet, 0)).toBe(true);
  });

  it('covers a TCP segment, whose length comes from the IPv4 header and not from the padding behind it', () => {
    const packet = new Uint8Array(50);
    packet.set([0x45, 0, 0, 43, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
    packet.set([0x00, 0x50, 0xc0, 0x00, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x10, 0x00, 0, 0, 0, 0, 7, 7, 7], 20);
    writeTcpChecksum(packet, 0);
    // By hand: c000+0201+c633+6402 + 0006+0017 + 0050+c000+0001+5002+1000 + 0707+0700
    expect((packet[36] << 8) | packet[37]).toBe(foldSum(0x31aad) ^ 0xffff);
    expect(tcpChecksumOk(packet, 0)).toBe(true);
    packet[45] = 0xee;
    expect(tcpChecksumOk(packet, 0)).toBe(true);
    packet[42] ^= 1;
    expect(tcpChecksumOk(packet, 0)).toBe(false);
  });
});
