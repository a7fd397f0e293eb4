// New addresses for captured frames, so that the test bed carries them as it would carry its own.
import type { Ipv4Cidr } from '../wire/address.ts';
import { networkOf } from '../wire/address.ts';
import { ETH_HEADER_BYTES, ETHERTYPE_IPV4, etherType } from '../wire/ethernet.ts';
import { IPV4_HEADER_MIN_BYTES, ipv4Dst, ipv4HeaderBytes, ipv4Version } from '../wire/ipv4.ts';
import { LpmTable } from '../tables/lpm.ts';
import { rewriteIpv4Dst } from '../wire/rewrite.ts';

const ETH_BYTES = ETH_HEADER_BYTES;
const IPV4_MIN_BYTES = IPV4_HEADER_MIN_BYTES;
const IPV4_TYPE = ETHERTYPE_IPV4;

/** A route of the function the frames go through, and whether it leads to where the stream ends. */
export interface ReplayRoute {
  readonly prefix: number;
  readonly length: number;
  readonly leads: boolean;
}

/** Where a replayed stream goes. */
export interface ReplayAddressing {
  /** The network at the far end; its hosts of numbers below `firstHost` are routers. */
  readonly network: Ipv4Cidr;
  readonly firstHost: number;
  /** Destinations that these already lead to the far end stay as they were captured. */
  readonly routes: readonly ReplayRoute[];
}

/** Where a route leads, as a value of the table. */
const ELSEWHERE = 0;
const LEADS = 1;

/** Readdresses captured frames, one at a time, before the run. */
export class ReplayAddresser {
  private readonly routes = new LpmTable();
  private readonly firstAddress: number;
  private readonly hosts: number;

  constructor(addressing: ReplayAddressing) {
    for (const { prefix, length, leads } of addressing.routes)
      this.routes.insert(prefix, length, leads ? LEADS : ELSEWHERE);
    const { network, firstHost } = addressing;
    const addresses = 2 ** (32 - network.prefixLength);
    // Neither the network's own address nor its broadcast address is a host's, where it has both (RFC 3021).
    const end = addresses > 2 ? addresses - 1 : addresses;
    const first = firstHost < end ? firstHost : addresses > 2 ? 1 : 0;
    this.firstAddress = networkOf(network) + first;
    this.hosts = end - first;
  }

  /**
   * Readdresses the frame of bytes `offset` to `end`, which has an Ethernet header. An IPv4 destination that would not
   * be routed to the far end becomes one of its hosts: neighbours stay apart as long as the network has room.
   * Multicast, loopback and "this network" destinations, which no router forwards (RFC 1812 section 5.3.7), stay what
   * they are. Checksums are adjusted: right stays right and wrong wrong.
   */
  apply(bytes: Uint8Array, offset: number, end: number): void {
    if (!hasIpv4Header(bytes, offset, end - offset)) return;
    const old = ipv4Dst(bytes, offset + ETH_BYTES);
    const firstOctet = old >>> 24;
    if (firstOctet === 0 || firstOctet === 127 || firstOctet >= 224 || this.routes.lookup(old) === LEADS) return;
    rewriteIpv4Dst(bytes, offset + ETH_BYTES, end, this.firstAddress + (old % this.hosts));
  }
}

/** True for an untagged Ethernet frame of at least an IPv4 header, options included. `offset` is the frame's. */
export function hasIpv4Header(bytes: Uint8Array, offset: number, frameBytes: number): boolean {
  if (frameBytes < ETH_BYTES + IPV4_MIN_BYTES || etherType(bytes, offset) !== IPV4_TYPE) return false;
  if (ipv4Version(bytes, offset + ETH_BYTES) !== 4) return false;
  const headerBytes = ipv4HeaderBytes(bytes, offset + ETH_BYTES);
  return headerBytes >= IPV4_MIN_BYTES && ETH_BYTES + headerBytes <= frameBytes;
}
