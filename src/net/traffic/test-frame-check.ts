// Judges our own frames by whole words: at the sink every frame of a flood is looked at to its last byte.
//
// A frame lies at a multiple of four, and its first 60 bytes are 15 little-endian words:
//
//   word  3  type, version and IHL, TOS      8  destination low half, source port    11  stream, sequence high half
//         4  total length, identification    9  destination port, UDP length         12  sequence low word
//         5  fragment, TTL, protocol        10  UDP checksum, magic                  13  send time, high word
//         6  checksum, source high half      7  source low half, destination high    14  send time, low word
//
// The one's complement sum of 16-bit words may be taken in either byte order (RFC 1071 section 2 (B)), so the sums
// below add halves as they lie in memory; a range that contains its own correct checksum folds to all ones.
import { foldSum } from '../wire/checksum.ts';
import { ETH_HEADER_BYTES, ETHERTYPE_IPV4 } from '../wire/ethernet.ts';
import { IP_PROTOCOL_UDP, IPV4_HEADER_MIN_BYTES } from '../wire/ipv4.ts';
import { patternBytes, patternPhase, patternStart, patternWords } from './payload-pattern.ts';
import { TEST_MAGIC, TEST_PATTERN_BYTE } from './test-header.ts';

/** Not one of ours, or too short to tell. */
export const TEST_FRAME_FOREIGN = 0;
/** Ours, and a checksum, the UDP length or the filling is wrong. */
export const TEST_FRAME_CORRUPT = 1;
export const TEST_FRAME_INTACT = 2;

const FOREIGN = TEST_FRAME_FOREIGN;
const CORRUPT = TEST_FRAME_CORRUPT;
const INTACT = TEST_FRAME_INTACT;
const PATTERN = TEST_PATTERN_BYTE;
const PATTERN_WORD = PATTERN >> 2;
const UDP_BYTE = ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES;
const MAGIC_SWAPPED = swap16(TEST_MAGIC);
/** Type IPv4, version 4, five words of header; the TOS byte is anybody's. */
const TYPE_VERSION_MASK = 0x00ff_ffff;
const TYPE_VERSION = swap16(ETHERTYPE_IPV4) | (0x45 << 16);
const UDP_PROTOCOL = IP_PROTOCOL_UDP;
/** The pseudo header's zero and protocol octets, as one half lies in memory. */
const UDP_PROTOCOL_SWAPPED = swap16(UDP_PROTOCOL);
const FOLDED_RIGHT = 0xffff;
const TWO_32 = 4_294_967_296;

/**
 * Whether the frame is ours (IPv4 without options, UDP, our magic), and if so, whether it is as it was sent: header
 * checksum, UDP checksum over every byte (zero means none was made: RFC 768), UDP length, filling. `offset` is a
 * multiple of four, `bytes` and `words` view the same memory from the same start, `length` is without FCS.
 */
export function checkTestFrame(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
  if (length < PATTERN) return FOREIGN;
  const at = offset >> 2;
  const w3 = words[at + 3];
  const w5 = words[at + 5];
  const w10 = words[at + 10];
  if ((w3 & TYPE_VERSION_MASK) !== TYPE_VERSION || w5 >>> 24 !== UDP_PROTOCOL || w10 >>> 16 !== MAGIC_SWAPPED) {
    return FOREIGN;
  }
  const w4 = words[at + 4];
  const w6 = words[at + 6];
  const w7 = words[at + 7];
  const w8 = words[at + 8];
  const w9 = words[at + 9];
  const addresses = (w6 >>> 16) + (w7 & 0xffff) + (w7 >>> 16) + (w8 & 0xffff);
  const ipSum = addresses + (w3 >>> 16) + (w4 & 0xffff) + (w4 >>> 16) + (w5 & 0xffff) + (w5 >>> 16) + (w6 & 0xffff);
  if (foldSum(ipSum) !== FOLDED_RIGHT) return CORRUPT;
  const udpLength = w9 >>> 16;
  if (swap16(udpLength) !== length - UDP_BYTE) return CORRUPT;
  const w11 = words[at + 11];
  const w12 = words[at + 12];
  const w13 = words[at + 13];
  const w14 = words[at + 14];
  const pseudoSum = addresses + UDP_PROTOCOL_SWAPPED + udpLength;
  const headerSum = (w8 >>> 16) + (w9 & 0xffff) + udpLength + (w10 & 0xffff) + (w10 >>> 16);
  const stampSum = (w12 & 0xffff) + (w12 >>> 16) + (w13 & 0xffff) + (w13 >>> 16) + (w14 & 0xffff) + (w14 >>> 16);
  let sum = pseudoSum + headerSum + stampSum + (w11 & 0xffff) + (w11 >>> 16);
  if (length > PATTERN) {
    const start = patternStart(patternPhase(swap16(w11 & 0xffff), swap32(w12)));
    const filling = fillingSum(bytes, words, offset, length, start);
    if (filling < 0) return CORRUPT;
    sum += filling;
  }
  return (w10 & 0xffff) === 0 || foldSum(sum) === FOLDED_RIGHT ? INTACT : CORRUPT;
}

/**
 * Sum of what follows the test header, halves as they lie in memory; -1 where it differs from the pattern that starts
 * at `start`.
 */
export function fillingSum(
  bytes: Uint8Array,
  words: Int32Array,
  offset: number,
  length: number,
  start: number,
): number {
  const pattern = patternWords;
  const from = (offset >> 2) + PATTERN_WORD;
  const wordCount = (length - PATTERN) >> 2;
  const firstWord = start >> 2;
  let difference = 0;
  let sum = 0;
  for (let i = 0; i < wordCount; i++) {
    const word = words[from + i];
    difference |= word ^ pattern[firstWord + i];
    sum += (word & 0xffff) + (word >>> 16);
  }
  for (let i = PATTERN + wordCount * 4; i < length; i++) {
    const byte = bytes[offset + i];
    difference |= byte ^ patternBytes[start + i - PATTERN];
    sum += (i & 1) === 0 ? byte : byte << 8;
  }
  return difference === 0 ? sum : -1;
}

/** Number of a test frame's stream, 0..65535. */
export function testFrameStream(words: Int32Array, offset: number): number {
  return swap16(words[(offset >> 2) + 11] & 0xffff);
}

/** Sequence number within the stream. */
export function testFrameSeq(words: Int32Array, offset: number): number {
  const at = offset >> 2;
  return swap16(words[at + 11] >>> 16) * TWO_32 + (swap32(words[at + 12]) >>> 0);
}

/** Send time in nanoseconds of CLOCK_MONOTONIC. */
export function testFrameSendNs(words: Int32Array, offset: number): number {
  const at = offset >> 2;
  return (swap32(words[at + 13]) >>> 0) * TWO_32 + (swap32(words[at + 14]) >>> 0);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
