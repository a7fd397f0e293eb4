// What TCP and UDP have in common at the front: source and destination port (RFC 9293 section 3.1, RFC 768).
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_FRAGMENT_BYTE,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4TotalBytes,
} from './ipv4.ts';
import { readU16 } from './network-order.ts';

const TCP = IP_PROTOCOL_TCP;
const UDP = IP_PROTOCOL_UDP;
/** Low 13 bits of the flags and fragment-offset field: zero in the first fragment, which holds the transport header. */
const FRAGMENT_OFFSET_MASK = 0x1fff;
/** RFC 1858 section 3.1: with fewer bytes of TCP in the first fragment its flags would come in the next one. */
const TCP_FIRST_FRAGMENT_BYTES = 16;
const UDP_FIRST_FRAGMENT_BYTES = 8;

export const NO_PORTS = -1;
/** The transport header is cut off, or overwritten by a fragment that begins inside it: RFC 1858 sections 3 and 4. */
export const PORTS_CUT_OFF = -2;

/**
 * Where the IPv4 packet at `ip`, whose header is sound, has its two ports: their offset in `bytes`, NO_PORTS for other
 * protocols and for later fragments, or PORTS_CUT_OFF.
 */
export function portsByte(bytes: Uint8Array, ip: number): number {
  const protocol = ipv4Protocol(bytes, ip);
  if (protocol !== TCP && protocol !== UDP) return NO_PORTS;
  const fragmentOffset = readU16(bytes, ip + IPV4_FRAGMENT_BYTE) & FRAGMENT_OFFSET_MASK;
  if (fragmentOffset !== 0) return fragmentOffset === 1 && protocol === TCP ? PORTS_CUT_OFF : NO_PORTS;
  const headerBytes = ipv4HeaderBytes(bytes, ip);
  const least = protocol === TCP ? TCP_FIRST_FRAGMENT_BYTES : UDP_FIRST_FRAGMENT_BYTES;
  return ipv4TotalBytes(bytes, ip) - headerBytes < least ? PORTS_CUT_OFF : ip + headerBytes;
}
