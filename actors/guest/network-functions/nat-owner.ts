import { ENDPOINT_ABSENT, EndpointTable, portKey } from '../../../src/net/tables/endpoint-table.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP } from '../../../src/net/wire/ipv4.ts';
import type { ExternalPool, NatMappings } from './nat-mappings.ts';
import { NO_FREE_PORT, NatPorts } from './nat-ports.ts';
import { natTcpBegins, natTcpIsTransitory, natTcpMayClose, natTcpNote, natTcpNoteAfter } from './nat-tcp-note.ts';

export const NAT_EXHAUSTED = -1;
const ABSENT = ENDPOINT_ABSENT;
const TCP = IP_PROTOCOL_TCP;
const ICMP = IP_PROTOCOL_ICMP;

/* Entries looked at for expired mappings: with each new batch, with each new mapping, and when no port is free. */
const SWEEP_BATCH = 4;
const SWEEP_NEW = 2;
const SWEEP_EXHAUSTED = 64;

/** How long a mapping lives after its last outgoing packet, ms. */
export interface NatTimeouts {
  readonly udpMs: number;
  readonly tcpEstablishedMs: number;
  /** Of TCP connections that are being opened or closed. */
  readonly tcpTransitoryMs: number;
  readonly icmpMs: number;
}

/**
 * The mappings that one vCPU makes. It has a block of each external address's ports for itself (fixed, as in RFC 7422),
 * so that vCPUs never meet in choosing one.
 *
 * Mapping is endpoint-independent (RFC 4787 REQ-1): one inside endpoint is one external endpoint, whoever it talks to.
 * An inside address keeps to one external address (REQ-2, paired). No two mappings share a port (REQ-3, RFC 5382
 * REQ-7), and an even port gets an even one where there is one (REQ-4). Only outgoing packets keep a mapping alive
 * (REQ-6). A mapping lives on as long as one of its TCP connections may (RFC 5382 REQ-5): where that is not known,
 * longer.
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
   * with it; NAT_EXHAUSTED when no port is free. `remote` is whom a TCP segment goes to, as `natRemote` knows it; other
   * protocols have neither that nor flags.
   */
  map(address: number, port: number, protocol: number, remote: number, tcpFlags: number, nowMs: number): number {
    if (nowMs !== this.batchMs) {
      this.batchMs = nowMs;
      this.sweep(SWEEP_BATCH, nowMs);
    }
    const key = portKey(port, protocol);
    const place = this.table.find(address, key);
    if (place === ABSENT) return this.create(address, port, key, remote, tcpFlags, nowMs);
    const index = this.table.value(place);
    if (this.mappings.isExpired(index, nowMs)) {
      this.release(index);
      return this.create(address, port, key, remote, tcpFlags, nowMs);
    }
    const before = this.table.note(place);
    const note = protocol === TCP ? this.noteAfter(index, before, remote, tcpFlags) : before;
    if (note !== before) this.table.setNote(place, note);
    this.mappings.extend(index, (nowMs + this.lifeMs(protocol, note)) | 0);
    return index;
  }

  private noteAfter(index: number, note: number, remote: number, tcpFlags: number): number {
    if (natTcpBegins(note, remote, tcpFlags)) this.mappings.forgetFin(index);
    const finCameIn = natTcpMayClose(note, tcpFlags) && this.mappings.finCameIn(index);
    return natTcpNoteAfter(note, remote, tcpFlags, finCameIn);
  }

  private create(address: number, port: number, key: number, remote: number, tcpFlags: number, nowMs: number): number {
    this.sweep(SWEEP_NEW, nowMs);
    const external = (address >>> 0) % this.pool.addresses;
    let index = this.ports.take(external, port);
    if (index === NO_FREE_PORT) {
      this.sweep(SWEEP_EXHAUSTED, nowMs);
      index = this.ports.take(external, port);
      if (index === NO_FREE_PORT) return NAT_EXHAUSTED;
    }
    const protocol = key & 0xff;
    const note = protocol === TCP ? natTcpNote(remote, tcpFlags) : 0;
    this.mappings.bind(index, address | 0, key, (nowMs + this.lifeMs(protocol, note)) | 0);
    this.table.add(address, key, index, note);
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

  private lifeMs(protocol: number, note: number): number {
    const { tcpTransitoryMs, tcpEstablishedMs } = this.timeouts;
    if (protocol === TCP) return natTcpIsTransitory(note) ? tcpTransitoryMs : tcpEstablishedMs;
    return protocol === ICMP ? this.timeouts.icmpMs : this.timeouts.udpMs;
  }
}
