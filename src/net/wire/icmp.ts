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

/** Turns an echo request into its reply: the type changes, and the checksum with it (RFC 1624 eqn. 3). */
export function turnIntoEchoReply(bytes: Uint8Array, offset: number): void {
  const oldWord = readU16(bytes, offset);
  const newWord = (ICMP_ECHO_REPLY << 8) | bytes[offset + 1];
  const checksum = readU16(bytes, offset + ICMP_CHECKSUM_BYTE);
  writeU16(bytes, offset, newWord);
  writeU16(bytes, offset + ICMP_CHECKSUM_BYTE, updateChecksum16(checksum, oldWord, newWord));
}
