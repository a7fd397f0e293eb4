import { describe, expect, it } from 'vitest';
import {
  etherType,
  ETH_DST_BYTE,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  ETH_TYPE_BYTE,
  formatMac,
  isMulticast,
  lineRateFps,
  macHigh,
  macLow,
  parseMac,
  wireBytes,
  writeMac,
} from '../../../src/net/wire/ethernet.ts';

describe('Ethernet header', () => {
  it('lies where IEEE 802.3 puts it', () => {
    expect([ETH_DST_BYTE, ETH_SRC_BYTE, ETH_TYPE_BYTE, ETH_HEADER_BYTES]).toEqual([0, 6, 12, 14]);
  });

  it('reads and writes addresses at any offset', () => {
    const bytes = new Uint8Array(32);
    const mac = parseMac('02:1F:e3:80:00:ff');
    writeMac(bytes, 3 + ETH_SRC_BYTE, mac.high, mac.low);
    expect([...bytes.subarray(9, 15)]).toEqual([0x02, 0x1f, 0xe3, 0x80, 0x00, 0xff]);
    expect(macHigh(bytes, 9)).toBe(0x021f);
    expect(macLow(bytes, 9)).toBe(0xe38000ff | 0);
    expect(formatMac(mac.high, mac.low)).toBe('02:1f:e3:80:00:ff');
    bytes.set([0x86, 0xdd], 3 + ETH_TYPE_BYTE);
    expect(etherType(bytes, 3)).toBe(0x86dd);
  });

  it.each(['', '02:00:00:00:00', '02:00:00:00:00:0', '02:00:00:00:00:00:00', '02-00-00-00-00-00', '0g:00:00:00:00:00'])(
    'refuses "%s" as an address and quotes it',
    (text) => {
      expect(() => parseMac(text)).toThrow(`"${text}" is not a MAC address`);
    },
  );

  it('knows group addresses by the lowest bit of the first octet', () => {
    expect(isMulticast(parseMac('ff:ff:ff:ff:ff:ff').high)).toBe(true);
    expect(isMulticast(parseMac('01:80:c2:00:00:00').high)).toBe(true);
    expect(isMulticast(parseMac('02:01:00:00:00:00').high)).toBe(false);
    expect(isMulticast(parseMac('fe:ff:ff:ff:ff:ff').high)).toBe(false);
  });
});

describe('wire arithmetic', () => {
  it('gives 84 byte times to the smallest frame: 672 ns at 1 Gbit/s', () => {
    expect(wireBytes(60)).toBe(84);
    expect(wireBytes(14)).toBe(84);
    expect(wireBytes(61)).toBe(85);
    expect(wireBytes(1514)).toBe(1538);
  });

  it('gives the well-known line rates at 1 Gbit/s', () => {
    const sizes = [64, 128, 256, 512, 1024, 1280, 1518];
    const rates = [1_488_095, 844_594, 452_898, 234_962, 119_731, 96_153, 81_274];
    expect(sizes.map((size) => Math.floor(lineRateFps(size, 1e9)))).toEqual(rates);
    for (const size of sizes) expect(wireBytes(size - 4) * 8 * lineRateFps(size, 1e9)).toBeCloseTo(1e9, 3);
  });
});
