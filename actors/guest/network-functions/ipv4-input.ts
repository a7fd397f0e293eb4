import { ipv4ChecksumOk } from '../../../src/net/wire/checksum.ts';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_VLAN,
  ETHERTYPE_VLAN_OUTER,
  ETH_DST_BYTE,
  ETH_HEADER_BYTES,
  etherType,
  isMulticast,
  macHigh,
  macLow,
} from '../../../src/net/wire/ethernet.ts';
import {
  IPV4_HEADER_MIN_BYTES,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4TotalBytes,
  ipv4Version,
} from '../../../src/net/wire/ipv4.ts';
import { dropped } from './network-function.ts';

/** Every function that takes IPv4 in begins its reasons with these. */
export const IPV4_INPUT_DROPS = [
  { name: 'nf_not_for_us', reason: 'destination MAC address of another host' },
  { name: 'nf_not_ipv4', reason: 'not IPv4' },
  { name: 'nf_in_hdr_errors', reason: 'IPv4 header malformed or truncated' },
  { name: 'nf_bad_checksum', reason: 'IPv4 header checksum wrong' },
  { name: 'nf_multicast', reason: 'multicast or broadcast, which this function does not handle' },
  { name: 'nf_vlan', reason: 'IEEE 802.1Q tag of a VLAN that the guest has no interface in' },
  { name: 'nf_qinq', reason: 'IEEE 802.1ad tag of a provider (QinQ), which the guest has no interface for' },
] as const;
const NOT_FOR_US = dropped(0);
const NOT_IPV4 = dropped(1);
const HEADER_ERROR = dropped(2);
const BAD_CHECKSUM = dropped(3);
const MULTICAST = dropped(4);
const IN_VLAN = dropped(5);
const IN_QINQ = dropped(6);

export const IPV4_ACCEPTED = 0;
const ACCEPTED = IPV4_ACCEPTED;

/** One vNIC of a guest: the addresses it answers to. */
export interface GuestPort {
  readonly macHigh: number;
  readonly macLow: number;
  /** Its own IPv4 address: packets for it are for the guest itself. */
  readonly address: number;
  /** Longest packet that leaves by it, network header included. */
  readonly mtuBytes: number;
}

/**
 * Takes a frame in as ip_rcv() in net/ipv4/ip_input.c does, by RFC 1812 section 5.2.2: IPv4_ACCEPTED for a unicast
 * IPv4 packet for this port with a sound header, otherwise the answer that drops it.
 */
export function acceptIpv4(
  bytes: Uint8Array,
  offset: number,
  length: number,
  own: Pick<GuestPort, 'macHigh' | 'macLow'>,
): number {
  const high = macHigh(bytes, offset + ETH_DST_BYTE);
  const type = etherType(bytes, offset);
  if (high !== own.macHigh || macLow(bytes, offset + ETH_DST_BYTE) !== own.macLow) {
    if (!isMulticast(high)) return NOT_FOR_US;
    return type === ETHERTYPE_IPV4 ? MULTICAST : refusalOf(type);
  }
  if (type !== ETHERTYPE_IPV4) return refusalOf(type);
  const ip = offset + ETH_HEADER_BYTES;
  const verdict = validate(bytes, ip, length - ETH_HEADER_BYTES);
  if (verdict !== ACCEPTED) return verdict;
  // 224.0.0.0/4 and above: RFC 1812 section 5.2.1.2.
  return ipv4Dst(bytes, ip) >>> 28 >= 0xe ? MULTICAST : ACCEPTED;
}

/** Why a frame of another type is dropped; the guest has taken priority tags off already. */
function refusalOf(type: number): number {
  if (type === ETHERTYPE_VLAN) return IN_VLAN;
  return type === ETHERTYPE_VLAN_OUTER ? IN_QINQ : NOT_IPV4;
}

/** RFC 1812 section 5.2.2: length, checksum, version, header length, total length. */
function validate(bytes: Uint8Array, ip: number, length: number): number {
  if (length < IPV4_HEADER_MIN_BYTES || ipv4Version(bytes, ip) !== 4) return HEADER_ERROR;
  const headerBytes = ipv4HeaderBytes(bytes, ip);
  const totalBytes = ipv4TotalBytes(bytes, ip);
  if (headerBytes < IPV4_HEADER_MIN_BYTES || headerBytes > length) return HEADER_ERROR;
  if (totalBytes < headerBytes || totalBytes > length) return HEADER_ERROR;
  return ipv4ChecksumOk(bytes, ip, headerBytes) ? ACCEPTED : BAD_CHECKSUM;
}
