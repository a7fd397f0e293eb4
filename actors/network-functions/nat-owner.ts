import { ENDPOINT_ABSENT, EndpointTable, portKey } from '../../src/net/endpoint-table.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP } from '../../src/net/ipv4.ts';
import type { ExternalPool, NatMappings } from './nat-mappings.ts';
import { NO_FREE_PORT, NatPorts } from './nat-ports.ts';

/** How long a mapping lives after its last outgoing packet, ms. */
export interface NatTimeouts {
  readonly udpMs: number;
  readonly tcpEstablishedMs: number;
  /** Of TCP connections that are being opened or closed. */
  readonly tcpTransitoryMs: number;
  readonly icmpMs: number;
}

export const NAT_EXHAUSTED = -1;
const ABSENT = ENDPOINT_ABSENT;
const TCP = IP_PROTOCOL_TCP;
const ICMP = IP_PROTOCOL_ICMP;

const TCP_FIN_RST = 0x05;
const TCP_SYN = 0x02;

/* What is noted of a mapping: how far its TCP connection is, as far as its outgoing segments show it. */
const OPENING = 0;
const ESTABLISHED = 1;
const CLOSING = 2;

/* Entries looked at for expired mappings: with each new batch, with each new mapping, and when no port is free. */
const SWEEP_BATCH = 4;
const SWEEP_NEW = 2;
const SWEEP_EXHAUSTED = 64;

/**
 * The mappings that one vCPU makes. It has a block of each external address's ports for itself (fixed, as in RFC 7422),
 * so that vCPUs never meet in choosing one.
 *
 * Mapping is endpoint-independent (RFC 4787 REQ-1): one inside endpoint is one external endpoint, whoever it talks to.
 * An inside address keeps to one external address (REQ-2, paired). No two mappings share a port (REQ-3), and an even
 * port gets an even one where there is one (REQ-4). Only outgoing packets keep a mapping alive (REQ-6).
 */
export class NatOwner {
  created = 0;
  expired = 0;
  private readonly mappings: NatMappings;
  private readonly table: EndpointTable;
  private readonly ports: NatPorts;
  private readonly pool: ExternalPool;
  private readonly timeouts: NatTimeouts;
  private swept = 0;
  private batchMs = 0;

  /** @param share which of `shares` equal blocks of ports is this vCPU's. */
  constructor(mappings: NatMappings, pool: ExternalPool, timeouts: NatTimeouts, share: number, shares: number) {
    this.mappings = mappings;
    this.ports = new NatPorts(pool, share, shares);
    this.table = new EndpointTable(pool.addresses * this.ports.count);
    this.pool = pool;
    this.timeouts = timeouts;
  }

  /**
   * The number of the external endpoint for an outgoing packet of an inside endpoint, whose mapping is made or lives on
   * with it; NAT_EXHAUSTED when no port is free. `tcpFlags` is 0 for other protocols.
   */
  map(address: number, port: number, protocol: number, tcpFlags: number, nowMs: number): number {
    if (nowMs !== this.batchMs) {
      this.batchMs = nowMs;
      this.sweep(SWEEP_BATCH, nowMs);
    }
    const key = portKey(port, protocol);
    const place = this.table.find(address, key);
    if (place === ABSENT) return this.create(address, port, key, tcpFlags, nowMs);
    const index = this.table.value(place);
    if (this.mappings.isExpired(index, nowMs)) {
      this.release(index);
      return this.create(address, port, key, tcpFlags, nowMs);
    }
    const before = this.table.note(place);
    const state = protocol === TCP ? stateAfter(before, tcpFlags) : OPENING;
    if (state !== before) this.table.setNote(place, state);
    this.mappings.extend(index, (nowMs + this.lifeMs(protocol, state)) | 0);
    return index;
  }

  private create(address: number, port: number, key: number, tcpFlags: number, nowMs: number): number {
    this.sweep(SWEEP_NEW, nowMs);
    const external = (address >>> 0) % this.pool.addresses;
    let index = this.ports.take(external, port);
    if (index === NO_FREE_PORT) {
      this.sweep(SWEEP_EXHAUSTED, nowMs);
      index = this.ports.take(external, port);
      if (index === NO_FREE_PORT) return NAT_EXHAUSTED;
    }
    const protocol = key & 0xff;
    const state = protocol === TCP ? stateAfter(OPENING, tcpFlags) : OPENING;
    this.mappings.bind(index, address | 0, key, (nowMs + this.lifeMs(protocol, state)) | 0);
    this.table.add(address, key, index, state);
    this.created++;
    return index;
  }

  /** Looks at the next `entries` of its own and takes back the ports of expired mappings. */
  private sweep(entries: number, nowMs: number): void {
    const { mappings, ports, pool } = this;
    for (let i = 0; i < entries; i++) {
      const address = Math.floor(this.swept / ports.count);
      const index = address * pool.ports + ports.first + (this.swept - address * ports.count);
      this.swept = this.swept + 1 === this.table.capacity ? 0 : this.swept + 1;
      if (mappings.keyOf(index) !== 0 && mappings.isExpired(index, nowMs)) this.release(index);
    }
  }

  private release(index: number): void {
    const place = this.table.find(this.mappings.addressOf(index), this.mappings.keyOf(index));
    this.table.remove(place);
    this.mappings.unbind(index);
    this.ports.give(index);
    this.expired++;
  }

  private lifeMs(protocol: number, state: number): number {
    if (protocol === TCP) return state === ESTABLISHED ? this.timeouts.tcpEstablishedMs : this.timeouts.tcpTransitoryMs;
    return protocol === ICMP ? this.timeouts.icmpMs : this.timeouts.udpMs;
  }
}

/** RFC 5382 section 5: transitory until the first segment after the SYN, and again from FIN or RST to the next SYN. */
function stateAfter(state: number, flags: number): number {
  if ((flags & TCP_FIN_RST) !== 0) return CLOSING;
  if ((flags & TCP_SYN) !== 0) return OPENING;
  return state === CLOSING ? CLOSING : ESTABLISHED;
}
