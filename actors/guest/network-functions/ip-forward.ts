import { ETH_DST_BYTE, ETH_HEADER_BYTES, ETH_SRC_BYTE, writeMac } from '../../../src/net/wire/ethernet.ts';
import { decrementTtl, ipv4Dst, ipv4TotalBytes, ipv4Ttl } from '../../../src/net/wire/ipv4.ts';
import { LPM_NO_ROUTE, LpmTable } from '../../../src/net/tables/lpm.ts';
import type { GuestPort } from './ipv4-input.ts';
import { IPV4_ACCEPTED, IPV4_INPUT_DROPS, acceptIpv4 } from './ipv4-input.ts';
import type { BuiltInFunction, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

const FIRST = IPV4_INPUT_DROPS.length;
export const IP_FORWARD_DROPS = [
  ...IPV4_INPUT_DROPS,
  { name: 'nf_ttl_exceeded', reason: 'TTL would reach zero (ICMP time exceeded)' },
  { name: 'nf_no_route', reason: 'no route to the destination (ICMP unreachable)' },
  { name: 'nf_local', reason: 'addressed to the router itself' },
  {
    name: 'nf_frag_needed',
    reason: 'would need fragmentation: longer than the MTU of the vNIC it leaves by (ICMP unreachable, RFC 1191)',
  },
] as const;
const TTL_EXCEEDED = dropped(FIRST);
const NO_ROUTE = dropped(FIRST + 1);
const LOCAL = dropped(FIRST + 2);
const FRAGMENTATION_NEEDED = dropped(FIRST + 3);
const ACCEPTED = IPV4_ACCEPTED;

/** A route: prefix to next hop. The neighbour's MAC is given, as by a permanent ARP entry. */
export interface ForwardRoute {
  readonly prefix: number;
  readonly length: number;
  /** Index of the vNIC it leads out by. */
  readonly port: number;
  readonly nextHopHigh: number;
  readonly nextHopLow: number;
}

/** What a function needs to know of its guest in order to route. */
export interface RoutingConfig {
  readonly ports: readonly GuestPort[];
  readonly routes: readonly ForwardRoute[];
}

export interface IpForwardConfig extends RoutingConfig {
  readonly kind: 'ip-forward';
}

/**
 * IPv4 forwarding as RFC 1812 section 5.2 orders it: validate, look up, take one off the TTL, rewrite the neighbour.
 * Its steps are there one by one for functions that do something between them, where netfilter has its hooks.
 */
export class IpForward implements NetworkFunction {
  readonly name = 'ip-forward';
  readonly drops = IP_FORWARD_DROPS;
  private readonly ports: readonly GuestPort[];
  private readonly routes: readonly ForwardRoute[];
  /** Of each route, the MTU of the vNIC that it leads out by. */
  private readonly mtus: Int32Array;
  private readonly table = new LpmTable();

  constructor(config: RoutingConfig) {
    this.ports = config.ports;
    this.routes = config.routes;
    this.mtus = Int32Array.from(config.routes, ({ port }) => config.ports[port].mtuBytes);
    config.routes.forEach((route, i) => this.table.insert(route.prefix, route.length, i));
    // Its own addresses, whatever port a packet for them comes by (RFC 1812 section 5.2.3).
    for (const { address } of config.ports) this.table.insert(address, 32, config.routes.length);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number): number {
    const refused = this.accept(bytes, offset, length, port);
    if (refused !== ACCEPTED) return refused;
    const route = this.route(bytes, offset);
    return route < 0 ? route : this.send(bytes, offset, route);
  }

  /** NF_INET_PRE_ROUTING comes after this. @returns IPV4_ACCEPTED, or the answer that drops the frame. */
  accept(bytes: Uint8Array, offset: number, length: number, port: number): number {
    return acceptIpv4(bytes, offset, length, this.ports[port]);
  }

  /**
   * NF_INET_FORWARD comes after this. As ip_forward() does it looks at the TTL, then at the MTU (RFC 1812 section
   * 5.2.7.1). It fragments nothing, whether DF is set or not.
   * @returns the route an accepted frame takes, or the answer that drops it.
   */
  route(bytes: Uint8Array, offset: number): number {
    const ip = offset + ETH_HEADER_BYTES;
    const found = this.table.lookup(ipv4Dst(bytes, ip));
    if (found === LPM_NO_ROUTE) return NO_ROUTE;
    if (found === this.routes.length) return LOCAL;
    if (ipv4Ttl(bytes, ip) <= 1) return TTL_EXCEEDED;
    return ipv4TotalBytes(bytes, ip) > this.mtus[found] ? FRAGMENTATION_NEEDED : found;
  }

  /** Index of the vNIC that a route leads out by. */
  portOf(route: number): number {
    return this.routes[route].port;
  }

  /** Readies a routed frame for its next hop. @returns the vNIC to send it out by. */
  send(bytes: Uint8Array, offset: number, route: number): number {
    decrementTtl(bytes, offset + ETH_HEADER_BYTES);
    const { port, nextHopHigh, nextHopLow } = this.routes[route];
    const out = this.ports[port];
    writeMac(bytes, offset + ETH_DST_BYTE, nextHopHigh, nextHopLow);
    writeMac(bytes, offset + ETH_SRC_BYTE, out.macHigh, out.macLow);
    return port;
  }
}

export const IP_FORWARD: BuiltInFunction<'ip-forward', IpForwardConfig> = {
  kind: 'ip-forward',
  counters: () => ({ drops: IP_FORWARD_DROPS }),
  create: (_, config) => new IpForward(config),
};
