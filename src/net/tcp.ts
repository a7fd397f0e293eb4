// TCP header, RFC 9293 section 3.1. `offset` is the offset of the TCP header.
//
//   0           2           4                       8                       12
//   | src port  | dst port  | sequence number       | acknowledgement number |
//   12          13          14          16          18              20
//   | data offs | flags     | window    | checksum  | urgent pointer | options ...
import { addWords, foldSum, pseudoHeaderSum } from './checksum.ts';
import { IP_PROTOCOL_TCP, ipv4HeaderBytes, ipv4TotalBytes } from './ipv4.ts';
import { readU16, writeU16 } from './network-order.ts';

export const TCP_SRC_PORT_BYTE = 0;
export const TCP_DST_PORT_BYTE = 2;
export const TCP_DATA_OFFSET_BYTE = 12;
export const TCP_FLAGS_BYTE = 13;
export const TCP_CHECKSUM_BYTE = 16;
export const TCP_HEADER_MIN_BYTES = 20;

export function tcpSrcPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + TCP_SRC_PORT_BYTE);
}

export function tcpDstPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + TCP_DST_PORT_BYTE);
}

/** Header length in bytes including options; below 20 the header is malformed. */
export function tcpHeaderBytes(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + TCP_DATA_OFFSET_BYTE] >>> 4) << 2;
}

/**
 * Computes and stores the checksum of the TCP segment in the IPv4 packet at `ipOffset`. The packet is not a fragment
 * and its total length lies within the buffer.
 */
export function writeTcpChecksum(bytes: Uint8Array, ipOffset: number): void {
  const at = ipOffset + ipv4HeaderBytes(bytes, ipOffset) + TCP_CHECKSUM_BYTE;
  writeU16(bytes, at, 0);
  writeU16(bytes, at, foldSum(tcpSum(bytes, ipOffset)) ^ 0xffff);
}

/** True when the TCP checksum is right. Same conditions. */
export function tcpChecksumOk(bytes: Uint8Array, ipOffset: number): boolean {
  return foldSum(tcpSum(bytes, ipOffset)) === 0xffff;
}

function tcpSum(bytes: Uint8Array, ipOffset: number): number {
  const headerBytes = ipv4HeaderBytes(bytes, ipOffset);
  const length = ipv4TotalBytes(bytes, ipOffset) - headerBytes;
  return addWords(pseudoHeaderSum(bytes, ipOffset, IP_PROTOCOL_TCP, length), bytes, ipOffset + headerBytes, length);
}
