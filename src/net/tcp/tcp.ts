// TCP header, RFC 9293 section 3.1. `offset` is the offset of the TCP header.
//
//   0           2           4                       8                       12
//   | src port  | dst port  | sequence number       | acknowledgement number |
//   12          13          14          16          18              20
//   | data offs | flags     | window    | checksum  | urgent pointer | options ...
import { addWords, foldSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { IP_PROTOCOL_TCP, ipv4HeaderBytes, ipv4TotalBytes } from '../wire/ipv4.ts';
import { readI32, readU16, writeU16 } from '../wire/network-order.ts';

export const TCP_SRC_PORT_BYTE = 0;
export const TCP_DST_PORT_BYTE = 2;
export const TCP_SEQ_BYTE = 4;
export const TCP_ACK_BYTE = 8;
export const TCP_DATA_OFFSET_BYTE = 12;
export const TCP_FLAGS_BYTE = 13;
export const TCP_WINDOW_BYTE = 14;
export const TCP_CHECKSUM_BYTE = 16;
export const TCP_HEADER_MIN_BYTES = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;

/** Options (RFC 9293 section 3.2): end of list, no-operation, and the maximum segment size, 4 bytes long. */
const OPTION_END = 0;
const OPTION_NOP = 1;
export const TCP_OPTION_MSS = 2;
export const TCP_OPTION_MSS_BYTES = 4;
/** What a peer that sends no MSS option takes: 576 less both headers (RFC 9293 section 3.7.1). */
export const TCP_MSS_DEFAULT = 536;

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

/** Sequence number as a signed int32: compare by the sign of a difference (RFC 9293 section 3.4). */
export function tcpSeq(bytes: Uint8Array, offset: number): number {
  return readI32(bytes, offset + TCP_SEQ_BYTE);
}

/** Acknowledgement number, likewise. */
export function tcpAck(bytes: Uint8Array, offset: number): number {
  return readI32(bytes, offset + TCP_ACK_BYTE);
}

export function tcpFlags(bytes: Uint8Array, offset: number): number {
  return bytes[offset + TCP_FLAGS_BYTE];
}

/** What the flags take of sequence space: SYN and FIN a place each (RFC 9293 section 3.4). */
export function tcpFlagsSpace(flags: number): number {
  return ((flags & TCP_SYN) >> 1) + (flags & TCP_FIN);
}

/** Window field, unscaled. */
export function tcpWindow(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + TCP_WINDOW_BYTE);
}

/** The peer's maximum segment size, from the options of its SYN; TCP_MSS_DEFAULT where they do not say. */
export function tcpMssOption(bytes: Uint8Array, offset: number): number {
  const end = offset + tcpHeaderBytes(bytes, offset);
  for (let at = offset + TCP_HEADER_MIN_BYTES; at < end;) {
    const kind = bytes[at];
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1] : 0;
    // A length that cannot be ends the list: what follows cannot be told apart.
    if (length < 2 || at + length > end) break;
    if (kind === TCP_OPTION_MSS && length === TCP_OPTION_MSS_BYTES) return readU16(bytes, at + 2);
    at += length;
  }
  return TCP_MSS_DEFAULT;
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
