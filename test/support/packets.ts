/** IPv4 packets in Ethernet frames, byte by byte from the RFCs, at an odd place of a larger memory. */
import { formatIpv4, parseIpv4 } from '../../src/net/wire/address.ts';
import { internetChecksum } from '../../src/net/wire/checksum.ts';
import { parseMac } from '../../src/net/wire/ethernet.ts';
import { tcpChecksumOk, writeTcpChecksum } from '../../src/net/tcp/tcp.ts';
import { udpChecksumOk, writeUdpChecksum } from '../../src/net/wire/udp.ts';
import type { GuestPort } from '../../actors/guest/network-functions/ipv4-input.ts';
import type { ForwardRoute, RoutingConfig } from '../../actors/guest/network-functions/ip-forward.ts';
import type { NetworkFunction } from '../../actors/guest/network-functions/network-function.ts';

export const OFFSET = 34;
export const IP = OFFSET + 14;
export const TCP = 6;
export const UDP = 17;
export const ICMP = 1;

export function guestPort(mac: string, address: string, mtuBytes = 1500): GuestPort {
  const { high, low } = parseMac(mac);
  return { macHigh: high, macLow: low, address: parseIpv4(address), mtuBytes };
}

export function forwardRoute(prefix: string, length: number, port: number, mac: string): ForwardRoute {
  const { high, low } = parseMac(mac);
  return { prefix: parseIpv4(prefix), length, port, nextHopHigh: high, nextHopLow: low };
}

export const PORT_MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02'] as const;
export const STATION_MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

/** Two vNICs, 10.0.0.1 and 192.0.2.1, with a network behind each and everything else behind the second. */
export const ROUTING: RoutingConfig = {
  ports: [guestPort(PORT_MACS[0], '10.0.0.1'), guestPort(PORT_MACS[1], '192.0.2.1')],
  routes: [forwardRoute('10.0.0.0', 8, 0, STATION_MACS[0]), forwardRoute('0.0.0.0', 0, 1, STATION_MACS[1])],
};

export interface PacketFields {
  readonly src?: string;
  readonly dst?: string;
  readonly protocol?: number;
  readonly srcPort?: number;
  readonly dstPort?: number;
  readonly ttl?: number;
  readonly dstMac?: string;
  /** Of TCP. */
  readonly flags?: number;
  /** The flags and fragment-offset field. */
  readonly fragment?: number;
  readonly payload?: readonly number[];
  /** UDP only: the sender made no checksum. */
  readonly noChecksum?: boolean;
}

/** One packet and what can be asked of it. */
export class Packet {
  readonly bytes = new Uint8Array(512);
  readonly view = new DataView(this.bytes.buffer);
  readonly length: number;

  constructor(fields: PacketFields = {}) {
    const { src = '10.0.0.9', dst = '203.0.113.5', protocol = UDP, srcPort = 1024, dstPort = 53 } = fields;
    const { ttl = 64, dstMac = PORT_MACS[0], flags = 0x10, fragment = 0, payload = [1, 2, 3, 4, 5] } = fields;
    const { bytes, view } = this;
    const mac = parseMac(dstMac);
    const headerBytes = protocol === TCP ? 20 : 8;
    const l4 = IP + 20;
    bytes.fill(0xee);
    view.setUint16(OFFSET, mac.high);
    view.setInt32(OFFSET + 2, mac.low);
    bytes.set([2, 0, 0, 0, 0, 9, 8, 0], OFFSET + 6);
    bytes.fill(0, IP, l4 + headerBytes);
    bytes.set([0x45, 0], IP);
    view.setUint16(IP + 2, 20 + headerBytes + payload.length);
    view.setUint16(IP + 6, fragment);
    bytes.set([ttl, protocol], IP + 8);
    view.setUint32(IP + 12, parseIpv4(src));
    view.setUint32(IP + 16, parseIpv4(dst));
    bytes.set(payload, l4 + headerBytes);
    if (protocol === ICMP) {
      // An echo request; its identifier is the source port.
      view.setUint8(l4, 8);
      view.setUint16(l4 + 4, srcPort);
      view.setUint16(l4 + 2, internetChecksum(bytes, l4, 8 + payload.length));
    } else {
      view.setUint16(l4, srcPort);
      view.setUint16(l4 + 2, dstPort);
    }
    if (protocol === UDP) {
      view.setUint16(l4 + 4, 8 + payload.length);
      if (fields.noChecksum !== true) writeUdpChecksum(bytes, IP);
    } else if (protocol === TCP) {
      bytes.set([0x50, flags], l4 + 12);
      writeTcpChecksum(bytes, IP);
    }
    this.seal();
    this.length = Math.max(60, 34 + headerBytes + payload.length);
  }

  /** Sums the IPv4 header anew, after a test changed it. */
  seal(): void {
    this.view.setUint16(IP + 10, 0);
    this.view.setUint16(IP + 10, internetChecksum(this.bytes, IP, 20));
  }

  /** `10.0.0.9:1024 > 203.0.113.5:53`; of ICMP the identifier stands for both ports. */
  get ends(): string {
    const { view } = this;
    const isIcmp = view.getUint8(IP + 9) === ICMP;
    const ports = isIcmp
      ? [view.getUint16(IP + 24), view.getUint16(IP + 24)]
      : [IP + 20, IP + 22].map((at) => view.getUint16(at));
    return [12, 16].map((at, i) => `${formatIpv4(view.getUint32(IP + at))}:${ports[i]}`).join(' > ');
  }

  get ttl(): number {
    return this.bytes[IP + 8];
  }

  get dstMac(): string {
    return macAt(this.bytes, OFFSET);
  }

  get srcMac(): string {
    return macAt(this.bytes, OFFSET + 6);
  }

  /** Every checksum summed from scratch. */
  get sound(): boolean {
    const { bytes, view } = this;
    if (internetChecksum(bytes, IP, 20) !== 0) return false;
    switch (bytes[IP + 9]) {
      case UDP:
        return udpChecksumOk(bytes, IP);
      case TCP:
        return tcpChecksumOk(bytes, IP);
      default:
        return internetChecksum(bytes, IP + 20, view.getUint16(IP + 2) - 20) === 0;
    }
  }

  /** Runs it through a function: `out by 1`, or the name of the counter it was dropped by. */
  through(nf: NetworkFunction, port = 0, nowNs = 0): string {
    const verdict = nf.process(this.bytes, OFFSET, this.length, port, nowNs);
    return verdict >= 0 ? `out by ${verdict}` : nf.drops[-1 - verdict].name;
  }
}

function macAt(bytes: Uint8Array, at: number): string {
  return [...bytes.slice(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
