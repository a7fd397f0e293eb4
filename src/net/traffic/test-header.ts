// The header our own traffic carries at the start of the UDP payload. It fills a 64-byte frame to the last byte:
//
//   frame byte   42       44        46                     52                        60
//                | magic  | stream  | sequence, 48 bits    | send time ns, 64 bits   | pattern (longer frames) ...
//
// All fields are big-endian and start at an even byte, so each is made of whole checksum words. 48 bits of sequence
// last 217 days at 15 Mpps. The send time is CLOCK_MONOTONIC; as a JavaScript number it is exact to the nanosecond for
// the first 104 days of uptime (2^53 ns) and to 2 ns for the next 104.
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { IPV4_HEADER_MIN_BYTES } from '../wire/ipv4.ts';
import { writeU16, writeU32 } from '../wire/network-order.ts';
import { UDP_HEADER_BYTES } from '../wire/udp.ts';

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

const SEQ = TEST_SEQ_BYTE;
const SEND_NS = TEST_SEND_NS_BYTE;

/** A 48-bit sequence or a time is split into 32-bit halves without BigInt. */
const TWO_32_INVERSE = 1 / 4_294_967_296;

/** Stores sequence (below 2^48) and send time (below 2^64, fractions cut off). The UDP checksum is the caller's. */
export function writeStamp(bytes: Uint8Array, offset: number, seq: number, sendNs: number): void {
  writeU16(bytes, offset + SEQ, (seq * TWO_32_INVERSE) >>> 0);
  writeU32(bytes, offset + SEQ + 2, seq >>> 0);
  writeU32(bytes, offset + SEND_NS, (sendNs * TWO_32_INVERSE) >>> 0);
  writeU32(bytes, offset + SEND_NS + 4, sendNs >>> 0);
}
