import type { Memory, Region } from '../../../src/memory/arena.ts';
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import {
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  ICMP_ID_BYTE,
  icmpType,
} from '../../../src/net/wire/icmp.ts';
import {
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Src,
  ipv4TotalBytes,
} from '../../../src/net/wire/ipv4.ts';
import { readU16 } from '../../../src/net/wire/network-order.ts';
import { rewriteDestination, rewriteSource } from '../../../src/net/wire/rewrite.ts';
import { TCP_FIN, TCP_HEADER_MIN_BYTES, tcpDstPort, tcpFlags } from '../../../src/net/tcp/tcp.ts';
import { UDP_HEADER_BYTES } from '../../../src/net/wire/udp.ts';
import type { RoutingConfig } from './ip-forward.ts';
import { IP_FORWARD_DROPS, IpForward } from './ip-forward.ts';
import { IPV4_ACCEPTED } from './ipv4-input.ts';
import type { ExternalPool } from './nat-mappings.ts';
import { NatMappings } from './nat-mappings.ts';
import type { NatTimeouts } from './nat-owner.ts';
import { NAT_EXHAUSTED, NatOwner } from './nat-owner.ts';
import { natRemote } from './nat-tcp-note.ts';
import type { BuiltInFunction, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

const FIRST = IP_FORWARD_DROPS.length;
const NAT44_DROPS = [
  ...IP_FORWARD_DROPS,
  { name: 'nf_fragment', reason: 'fragment, which this NAT does not reassemble' },
  { name: 'nf_nat_protocol', reason: 'neither TCP, UDP nor ICMP echo' },
  { name: 'nf_l4_hdr_errors', reason: 'transport header cut off' },
  { name: 'nf_ports_exhausted', reason: 'no external port is free for a new mapping' },
  { name: 'nf_no_mapping', reason: 'no mapping for what comes from outside' },
] as const;
const FRAGMENT = dropped(FIRST);
const NOT_TRANSLATED = dropped(FIRST + 1);
const L4_HEADER_ERROR = dropped(FIRST + 2);
const PORTS_EXHAUSTED = dropped(FIRST + 3);
const NO_MAPPING = dropped(FIRST + 4);
const ACCEPTED = IPV4_ACCEPTED;

const NAT44_EVENTS = [
  { name: 'nf_mappings_created', meaning: 'mappings that the NAT made for a new endpoint inside' },
  { name: 'nf_mappings_expired', meaning: 'mappings that the NAT forgot, unused for too long' },
] as const;
const CREATED = 0;
const EXPIRED = 1;

const TCP = IP_PROTOCOL_TCP;
const UDP = IP_PROTOCOL_UDP;
const ICMP = IP_PROTOCOL_ICMP;
const FIN = TCP_FIN;

export interface Nat44Config extends RoutingConfig {
  readonly kind: 'nat44';
  /** Index of the vNIC towards the outside; all others are inside. */
  readonly outside: number;
  readonly pool: ExternalPool;
  readonly timeouts: NatTimeouts;
  /** Guest memory for the mappings, the same for all vCPUs. */
  readonly mappings: Region;
  /** Which block of ports is this vCPU's, of how many; null where it serves no inside vNIC and makes no mappings. */
  readonly share: { readonly index: number; readonly of: number } | null;
}

/**
 * Source NAT with port translation (NAPT) for TCP, UDP and ICMP echo: packets to the outside get an external endpoint
 * for their source, packets from outside to such an endpoint the inside one back.
 *
 * Of RFC 4787 it meets REQ-1 to REQ-6 (see NatOwner), filters endpoint-independently (REQ-8), lets inside hosts reach
 * each other by their external endpoints (REQ-9), has no ALGs (REQ-10) and is deterministic (REQ-11); of RFC 5382 REQ-1
 * to REQ-3, REQ-5, REQ-7 and REQ-8; of RFC 5508 what concerns queries (REQ-1, REQ-2). It does not meet what concerns
 * fragments (RFC 4787 REQ-14) and ICMP errors, of which it translates none and sends none (RFC 4787 REQ-13, RFC 5382
 * REQ-9, RFC 5508 section 4): both are dropped and counted. An unasked SYN is dropped in silence for good, where
 * RFC 5382 REQ-4 wants an error after six seconds. A RST from outside does not shorten a mapping's life.
 */
export class Nat44 implements NetworkFunction {
  readonly name = 'nat44';
  readonly drops = NAT44_DROPS;
  readonly events = NAT44_EVENTS.map(({ name }) => name);
  readonly counts = new Float64Array(NAT44_EVENTS.length);
  private readonly router: IpForward;
  private readonly outside: number;
  private readonly pool: ExternalPool;
  private readonly mappings: NatMappings;
  private readonly owner: NatOwner | null;

  constructor(memory: Memory, config: Nat44Config) {
    const { pool, timeouts, share } = config;
    this.router = new IpForward(config);
    this.outside = config.outside;
    this.pool = pool;
    this.mappings = new NatMappings(memory, config.mappings, pool);
    this.owner = share === null ? null : new NatOwner(this.mappings, pool, timeouts, share.index, share.of);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    const router = this.router;
    const refused = router.accept(bytes, offset, length, port);
    if (refused !== ACCEPTED) return refused;
    const ip = offset + ETH_HEADER_BYTES;
    // Milliseconds of 32 bits come round every 49 days; ends of mappings are compared by difference.
    const nowMs = (nowNs * 1e-6) | 0;
    const comesBack = port === this.outside || this.mappings.isExternal(ipv4Dst(bytes, ip));
    if (comesBack) {
      const untranslatable = checkTransport(bytes, ip);
      if (untranslatable !== ACCEPTED) return untranslatable;
      if (port !== this.outside && !this.leave(bytes, ip, nowMs)) return PORTS_EXHAUSTED;
      if (!this.enter(bytes, ip, nowMs)) return NO_MAPPING;
    }
    const route = router.route(bytes, offset);
    if (route < 0) return route;
    if (!comesBack && router.portOf(route) === this.outside) {
      const untranslatable = checkTransport(bytes, ip);
      if (untranslatable !== ACCEPTED) return untranslatable;
      if (!this.leave(bytes, ip, nowMs)) return PORTS_EXHAUSTED;
    }
    return router.send(bytes, offset, route);
  }

  /** Gives a packet to the outside its external source; false when there is none left. */
  private leave(bytes: Uint8Array, ip: number, nowMs: number): boolean {
    const owner = this.owner;
    if (owner === null) return false;
    const protocol = ipv4Protocol(bytes, ip);
    const l4 = ip + ipv4HeaderBytes(bytes, ip);
    const port = readU16(bytes, protocol === ICMP ? l4 + ICMP_ID_BYTE : l4);
    const isTcp = protocol === TCP;
    const remote = isTcp ? natRemote(ipv4Dst(bytes, ip), tcpDstPort(bytes, l4)) : 0;
    const flags = isTcp ? tcpFlags(bytes, l4) : 0;
    const index = owner.map(ipv4Src(bytes, ip), port, protocol, remote, flags, nowMs);
    this.counts[CREATED] = owner.created;
    this.counts[EXPIRED] = owner.expired;
    if (index === NAT_EXHAUSTED) return false;
    const { firstAddress, firstPort, ports } = this.pool;
    const address = Math.floor(index / ports);
    rewriteSource(bytes, ip, firstAddress + address, firstPort + index - address * ports);
    return true;
  }

  /** Gives a packet to an external endpoint the destination it stands for; false when it stands for none. */
  private enter(bytes: Uint8Array, ip: number, nowMs: number): boolean {
    const protocol = ipv4Protocol(bytes, ip);
    const l4 = ip + ipv4HeaderBytes(bytes, ip);
    const port = readU16(bytes, protocol === ICMP ? l4 + ICMP_ID_BYTE : l4 + 2);
    const mappings = this.mappings;
    if (!mappings.find(ipv4Dst(bytes, ip), port, protocol, nowMs)) return false;
    if (protocol === TCP && (tcpFlags(bytes, l4) & FIN) !== 0) mappings.noteFin();
    rewriteDestination(bytes, ip, mappings.insideAddress, mappings.insidePort);
    return true;
  }
}

/** IPV4_ACCEPTED when the packet at `ip` shows all that its translation changes, otherwise the answer that drops it. */
function checkTransport(bytes: Uint8Array, ip: number): number {
  if (ipv4IsFragment(bytes, ip)) return FRAGMENT;
  const headerBytes = ipv4HeaderBytes(bytes, ip);
  const payloadBytes = ipv4TotalBytes(bytes, ip) - headerBytes;
  switch (ipv4Protocol(bytes, ip)) {
    case UDP:
      return payloadBytes < UDP_HEADER_BYTES ? L4_HEADER_ERROR : ACCEPTED;
    case TCP:
      return payloadBytes < TCP_HEADER_MIN_BYTES ? L4_HEADER_ERROR : ACCEPTED;
    case ICMP: {
      if (payloadBytes < ICMP_HEADER_BYTES) return L4_HEADER_ERROR;
      const type = icmpType(bytes, ip + headerBytes);
      return type === ICMP_ECHO_REQUEST || type === ICMP_ECHO_REPLY ? ACCEPTED : NOT_TRANSLATED;
    }
    default:
      return NOT_TRANSLATED;
  }
}

export const NAT44: BuiltInFunction<'nat44', Nat44Config> = {
  kind: 'nat44',
  counters: () => ({ drops: NAT44_DROPS, events: NAT44_EVENTS }),
  create: (memory, config) => new Nat44(memory, config),
};
