import { describe, expect, it } from 'vitest';
import { networkOf, parseCidr, parseIpv4 } from '../../../src/net/wire/address.ts';
import { LPM_VALUE_MAX, LpmTable } from '../../../src/net/tables/lpm.ts';

function tableOf(routes: Record<string, number>): LpmTable {
  const table = new LpmTable();
  for (const [prefix, value] of Object.entries(routes)) {
    const cidr = parseCidr(prefix);
    table.insert(networkOf(cidr), cidr.prefixLength, value);
  }
  return table;
}

describe('longest-prefix match', () => {
  it('has no route while empty', () => {
    expect(new LpmTable().lookup(0x0a000001)).toBe(-1);
  });

  it('prefers the longest prefix at every stride boundary, whatever the order of insertion', () => {
    const lengths = [0, 8, 15, 16, 17, 23, 24, 25, 31, 32];
    const address = parseIpv4('172.29.157.255');
    for (const order of [lengths, lengths.toReversed()]) {
      const table = new LpmTable();
      for (const length of order) table.insert(address, length, length);
      expect(table.size).toBe(lengths.length);
      expect(table.lookup(address)).toBe(32);
      // Flipping bit i (from the left) leaves prefixes of at most i bits.
      for (let bit = 0; bit < 32; bit += 1) {
        const longest = lengths.filter((length) => length <= bit).at(-1);
        expect(table.lookup(address ^ (0x8000_0000 >>> bit)), `bit ${bit}`).toBe(longest);
      }
    }
  });

  it('uncovers the shorter route when a longer one is removed, and forgets the last one', () => {
    const table = tableOf({ '10.0.0.0/8': 1, '10.1.0.0/16': 2, '10.1.2.0/24': 3, '10.1.2.3/32': 4 });
    const address = parseIpv4('10.1.2.3');
    for (const [length, next] of [
      [32, 3],
      [24, 2],
      [16, 1],
      [8, -1],
    ]) {
      expect(table.remove(address, length)).toBe(true);
      expect(table.remove(address, length)).toBe(false);
      expect(table.lookup(address)).toBe(next);
    }
    expect(table.size).toBe(0);
  });

  it('replaces the value of a route and ignores host bits', () => {
    const table = tableOf({ '10.0.0.0/8': 1 });
    table.insert(parseIpv4('10.9.9.9'), 8, 7);
    expect(table.size).toBe(1);
    expect(table.lookup(parseIpv4('10.255.0.0'))).toBe(7);
    expect(table.lookup(parseIpv4('11.0.0.0'))).toBe(-1);
  });

  it('holds the largest value and refuses what it cannot hold', () => {
    const table = tableOf({ '0.0.0.0/0': LPM_VALUE_MAX });
    expect(table.lookup(0xffffffff)).toBe(LPM_VALUE_MAX);
    expect(() => table.insert(0, 0, LPM_VALUE_MAX + 1)).toThrow('route value');
    expect(() => table.insert(0, 0, -1)).toThrow('route value');
    expect(() => table.insert(0, 33, 1)).toThrow('prefix length 33');
    expect(() => table.remove(0, -1)).toThrow('prefix length -1');
  });

  it('grows while it is built: ten thousand host routes in as many networks', () => {
    const table = new LpmTable();
    for (let i = 0; i < 10_000; i += 1) table.insert(Math.imul(i, 0x01000193), 32, i);
    for (let i = 0; i < 10_000; i += 1) expect(table.lookup(Math.imul(i, 0x01000193))).toBe(i);
  });
});
