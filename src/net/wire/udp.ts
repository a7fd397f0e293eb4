// UDP header, RFC 768. `offset` is the offset of the UDP header.
//
//   0            2            4            6            8
//   | src port   | dst port   | length     | checksum   | payload ...
import { addWords, foldSum, pseudoHeaderSum } from './checksum.ts';
import { IP_PROTOCOL_UDP, ipv4HeaderBytes } from './ipv4.ts';
import { readU16, writeU16 } from './network-order.ts';

export const UDP_SRC_PORT_BYTE = 0;
export const UDP_DST_PORT_BYTE = 2;
export const UDP_LENGTH_BYTE = 4;
export const UDP_CHECKSUM_BYTE = 6;
export const UDP_HEADER_BYTES = 8;

export function udpSrcPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + UDP_SRC_PORT_BYTE);
}

export function udpDstPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + UDP_DST_PORT_BYTE);
}

/** Swaps source and destination port; the checksum stays right. */
export function swapUdpPorts(bytes: Uint8Array, offset: number): void {
  const srcPort = udpSrcPort(bytes, offset);
  writeU16(bytes, offset + UDP_SRC_PORT_BYTE, udpDstPort(bytes, offset));
  writeU16(bytes, offset + UDP_DST_PORT_BYTE, srcPort);
}

/** Length field: header and payload in bytes. */
export function udpLength(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + UDP_LENGTH_BYTE);
}

export function udpChecksumField(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + UDP_CHECKSUM_BYTE);
}

/**
 * Stored checksum for a folded sum over pseudo header, header and payload: a computed zero is sent as all ones (RFC
 * 768).
 */
export function udpChecksumFromSum(foldedSum: number): number {
  return foldedSum === 0xffff ? 0xffff : foldedSum ^ 0xffff;
}

/**
 * Computes and stores the checksum of the UDP datagram in the IPv4 packet at `ipOffset`. The packet is not a fragment
 * and the UDP length field lies within the buffer.
 */
export function writeUdpChecksum(bytes: Uint8Array, ipOffset: number): void {
  const offset = ipOffset + ipv4HeaderBytes(bytes, ipOffset);
  writeU16(bytes, offset + UDP_CHECKSUM_BYTE, 0);
  const sum = foldSum(udpSum(bytes, ipOffset, offset));
  writeU16(bytes, offset + UDP_CHECKSUM_BYTE, udpChecksumFromSum(sum));
}

/** True when the UDP checksum is right, or zero, which means that the sender made none (RFC 768). Same conditions. */
export function udpChecksumOk(bytes: Uint8Array, ipOffset: number): boolean {
  const offset = ipOffset + ipv4HeaderBytes(bytes, ipOffset);
  if (readU16(bytes, offset + UDP_CHECKSUM_BYTE) === 0) return true;
  return foldSum(udpSum(bytes, ipOffset, offset)) === 0xffff;
}

function udpSum(bytes: Uint8Array, ipOffset: number, offset: number): number {
  const length = readU16(bytes, offset + UDP_LENGTH_BYTE);
  return addWords(pseudoHeaderSum(bytes, ipOffset, IP_PROTOCOL_UDP, length), bytes, offset, length);
}
