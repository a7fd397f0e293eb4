import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { internetChecksum, ipv4ChecksumOk } from '../../src/net/wire/checksum.ts';
import {
  ICMP_CHECKSUM_BYTE,
  ICMP_ECHO_REQUEST,
  ICMP_ID_BYTE,
  rewriteIcmpWord,
  turnIntoEchoReply,
} from '../../src/net/wire/icmp.ts';
import { readU16, writeU16 } from '../../src/net/wire/network-order.ts';
import { rewriteDestination, rewriteIpv4Dst, rewriteSource } from '../../src/net/wire/rewrite.ts';
import { tcpChecksumOk, writeTcpChecksum } from '../../src/net/tcp/tcp.ts';
import { udpChecksumField, udpChecksumOk, writeUdpChecksum } from '../../src/net/wire/udp.ts';

/** Words with the values where one's complement arithmetic goes wrong. */
const word = fc.oneof(fc.constantFrom(0, 0, 0, 1, 0x7fff, 0x8000, 0xf7ff, 0xfffe, 0xffff), fc.nat(0xffff));
const ICMP_OFFSET = 34;
const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

/** An IPv4 packet in an Ethernet frame, 20 bytes of header, whose payload is these words, the IPv4 checksum right. */
function packet(protocol: number, words: readonly number[], address: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ICMP_OFFSET + 2 * words.length);
  bytes[14] = 0x45;
  writeU16(bytes, 16, 20 + 2 * words.length);
  bytes[22] = 64;
  bytes[23] = protocol;
  address.forEach((each, i) => writeU16(bytes, 26 + 2 * i, each));
  words.forEach((each, i) => writeU16(bytes, ICMP_OFFSET + 2 * i, each));
  writeU16(bytes, 24, internetChecksum(bytes, 14, 20));
  return bytes;
}

/** The checksum of a message as a sender computes it: over the message with a checksum of zero. */
function fromScratch(bytes: Uint8Array): number {
  const copy = bytes.slice(ICMP_OFFSET);
  writeU16(copy, ICMP_CHECKSUM_BYTE, 0);
  return internetChecksum(copy, 0, copy.length);
}

const echo = fc.record({ id: word, sequence: word, data: fc.array(word, { maxLength: 6 }) });

function echoRequest(id: number, sequence: number, data: readonly number[]): Uint8Array {
  const bytes = packet(PROTOCOLS.icmp, [ICMP_ECHO_REQUEST << 8, 0, id, sequence, ...data], [1, 2, 3, 4]);
  writeU16(bytes, ICMP_OFFSET + ICMP_CHECKSUM_BYTE, fromScratch(bytes));
  return bytes;
}

describe('ICMP checksums after a change equal those from scratch', () => {
  it('in the reply to an echo request, all zero or not', () => {
    fc.assert(
      fc.property(echo, ({ id, sequence, data }) => {
        const bytes = echoRequest(id, sequence, data);
        turnIntoEchoReply(bytes, ICMP_OFFSET, bytes.length - ICMP_OFFSET);
        expect(readU16(bytes, ICMP_OFFSET + ICMP_CHECKSUM_BYTE)).toBe(fromScratch(bytes));
      }),
      { numRuns: 2000, examples: [[{ id: 0, sequence: 0, data: [] }]] },
    );
  });

  it('after another identifier, also in a reply that becomes all zero', () => {
    fc.assert(
      fc.property(echo, word, fc.boolean(), ({ id, sequence, data }, newId, reply) => {
        const bytes = echoRequest(id, sequence, data);
        const messageBytes = bytes.length - ICMP_OFFSET;
        if (reply) turnIntoEchoReply(bytes, ICMP_OFFSET, messageBytes);
        rewriteIcmpWord(bytes, ICMP_OFFSET, messageBytes, ICMP_ID_BYTE, newId);
        expect(readU16(bytes, ICMP_OFFSET + ICMP_CHECKSUM_BYTE)).toBe(fromScratch(bytes));
      }),
      { numRuns: 2000, examples: [[{ id: 7, sequence: 0, data: [] }, 0, true]] },
    );
  });
});

describe('an address and a port rewritten leave every checksum right', () => {
  const words = fc.array(word, { minLength: 10, maxLength: 16 });
  const addresses = fc.array(word, { minLength: 4, maxLength: 4 });
  const rewrites = fc.constantFrom(
    rewriteSource,
    rewriteDestination,
    (bytes: Uint8Array, ip: number, address: number) => rewriteIpv4Dst(bytes, ip, bytes.length, address),
  );

  it('of UDP, which never becomes zero, the mark of none', () => {
    fc.assert(
      fc.property(words, addresses, rewrites, word, word, word, (payload, from, rewrite, high, low, port) => {
        const bytes = packet(PROTOCOLS.udp, payload, from);
        writeU16(bytes, ICMP_OFFSET + 4, 2 * payload.length);
        writeUdpChecksum(bytes, 14);
        rewrite(bytes, 14, high * 65536 + low, port);
        expect(ipv4ChecksumOk(bytes, 14, 20) && udpChecksumOk(bytes, 14)).toBe(true);
        expect(udpChecksumField(bytes, ICMP_OFFSET)).not.toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('of TCP', () => {
    fc.assert(
      fc.property(words, addresses, rewrites, word, word, word, (payload, from, rewrite, high, low, port) => {
        const bytes = packet(PROTOCOLS.tcp, payload, from);
        writeTcpChecksum(bytes, 14);
        rewrite(bytes, 14, high * 65536 + low, port);
        expect(ipv4ChecksumOk(bytes, 14, 20) && tcpChecksumOk(bytes, 14)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
