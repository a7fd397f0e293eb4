// Changing an address of a packet in flight, with every checksum that covers it kept right.
import { updateChecksum32 } from './checksum.ts';
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_FRAGMENT_BYTE,
  ipv4Checksum,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4Protocol,
  setIpv4Checksum,
  setIpv4Dst,
} from './ipv4.ts';
import { readU16, writeU16 } from './network-order.ts';
import { TCP_CHECKSUM_BYTE } from './tcp.ts';
import { UDP_CHECKSUM_BYTE } from './udp.ts';

/** Low 13 bits of the flags and fragment-offset field: zero in the first fragment, which holds the transport header. */
const FRAGMENT_OFFSET_MASK = 0x1fff;

/**
 * Replaces the destination address of the IPv4 packet at `ipOffset` and adjusts the header checksum and, where the
 * packet holds one before `end`, the TCP or UDP checksum: their pseudo header contains the address. A UDP checksum of
 * zero means none and stays; a wrong checksum stays wrong by the same difference.
 */
export function rewriteIpv4Dst(bytes: Uint8Array, ipOffset: number, end: number, address: number): void {
  const old = ipv4Dst(bytes, ipOffset);
  if (old === address >>> 0) return;
  setIpv4Dst(bytes, ipOffset, address);
  setIpv4Checksum(bytes, ipOffset, updateChecksum32(ipv4Checksum(bytes, ipOffset), old, address));
  if ((readU16(bytes, ipOffset + IPV4_FRAGMENT_BYTE) & FRAGMENT_OFFSET_MASK) !== 0) return;
  const l4Offset = ipOffset + ipv4HeaderBytes(bytes, ipOffset);
  const protocol = ipv4Protocol(bytes, ipOffset);
  if (protocol === IP_PROTOCOL_TCP) {
    const at = l4Offset + TCP_CHECKSUM_BYTE;
    if (at + 2 <= end) writeU16(bytes, at, updateChecksum32(readU16(bytes, at), old, address));
  } else if (protocol === IP_PROTOCOL_UDP) {
    const at = l4Offset + UDP_CHECKSUM_BYTE;
    if (at + 2 > end || readU16(bytes, at) === 0) return;
    const checksum = updateChecksum32(readU16(bytes, at), old, address);
    writeU16(bytes, at, checksum === 0 ? 0xffff : checksum);
  }
}
