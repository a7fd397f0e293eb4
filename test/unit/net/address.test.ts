import { describe, expect, it } from 'vitest';
import { formatCidr, formatIpv4, networkOf, parseCidr, parseIpv4 } from '../../../src/net/wire/address.ts';

describe('IPv4 addresses as text', () => {
  it.each([
    ['0.0.0.0', 0],
    ['10.0.0.1', 0x0a000001],
    ['192.168.255.254', 0xc0a8fffe],
    ['255.255.255.255', 0xffffffff],
  ])('reads and writes %s', (text, value) => {
    expect(parseIpv4(text)).toBe(value);
    expect(formatIpv4(value)).toBe(text);
    expect(formatIpv4(value | 0)).toBe(text);
  });

  it.each(['', '10.0.0', '10.0.0.256', '10.0.0.1.2', '010.0.0.1', '0x0a.0.0.1', '10', '10.0.0.1 ', '::1', 'host'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseIpv4(text)).toThrow(`"${text}" is not an IPv4 address`);
    },
  );
});

describe('prefixes', () => {
  it('keeps host bits and computes the network', () => {
    const cidr = parseCidr('192.168.7.9/22');
    expect(cidr).toEqual({ address: 0xc0a80709, prefixLength: 22 });
    expect(formatCidr(cidr)).toBe('192.168.7.9/22');
    expect(formatIpv4(networkOf(cidr))).toBe('192.168.4.0');
    expect(networkOf(parseCidr('255.1.2.3/0'))).toBe(0);
    expect(networkOf(parseCidr('255.1.2.3/32'))).toBe(0xff010203);
  });

  it.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/255.0.0.0'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseCidr(text)).toThrow(`"${text}" is not an IPv4 prefix`);
    },
  );
});
