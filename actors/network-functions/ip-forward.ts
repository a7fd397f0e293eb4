import { ipv4ChecksumOk } from '../../src/net/checksum.ts';
import {
  ETHERTYPE_IPV4,
  ETH_DST_BYTE,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  etherType,
  isMulticast,
  macHigh,
  macLow,
  writeMac,
} from '../../src/net/ethernet.ts';
import {
  IPV4_HEADER_MIN_BYTES,
  decrementTtl,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4TotalBytes,
  ipv4Ttl,
  ipv4Version,
} from '../../src/net/ipv4.ts';
import { LPM_NO_ROUTE, LpmTable } from '../../src/net/lpm.ts';
import type { NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

/** One vNIC of the router: the address it answers to. */
export interface ForwardPort {
  readonly macHigh: number;
  readonly macLow: number;
  /** Its own IPv4 address: packets for it are for the router itself. */
  readonly address: number;
}

/** A route: prefix to next hop. The neighbour's MAC is given, as by a permanent ARP entry. */
export interface ForwardRoute {
  readonly prefix: number;
  readonly length: number;
  /** Index of the vNIC it leads out by. */
  readonly port: number;
  readonly nextHopHigh: number;
  readonly nextHopLow: number;
}

export interface IpForwardConfig {
  readonly kind: 'ip-forward';
  readonly ports: readonly ForwardPort[];
  readonly routes: readonly ForwardRoute[];
}

export const IP_FORWARD_DROPS = [
  { name: 'nf_not_for_us', reason: 'destination MAC address of another host' },
  { name: 'nf_not_ipv4', reason: 'not IPv4' },
  { name: 'nf_in_hdr_errors', reason: 'IPv4 header malformed or truncated' },
  { name: 'nf_bad_checksum', reason: 'IPv4 header checksum wrong' },
  { name: 'nf_ttl_exceeded', reason: 'TTL would reach zero (ICMP time exceeded)' },
  { name: 'nf_no_route', reason: 'no route to the destination (ICMP unreachable)' },
  { name: 'nf_local', reason: 'addressed to the router itself' },
  { name: 'nf_multicast', reason: 'multicast or broadcast, not routed' },
] as const;
const NOT_FOR_US = dropped(0);
const NOT_IPV4 = dropped(1);
const HEADER_ERROR = dropped(2);
const BAD_CHECKSUM = dropped(3);
const TTL_EXCEEDED = dropped(4);
const NO_ROUTE = dropped(5);
const LOCAL = dropped(6);
const MULTICAST = dropped(7);

/**
 * IPv4 forwarding as RFC 1812 section 5.2 orders it: validate, look up, take one off the TTL, rewrite the neighbour.
 */
export class IpForward implements NetworkFunction {
  readonly name = 'ip-forward';
  readonly drops = IP_FORWARD_DROPS;
  private readonly ports: readonly ForwardPort[];
  private readonly routes: readonly ForwardRoute[];
  private readonly table = new LpmTable();

  constructor(config: IpForwardConfig) {
    this.ports = config.ports;
    this.routes = config.routes;
    config.routes.forEach((route, i) => this.table.insert(route.prefix, route.length, i));
    // Its own addresses, whatever port a packet for them comes by (RFC 1812 section 5.2.3).
    for (const { address } of config.ports) this.table.insert(address, 32, config.routes.length);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number): number {
    const own = this.ports[port];
    const high = macHigh(bytes, offset + ETH_DST_BYTE);
    if (high !== own.macHigh || macLow(bytes, offset + ETH_DST_BYTE) !== own.macLow) {
      return isMulticast(high) && etherType(bytes, offset) === ETHERTYPE_IPV4
        ? MULTICAST
        : isMulticast(high)
          ? NOT_IPV4
          : NOT_FOR_US;
    }
    if (etherType(bytes, offset) !== ETHERTYPE_IPV4) return NOT_IPV4;
    const ip = offset + ETH_HEADER_BYTES;
    const verdict = this.validate(bytes, ip, length - ETH_HEADER_BYTES);
    if (verdict !== VALID) return verdict;
    const destination = ipv4Dst(bytes, ip);
    // 224.0.0.0/4 and above: not for this function (RFC 1812 section 5.2.1.2).
    if (destination >>> 28 >= 0xe) return MULTICAST;
    const found = this.table.lookup(destination);
    if (found === LPM_NO_ROUTE) return NO_ROUTE;
    if (found === this.routes.length) return LOCAL;
    if (ipv4Ttl(bytes, ip) <= 1) return TTL_EXCEEDED;
    decrementTtl(bytes, ip);
    const route = this.routes[found];
    const out = this.ports[route.port];
    writeMac(bytes, offset + ETH_DST_BYTE, route.nextHopHigh, route.nextHopLow);
    writeMac(bytes, offset + ETH_SRC_BYTE, out.macHigh, out.macLow);
    return route.port;
  }

  /** RFC 1812 section 5.2.2: length, checksum, version, header length, total length. */
  private validate(bytes: Uint8Array, ip: number, length: number): number {
    if (length < IPV4_HEADER_MIN_BYTES || ipv4Version(bytes, ip) !== 4) return HEADER_ERROR;
    const headerBytes = ipv4HeaderBytes(bytes, ip);
    const totalBytes = ipv4TotalBytes(bytes, ip);
    if (headerBytes < IPV4_HEADER_MIN_BYTES || headerBytes > length) return HEADER_ERROR;
    if (totalBytes < headerBytes || totalBytes > length) return HEADER_ERROR;
    return ipv4ChecksumOk(bytes, ip, headerBytes) ? VALID : BAD_CHECKSUM;
  }
}

const VALID = 0;
