// The header our own traffic carries at the start of the UDP payload. It fills a 64-byte frame to the last byte:
//
//   frame byte   42       44        46                     52                        60
//                | magic  | stream  | sequence, 48 bits    | send time ns, 64 bits   | pattern (longer frames) ...
//
// All fields are big-endian and start at an even byte, so each is made of whole checksum words. 48 bits of sequence
// last 217 days at 15 Mpps. The send time is CLOCK_MONOTONIC; as a JavaScript number it is exact to the nanosecond for
// the first 104 days of uptime (2^53 ns) and to 2 ns for the next 104.
import { ETH_HEADER_BYTES, ETH_TYPE_BYTE, ETHERTYPE_IPV4 } from './ethernet.ts';
import { IP_PROTOCOL_UDP, IPV4_HEADER_MIN_BYTES, IPV4_PROTOCOL_BYTE } from './ipv4.ts';
import { readU16, readU32, writeU16, writeU32 } from './network-order.ts';
import { UDP_HEADER_BYTES } from './udp.ts';

/** Offset of the UDP payload within a frame without VLAN tag and IPv4 options, the only kind we send. */
export const TEST_HEADER_BYTE: number = ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES + UDP_HEADER_BYTES;
export const TEST_HEADER_BYTES = 18;
export const TEST_STREAM_BYTE: number = TEST_HEADER_BYTE + 2;
export const TEST_SEQ_BYTE: number = TEST_HEADER_BYTE + 4;
export const TEST_SEND_NS_BYTE: number = TEST_HEADER_BYTE + 10;
/** First byte after the test header; also the smallest frame in memory. */
export const TEST_PATTERN_BYTE: number = TEST_HEADER_BYTE + TEST_HEADER_BYTES;
/** "vh": marks a frame as ours. */
export const TEST_MAGIC = 0x7668;

const HEADER = TEST_HEADER_BYTE;
const STREAM = TEST_STREAM_BYTE;
const SEQ = TEST_SEQ_BYTE;
const SEND_NS = TEST_SEND_NS_BYTE;
const PATTERN = TEST_PATTERN_BYTE;
const TYPE = ETH_TYPE_BYTE;
const VERSION_IHL = ETH_HEADER_BYTES;
const PROTOCOL: number = ETH_HEADER_BYTES + IPV4_PROTOCOL_BYTE;
const IPV4_TYPE = ETHERTYPE_IPV4;
const UDP = IP_PROTOCOL_UDP;
const MAGIC = TEST_MAGIC;

/** 2^32 and its inverse: a 48-bit sequence or a time is split into 32-bit halves without BigInt. */
const TWO_32 = 4_294_967_296;
const TWO_32_INVERSE = 1 / TWO_32;

/**
 * True for an IPv4/UDP frame of at least 60 bytes, without options, that carries our magic. `offset` is the frame's.
 */
export function isTestFrame(bytes: Uint8Array, offset: number, frameBytes: number): boolean {
  return (
    frameBytes >= PATTERN &&
    readU16(bytes, offset + HEADER) === MAGIC &&
    readU16(bytes, offset + TYPE) === IPV4_TYPE &&
    bytes[offset + VERSION_IHL] === 0x45 &&
    bytes[offset + PROTOCOL] === UDP
  );
}

/** Stores sequence (below 2^48) and send time (below 2^64, fractions cut off). The UDP checksum is the caller's. */
export function writeStamp(bytes: Uint8Array, offset: number, seq: number, sendNs: number): void {
  writeU16(bytes, offset + SEQ, (seq * TWO_32_INVERSE) >>> 0);
  writeU32(bytes, offset + SEQ + 2, seq >>> 0);
  writeU32(bytes, offset + SEND_NS, (sendNs * TWO_32_INVERSE) >>> 0);
  writeU32(bytes, offset + SEND_NS + 4, sendNs >>> 0);
}

/** Number of the stream, 0..65535. */
export function readStream(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + STREAM);
}

/** Sequence number within the stream. */
export function readSeq(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + SEQ) * TWO_32 + readU32(bytes, offset + SEQ + 2);
}

/** Send time in nanoseconds of CLOCK_MONOTONIC. */
export function readSendNs(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + SEND_NS) * TWO_32 + readU32(bytes, offset + SEND_NS + 4);
}
