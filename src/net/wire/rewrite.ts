// Changing addresses and ports of a packet in flight, with every checksum that covers it kept right.
import { updateChecksum16, updateChecksum32 } from './checksum.ts';
import { ICMP_ID_BYTE, rewriteIcmpWord } from './icmp.ts';
import {
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_DST_BYTE,
  IPV4_FRAGMENT_BYTE,
  IPV4_SRC_BYTE,
  ipv4Checksum,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4TotalBytes,
  setIpv4Checksum,
  setIpv4Dst,
} from './ipv4.ts';
import { readI32, readU16, writeU16, writeU32 } from './network-order.ts';
import { TCP_CHECKSUM_BYTE } from '../tcp/tcp.ts';
import { UDP_CHECKSUM_BYTE } from './udp.ts';

/** Low 13 bits of the flags and fragment-offset field: zero in the first fragment, which holds the transport header. */
const FRAGMENT_OFFSET_MASK = 0x1fff;

/* Where TCP and UDP have their ports. */
const SRC_PORT_BYTE = 0;
const DST_PORT_BYTE = 2;

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

/**
 * Replaces source address and source port of the whole, unfragmented TCP or UDP packet at `ip`, or source address and
 * identifier of an ICMP echo, and adjusts every checksum that covers them (RFC 1624 eqn. 3). A UDP checksum of zero
 * means none and stays (RFC 768).
 */
export function rewriteSource(bytes: Uint8Array, ip: number, address: number, port: number): void {
  rewriteEnd(bytes, ip, IPV4_SRC_BYTE, SRC_PORT_BYTE, address, port);
}

/** The same for the destination. */
export function rewriteDestination(bytes: Uint8Array, ip: number, address: number, port: number): void {
  rewriteEnd(bytes, ip, IPV4_DST_BYTE, DST_PORT_BYTE, address, port);
}

function rewriteEnd(
  bytes: Uint8Array,
  ip: number,
  addressByte: number,
  portByte: number,
  address: number,
  port: number,
): void {
  const oldAddress = readI32(bytes, ip + addressByte);
  writeU32(bytes, ip + addressByte, address);
  setIpv4Checksum(bytes, ip, updateChecksum32(ipv4Checksum(bytes, ip), oldAddress, address));
  const l4 = ip + ipv4HeaderBytes(bytes, ip);
  const protocol = ipv4Protocol(bytes, ip);
  if (protocol === IP_PROTOCOL_ICMP) {
    const messageBytes = ipv4TotalBytes(bytes, ip) - (l4 - ip);
    return rewriteIcmpWord(bytes, l4, messageBytes, ICMP_ID_BYTE, port);
  }
  const oldPort = readU16(bytes, l4 + portByte);
  writeU16(bytes, l4 + portByte, port);
  const at = l4 + (protocol === IP_PROTOCOL_TCP ? TCP_CHECKSUM_BYTE : UDP_CHECKSUM_BYTE);
  const old = readU16(bytes, at);
  if (protocol === IP_PROTOCOL_UDP && old === 0) return;
  const updated = updateChecksum16(updateChecksum32(old, oldAddress, address), oldPort, port);
  writeU16(bytes, at, protocol === IP_PROTOCOL_UDP && updated === 0 ? 0xffff : updated);
}
