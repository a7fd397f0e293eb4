// IPv4 addresses and prefixes as text, for the control path. Numbers are uint32 in host order.
import ipaddr from 'ipaddr.js';

/** An address with a prefix length; `address` keeps the host bits that were written. */
export interface Ipv4Cidr {
  readonly address: number;
  readonly prefixLength: number;
}

/** Parses a dotted quad into a uint32. Shorthand, hexadecimal and octal forms are refused. */
export function parseIpv4(text: string): number {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) {
    throw new Error(`"${text}" is not an IPv4 address: expected four decimal octets such as 10.0.0.1`);
  }
  const [a, b, c, d] = ipaddr.IPv4.parse(text).octets;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Dotted quad of a 32-bit address, signed or unsigned. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Parses `10.0.0.1/24`. The length is 0..32 and must be written. */
export function parseCidr(text: string): Ipv4Cidr {
  const match = /^([0-9.]+)\/(\d{1,2})$/.exec(text);
  const prefixLength = match ? Number(match[2]) : NaN;
  if (!match || !ipaddr.IPv4.isValidFourPartDecimal(match[1]) || prefixLength > 32) {
    throw new Error(`"${text}" is not an IPv4 prefix: expected an address and a length of 0..32 such as 10.0.0.0/24`);
  }
  return { address: parseIpv4(match[1]), prefixLength };
}

/** `10.0.0.1/24` of an address and its prefix length. */
export function formatCidr(cidr: Ipv4Cidr): string {
  return `${formatIpv4(cidr.address)}/${cidr.prefixLength}`;
}

/** A transport endpoint. */
export interface Ipv4Endpoint {
  readonly address: number;
  readonly port: number;
}

/** Parses `10.0.0.1:80`. */
export function parseEndpoint(text: string): Ipv4Endpoint {
  const match = /^([0-9.]+):(\d{1,5})$/.exec(text);
  const port = match ? Number(match[2]) : NaN;
  if (!match || port > 0xffff) {
    throw new Error(`"${text}" is not an endpoint: expected an address and a port of 0..65535 such as 10.0.0.1:80`);
  }
  return { address: parseIpv4(match[1]), port };
}

/** `10.0.0.1:80` of an endpoint. */
export function formatEndpoint({ address, port }: Ipv4Endpoint): string {
  return `${formatIpv4(address)}:${port}`;
}

/** First address of the prefix: the host bits cleared, as uint32. */
export function networkOf(cidr: Ipv4Cidr): number {
  return cidr.prefixLength === 0 ? 0 : (cidr.address & (-1 << (32 - cidr.prefixLength))) >>> 0;
}
