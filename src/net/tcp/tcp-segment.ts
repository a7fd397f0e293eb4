// One whole TCP frame: Ethernet, IPv4 without options, TCP with an MSS option on SYN segments, data.
import { internetChecksum } from '../wire/checksum.ts';
import {
  ETHERTYPE_IPV4,
  ETH_DST_BYTE,
  ETH_FCS_BYTES,
  ETH_FRAME_MIN_BYTES,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  ETH_TYPE_BYTE,
  writeMac,
} from '../wire/ethernet.ts';
import {
  IPV4_DONT_FRAGMENT,
  IPV4_DST_BYTE,
  IPV4_ID_BYTE,
  IPV4_HEADER_MIN_BYTES,
  IPV4_PROTOCOL_BYTE,
  IPV4_SRC_BYTE,
  IPV4_TOTAL_LENGTH_BYTE,
  IPV4_TTL_BYTE,
  IPV4_VERSION_IHL_BYTE,
  IP_PROTOCOL_TCP,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4TotalBytes,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import { writeU16, writeU32 } from '../wire/network-order.ts';
import {
  TCP_ACK_BYTE,
  TCP_DATA_OFFSET_BYTE,
  TCP_DST_PORT_BYTE,
  TCP_FLAGS_BYTE,
  TCP_HEADER_MIN_BYTES,
  TCP_OPTION_MSS,
  TCP_OPTION_MSS_BYTES,
  TCP_SEQ_BYTE,
  TCP_SRC_PORT_BYTE,
  TCP_SYN,
  TCP_WINDOW_BYTE,
  tcpChecksumOk,
  tcpHeaderBytes,
  writeTcpChecksum,
} from './tcp.ts';

/** Header bytes of a segment without options, which is all but SYN segments. */
export const TCP_FRAME_HEADER_BYTES: number = ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES + TCP_HEADER_MIN_BYTES;
/** Largest segment of an interface with an MTU of 1500. */
export const TCP_MSS_BYTES: number = 1500 - IPV4_HEADER_MIN_BYTES - TCP_HEADER_MIN_BYTES;
const FRAME_MIN_BYTES: number = ETH_FRAME_MIN_BYTES - ETH_FCS_BYTES;
const IP: number = ETH_HEADER_BYTES;
const TCP: number = IP + IPV4_HEADER_MIN_BYTES;
const TTL = 64;

/** Who sends a segment to whom, filled in again for each: the header fields that do not change while it is written. */
export class SegmentEnds {
  srcMacHigh = 0;
  srcMacLow = 0;
  dstMacHigh = 0;
  dstMacLow = 0;
  srcAddress = 0;
  dstAddress = 0;
  srcPort = 0;
  dstPort = 0;
}

/**
 * Writes the headers of a segment at `at`; its data belongs at `at + TCP_FRAME_HEADER_BYTES`. SYN segments carry our
 * MSS and no data. `finishSegment` comes last.
 */
export function writeSegment(
  bytes: Uint8Array,
  at: number,
  ends: SegmentEnds,
  flags: number,
  seq: number,
  ack: number,
  window: number,
): void {
  writeMac(bytes, at + ETH_DST_BYTE, ends.dstMacHigh, ends.dstMacLow);
  writeMac(bytes, at + ETH_SRC_BYTE, ends.srcMacHigh, ends.srcMacLow);
  writeU16(bytes, at + ETH_TYPE_BYTE, ETHERTYPE_IPV4);
  const ip = at + IP;
  writeU16(bytes, ip + IPV4_VERSION_IHL_BYTE, 0x4500);
  // Atomic datagrams need no identification: DF set, zero (RFC 6864 section 4.1).
  writeU32(bytes, ip + IPV4_ID_BYTE, IPV4_DONT_FRAGMENT);
  bytes[ip + IPV4_TTL_BYTE] = TTL;
  bytes[ip + IPV4_PROTOCOL_BYTE] = IP_PROTOCOL_TCP;
  writeU32(bytes, ip + IPV4_SRC_BYTE, ends.srcAddress);
  writeU32(bytes, ip + IPV4_DST_BYTE, ends.dstAddress);
  const tcp = at + TCP;
  writeU16(bytes, tcp + TCP_SRC_PORT_BYTE, ends.srcPort);
  writeU16(bytes, tcp + TCP_DST_PORT_BYTE, ends.dstPort);
  writeU32(bytes, tcp + TCP_SEQ_BYTE, seq);
  writeU32(bytes, tcp + TCP_ACK_BYTE, ack);
  bytes[tcp + TCP_DATA_OFFSET_BYTE] = (TCP_HEADER_MIN_BYTES >> 2) << 4;
  bytes[tcp + TCP_FLAGS_BYTE] = flags;
  writeU16(bytes, tcp + TCP_WINDOW_BYTE, window);
  // The urgent pointer; the checksum before it is written last.
  writeU32(bytes, tcp + TCP_WINDOW_BYTE + 2, 0);
  if ((flags & TCP_SYN) === 0) return;
  bytes[tcp + TCP_DATA_OFFSET_BYTE] = ((TCP_HEADER_MIN_BYTES + TCP_OPTION_MSS_BYTES) >> 2) << 4;
  writeU16(bytes, tcp + TCP_HEADER_MIN_BYTES, (TCP_OPTION_MSS << 8) | TCP_OPTION_MSS_BYTES);
  writeU16(bytes, tcp + TCP_HEADER_MIN_BYTES + 2, TCP_MSS_BYTES);
}

/** Lengths, checksums and padding, once the data is in place. @returns the frame's length without FCS. */
export function finishSegment(bytes: Uint8Array, at: number, dataBytes: number): number {
  const ip = at + IP;
  const ipBytes = IPV4_HEADER_MIN_BYTES + tcpHeaderBytes(bytes, at + TCP) + dataBytes;
  writeU16(bytes, ip + IPV4_TOTAL_LENGTH_BYTE, ipBytes);
  setIpv4Checksum(bytes, ip, 0);
  setIpv4Checksum(bytes, ip, internetChecksum(bytes, ip, IPV4_HEADER_MIN_BYTES));
  writeTcpChecksum(bytes, ip);
  let length = IP + ipBytes;
  for (; length < FRAME_MIN_BYTES; length++) bytes[at + length] = 0;
  return length;
}

export const SEGMENT_GOOD = 0;
export const SEGMENT_NOT_TCP = 1;
export const SEGMENT_MALFORMED = 2;
export const SEGMENT_BAD_CHECKSUM = 3;

/**
 * Whether the IPv4 packet at `ip`, whose header is sound, is a whole TCP segment with a right checksum, or the first
 * reason why not: one of the SEGMENT_ values (tcp_v4_rcv, net/ipv4/tcp_ipv4.c).
 */
export function segmentFault(bytes: Uint8Array, ip: number): number {
  if (ipv4Protocol(bytes, ip) !== IP_PROTOCOL_TCP || ipv4IsFragment(bytes, ip)) return SEGMENT_NOT_TCP;
  const headerBytes = ipv4HeaderBytes(bytes, ip);
  const tcpBytes = ipv4TotalBytes(bytes, ip) - headerBytes;
  if (tcpBytes < TCP_HEADER_MIN_BYTES) return SEGMENT_MALFORMED;
  const dataOffset = tcpHeaderBytes(bytes, ip + headerBytes);
  if (dataOffset < TCP_HEADER_MIN_BYTES || dataOffset > tcpBytes) return SEGMENT_MALFORMED;
  return tcpChecksumOk(bytes, ip) ? SEGMENT_GOOD : SEGMENT_BAD_CHECKSUM;
}
