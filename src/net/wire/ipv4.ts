// IPv4 header, RFC 791 section 3.1. `offset` is the offset of the IPv4 header, not of the frame.
//
//   0         1         2                   4                   6
//   | ver|ihl | tos     | total length      | identification    | flags, fragment offset
//   8         9         10                  12                  16                  20
//   | ttl     | protocol| header checksum   | source            | destination       | options ...
import { updateChecksum16 } from './checksum.ts';
import { readU16, readU32, writeU16, writeU32 } from './network-order.ts';

export const IPV4_VERSION_IHL_BYTE = 0;
export const IPV4_TOS_BYTE = 1;
export const IPV4_TOTAL_LENGTH_BYTE = 2;
export const IPV4_ID_BYTE = 4;
export const IPV4_FRAGMENT_BYTE = 6;
export const IPV4_TTL_BYTE = 8;
export const IPV4_PROTOCOL_BYTE = 9;
export const IPV4_CHECKSUM_BYTE = 10;
export const IPV4_SRC_BYTE = 12;
export const IPV4_DST_BYTE = 16;
export const IPV4_HEADER_MIN_BYTES = 20;

/** Don't-fragment bit within the flags and fragment-offset field. */
export const IPV4_DONT_FRAGMENT = 0x4000;
/** More-fragments bit and fragment offset: not zero on every fragment. */
export const IPV4_FRAGMENT_MASK = 0x3fff;

export const IP_PROTOCOL_ICMP = 1;
export const IP_PROTOCOL_TCP = 6;
export const IP_PROTOCOL_UDP = 17;

const PROTOCOL_BYTE = IPV4_PROTOCOL_BYTE;
const TCP = IP_PROTOCOL_TCP;
const UDP = IP_PROTOCOL_UDP;
/** Source and destination port, at the start of either header. */
const PORTS_BYTES = 4;

/** Version nibble: 4 for IPv4. */
export function ipv4Version(bytes: Uint8Array, offset: number): number {
  return bytes[offset + IPV4_VERSION_IHL_BYTE] >>> 4;
}

/** Header length in bytes including options; below 20 the header is malformed. */
export function ipv4HeaderBytes(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + IPV4_VERSION_IHL_BYTE] & 0x0f) << 2;
}

/** Total length field: header and payload, without Ethernet padding. */
export function ipv4TotalBytes(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + IPV4_TOTAL_LENGTH_BYTE);
}

/** True when the packet is one fragment of several; only the first of them has the transport header. */
export function ipv4IsFragment(bytes: Uint8Array, offset: number): boolean {
  return (readU16(bytes, offset + IPV4_FRAGMENT_BYTE) & IPV4_FRAGMENT_MASK) !== 0;
}

/**
 * Byte of the two ports of an unfragmented TCP or UDP packet at `offset`, of which `end` is the first byte that is not
 * there; -1 when it shows none.
 */
export function ipv4PortsByte(bytes: Uint8Array, offset: number, end: number): number {
  const protocol = bytes[offset + PROTOCOL_BYTE];
  if ((protocol !== TCP && protocol !== UDP) || ipv4IsFragment(bytes, offset)) return -1;
  const ports = offset + ipv4HeaderBytes(bytes, offset);
  return ports + PORTS_BYTES <= end ? ports : -1;
}

export function ipv4Ttl(bytes: Uint8Array, offset: number): number {
  return bytes[offset + IPV4_TTL_BYTE];
}

export function ipv4Protocol(bytes: Uint8Array, offset: number): number {
  return bytes[offset + IPV4_PROTOCOL_BYTE];
}

export function ipv4Checksum(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + IPV4_CHECKSUM_BYTE);
}

/** Source address as uint32. */
export function ipv4Src(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + IPV4_SRC_BYTE);
}

/** Destination address as uint32. */
export function ipv4Dst(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + IPV4_DST_BYTE);
}

export function setIpv4Checksum(bytes: Uint8Array, offset: number, checksum: number): void {
  writeU16(bytes, offset + IPV4_CHECKSUM_BYTE, checksum);
}

/** Stores the source address; checksums are the caller's, see `updateChecksum32`. */
export function setIpv4Src(bytes: Uint8Array, offset: number, address: number): void {
  writeU32(bytes, offset + IPV4_SRC_BYTE, address);
}

/** Stores the destination address; checksums are the caller's, see `updateChecksum32`. */
export function setIpv4Dst(bytes: Uint8Array, offset: number, address: number): void {
  writeU32(bytes, offset + IPV4_DST_BYTE, address);
}

/**
 * Takes one off the TTL and adjusts the header checksum (RFC 1812 section 5.3.1, RFC 1624 eqn. 3). The caller has
 * checked that the TTL is above one; a router discards the packet otherwise.
 */
export function decrementTtl(bytes: Uint8Array, offset: number): void {
  setTtl(bytes, offset, bytes[offset + IPV4_TTL_BYTE] - 1);
}

/** Stores the TTL and adjusts the header checksum (RFC 1624 eqn. 3). */
export function setTtl(bytes: Uint8Array, offset: number, ttl: number): void {
  const oldWord = readU16(bytes, offset + IPV4_TTL_BYTE);
  const newWord = (ttl << 8) | (oldWord & 0xff);
  bytes[offset + IPV4_TTL_BYTE] = ttl;
  const checksum = readU16(bytes, offset + IPV4_CHECKSUM_BYTE);
  writeU16(bytes, offset + IPV4_CHECKSUM_BYTE, updateChecksum16(checksum, oldWord, newWord));
}
