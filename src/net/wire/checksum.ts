// The Internet checksum (RFC 1071): one's complement of the one's complement sum of big-endian 16-bit words.
//
// Sums are plain numbers of 16-bit words not yet folded. 65,535 bytes add up to less than 2^31, so a sum over any IPv4
// packet and its pseudo header stays below 2^32, which is what foldSum accepts.
import { readU16 } from './network-order.ts';

/** Adds the words of a range to `sum`; an odd last byte counts as the high half of a word (RFC 1071 section 4.1). */
export function addWords(sum: number, bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  const end8 = end - 8;
  let at = offset;
  let highs = 0;
  let lows = 0;
  for (; at <= end8; at += 8) {
    highs += bytes[at] + bytes[at + 2] + bytes[at + 4] + bytes[at + 6];
    lows += bytes[at + 1] + bytes[at + 3] + bytes[at + 5] + bytes[at + 7];
  }
  for (; at < end - 1; at += 2) {
    highs += bytes[at];
    lows += bytes[at + 1];
  }
  if (at < end) highs += bytes[at];
  return sum + highs * 256 + lows;
}

/** Folds a sum below 2^32 into 16 bits with end-around carry. Only a sum of zero gives zero. */
export function foldSum(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return ((once >>> 16) + once) & 0xffff;
}

/** Internet checksum of a range, ready to be stored. A range that contains its own correct checksum gives zero. */
export function internetChecksum(bytes: Uint8Array, offset: number, length: number): number {
  return foldSum(addWords(0, bytes, offset, length)) ^ 0xffff;
}

/**
 * Checksum after one 16-bit word of the covered data changed: HC' = ~(~HC + ~m + m'), RFC 1624 section 3, eqn. 3, with
 * end-around carries. Equal to a computation from scratch as long as the covered data is not all zero.
 */
export function updateChecksum16(checksum: number, oldWord: number, newWord: number): number {
  return foldSum((checksum ^ 0xffff) + (oldWord ^ 0xffff) + newWord) ^ 0xffff;
}

/** The same for a 32-bit field that starts at an even offset of the covered data; signed or unsigned values. */
export function updateChecksum32(checksum: number, oldValue: number, newValue: number): number {
  const removed = ((oldValue >>> 16) ^ 0xffff) + ((oldValue & 0xffff) ^ 0xffff);
  return foldSum((checksum ^ 0xffff) + removed + (newValue >>> 16) + (newValue & 0xffff)) ^ 0xffff;
}

/** True when an IPv4 header of `headerBytes` bytes at `offset` has a correct checksum (RFC 1812 section 5.2.2). */
export function ipv4ChecksumOk(bytes: Uint8Array, offset: number, headerBytes: number): boolean {
  if (headerBytes !== 20) return internetChecksum(bytes, offset, headerBytes) === 0;
  const highs =
    bytes[offset] +
    bytes[offset + 2] +
    bytes[offset + 4] +
    bytes[offset + 6] +
    bytes[offset + 8] +
    bytes[offset + 10] +
    bytes[offset + 12] +
    bytes[offset + 14] +
    bytes[offset + 16] +
    bytes[offset + 18];
  const lows =
    bytes[offset + 1] +
    bytes[offset + 3] +
    bytes[offset + 5] +
    bytes[offset + 7] +
    bytes[offset + 9] +
    bytes[offset + 11] +
    bytes[offset + 13] +
    bytes[offset + 15] +
    bytes[offset + 17] +
    bytes[offset + 19];
  return foldSum((highs << 8) + lows) === 0xffff;
}

/**
 * Sum of the IPv4 pseudo header (RFC 768, RFC 9293 section 3.1): source, destination, protocol and segment length. The
 * addresses are read from the IPv4 header at `ipOffset`.
 */
export function pseudoHeaderSum(bytes: Uint8Array, ipOffset: number, protocol: number, segmentBytes: number): number {
  return (
    readU16(bytes, ipOffset + 12) +
    readU16(bytes, ipOffset + 14) +
    readU16(bytes, ipOffset + 16) +
    readU16(bytes, ipOffset + 18) +
    protocol +
    segmentBytes
  );
}
