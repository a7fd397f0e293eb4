// ICMP echo, RFC 792. `offset` is the offset of the ICMP header.
//
//   0      1      2          4            6            8
//   | type | code | checksum | identifier | sequence   | data ...
import { internetChecksum, updateChecksum16 } from './checksum.ts';
import { readU16, writeU16 } from './network-order.ts';

export const ICMP_CHECKSUM_BYTE = 2;
export const ICMP_ID_BYTE = 4;
export const ICMP_HEADER_BYTES = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_ECHO_REQUEST = 8;

export function icmpType(bytes: Uint8Array, offset: number): number {
  return bytes[offset];
}

/** True when the checksum over the whole message of `messageBytes` is right. */
export function icmpChecksumOk(bytes: Uint8Array, offset: number, messageBytes: number): boolean {
  return internetChecksum(bytes, offset, messageBytes) === 0;
}

/** Turns an echo request of `messageBytes` into its reply: the type changes, and the checksum with it. */
export function turnIntoEchoReply(bytes: Uint8Array, offset: number, messageBytes: number): void {
  rewriteIcmpWord(bytes, offset, messageBytes, 0, (ICMP_ECHO_REPLY << 8) | bytes[offset + 1]);
}

/**
 * Replaces the 16-bit word at an even `wordByte` of the message at `offset`, and adjusts the checksum (RFC 1624 eqn. 3).
 * ICMP has no pseudo header, so a message may be all zero: its checksum is ffff (RFC 1071), where the update says 0000.
 */
export function rewriteIcmpWord(
  bytes: Uint8Array,
  offset: number,
  messageBytes: number,
  wordByte: number,
  word: number,
): void {
  const at = offset + ICMP_CHECKSUM_BYTE;
  const updated = updateChecksum16(readU16(bytes, at), readU16(bytes, offset + wordByte), word);
  writeU16(bytes, offset + wordByte, word);
  writeU16(bytes, at, updated);
  if (updated === 0 && internetChecksum(bytes, offset, messageBytes) === 0xffff) writeU16(bytes, at, 0xffff);
}
