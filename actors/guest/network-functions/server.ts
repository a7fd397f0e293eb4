import { isArpRequestFor, turnIntoArpReply } from '../../../src/net/wire/arp.ts';
import {
  ETHERTYPE_ARP,
  ETH_DST_BYTE,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  etherType,
  macHigh,
  macLow,
  writeMac,
} from '../../../src/net/wire/ethernet.ts';
import {
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  icmpChecksumOk,
  icmpType,
  turnIntoEchoReply,
} from '../../../src/net/wire/icmp.ts';
import {
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_UDP,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Src,
  ipv4TotalBytes,
  setIpv4Dst,
  setIpv4Src,
  setTtl,
} from '../../../src/net/wire/ipv4.ts';
import { UDP_HEADER_BYTES, swapUdpPorts, udpChecksumOk, udpLength } from '../../../src/net/wire/udp.ts';
import type { GuestPort } from './ipv4-input.ts';
import { IPV4_ACCEPTED, IPV4_INPUT_DROPS, acceptIpv4 } from './ipv4-input.ts';
import type { BuiltInFunction, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

const FIRST = IPV4_INPUT_DROPS.length;
export const SERVER_DROPS = [
  ...IPV4_INPUT_DROPS,
  { name: 'nf_arp_ignored', reason: 'ARP that asks for no address of this host' },
  { name: 'nf_not_local', reason: 'addressed to another host, and this one does not forward' },
  { name: 'nf_martian', reason: 'source address that no answer can be sent to' },
  { name: 'nf_fragment', reason: 'fragment, which this host does not reassemble' },
  { name: 'nf_l4_hdr_errors', reason: 'UDP or ICMP header truncated, or its length wrong' },
  { name: 'nf_bad_l4_checksum', reason: 'UDP or ICMP checksum wrong' },
  { name: 'nf_no_service', reason: 'neither UDP nor an ICMP echo request' },
] as const;
const ARP_IGNORED = dropped(FIRST);
const NOT_LOCAL = dropped(FIRST + 1);
const MARTIAN = dropped(FIRST + 2);
const FRAGMENT = dropped(FIRST + 3);
const L4_HEADER_ERROR = dropped(FIRST + 4);
const BAD_L4_CHECKSUM = dropped(FIRST + 5);
const NO_SERVICE = dropped(FIRST + 6);
const ACCEPTED = IPV4_ACCEPTED;

/** IPDEFTTL, include/uapi/linux/ip.h; RFC 1700. */
const DEFAULT_TTL = 64;

export interface ServerConfig {
  readonly kind: 'server';
  readonly ports: readonly GuestPort[];
}

/**
 * A host that answers: UDP datagrams to any port as the Echo Protocol does (RFC 862), ICMP echo (RFC 1122 section
 * 3.2.2.6) and ARP (RFC 826). Each answer leaves by the vNIC its request came in by, to the station it came from.
 */
export class Server implements NetworkFunction {
  readonly name = 'server';
  readonly drops = SERVER_DROPS;
  private readonly ports: readonly GuestPort[];

  constructor(config: ServerConfig) {
    this.ports = config.ports;
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number): number {
    const own = this.ports[port];
    if (etherType(bytes, offset) === ETHERTYPE_ARP) return this.answerArp(bytes, offset, length, port);
    const refused = acceptIpv4(bytes, offset, length, own);
    if (refused !== ACCEPTED) return refused;
    const ip = offset + ETH_HEADER_BYTES;
    if (!this.isOwn(ipv4Dst(bytes, ip))) return NOT_LOCAL;
    const source = ipv4Src(bytes, ip);
    // RFC 1122 section 3.2.1.3: such a source address is never an answer's destination.
    if (source === 0 || source >>> 28 >= 0xe) return MARTIAN;
    if (ipv4IsFragment(bytes, ip)) return FRAGMENT;
    const answered = answerTransport(bytes, ip);
    if (answered !== ACCEPTED) return answered;
    // Swapping two words leaves every checksum over both of them as it was.
    setIpv4Src(bytes, ip, ipv4Dst(bytes, ip));
    setIpv4Dst(bytes, ip, source);
    setTtl(bytes, ip, DEFAULT_TTL);
    const stationHigh = macHigh(bytes, offset + ETH_SRC_BYTE);
    writeMac(bytes, offset + ETH_DST_BYTE, stationHigh, macLow(bytes, offset + ETH_SRC_BYTE));
    writeMac(bytes, offset + ETH_SRC_BYTE, own.macHigh, own.macLow);
    return port;
  }

  private answerArp(bytes: Uint8Array, offset: number, length: number, port: number): number {
    const own = this.ports[port];
    if (!isArpRequestFor(bytes, offset, length, own.address)) return ARP_IGNORED;
    turnIntoArpReply(bytes, offset, own.macHigh, own.macLow);
    return port;
  }

  /** Any of its addresses by any of its vNICs: the weak model of RFC 1122 section 3.3.4.2, as in Linux. */
  private isOwn(address: number): boolean {
    const ports = this.ports;
    for (let i = 0; i < ports.length; i++) if (ports[i].address === address) return true;
    return false;
  }
}

/** Turns what the IPv4 packet at `ip` carries into its answer. @returns IPV4_ACCEPTED, or the answer that drops it. */
function answerTransport(bytes: Uint8Array, ip: number): number {
  const at = ip + ipv4HeaderBytes(bytes, ip);
  const payloadBytes = ipv4TotalBytes(bytes, ip) - ipv4HeaderBytes(bytes, ip);
  switch (ipv4Protocol(bytes, ip)) {
    case IP_PROTOCOL_UDP: {
      if (payloadBytes < UDP_HEADER_BYTES) return L4_HEADER_ERROR;
      const datagramBytes = udpLength(bytes, at);
      if (datagramBytes < UDP_HEADER_BYTES || datagramBytes > payloadBytes) return L4_HEADER_ERROR;
      if (!udpChecksumOk(bytes, ip)) return BAD_L4_CHECKSUM;
      swapUdpPorts(bytes, at);
      return ACCEPTED;
    }
    case IP_PROTOCOL_ICMP:
      if (payloadBytes < ICMP_HEADER_BYTES) return L4_HEADER_ERROR;
      if (!icmpChecksumOk(bytes, at, payloadBytes)) return BAD_L4_CHECKSUM;
      if (icmpType(bytes, at) !== ICMP_ECHO_REQUEST) return NO_SERVICE;
      turnIntoEchoReply(bytes, at, payloadBytes);
      return ACCEPTED;
    default:
      return NO_SERVICE;
  }
}

export const SERVER: BuiltInFunction<'server', ServerConfig> = {
  kind: 'server',
  counters: () => ({ drops: SERVER_DROPS }),
  create: (_, config) => new Server(config),
};
