import { describe, expect, it } from 'vitest';
import {
  Fdb,
  FDB_AGEING_NS,
  FDB_LEARNED,
  FDB_LIMIT,
  FDB_MISS,
  FDB_MOVED,
  FDB_PORTS_MAX,
  FDB_REFRESHED,
} from '../../../src/net/tables/fdb.ts';

describe('forwarding database', () => {
  it('learns, refreshes and moves an address', () => {
    const fdb = new Fdb();
    expect(fdb.lookup(0x0200, 1, 0)).toBe(FDB_MISS);
    expect(fdb.learn(0x0200, 1, 0, 0)).toBe(FDB_LEARNED);
    expect(fdb.learn(0x0200, 1, 0, 1)).toBe(FDB_REFRESHED);
    expect(fdb.lookup(0x0200, 1, 2)).toBe(0);
    expect(fdb.learn(0x0200, 1, FDB_PORTS_MAX - 1, 3)).toBe(FDB_MOVED);
    expect(fdb.lookup(0x0200, 1, 4)).toBe(FDB_PORTS_MAX - 1);
    expect(fdb.size).toBe(1);
  });

  it('tells addresses apart that differ in one half only, with the sign bit and all ones in use', () => {
    const fdb = new Fdb();
    fdb.learn(0xfeff, -1, 1, 0);
    fdb.learn(0xfeff, 0x7fffffff, 2, 0);
    fdb.learn(0x0000, -1, 3, 0);
    expect([fdb.lookup(0xfeff, -1, 0), fdb.lookup(0xfeff, 0x7fffffff, 0), fdb.lookup(0, -1, 0)]).toEqual([1, 2, 3]);
    expect(fdb.lookup(0xfefe, -1, 0)).toBe(FDB_MISS);
  });

  it('stops answering 300 s after an address was last seen, not before', () => {
    const fdb = new Fdb();
    fdb.learn(0x0200, 1, 5, 1000);
    expect(fdb.lookup(0x0200, 1, 1000 + FDB_AGEING_NS - 1)).toBe(5);
    expect(fdb.lookup(0x0200, 1, 1000 + FDB_AGEING_NS)).toBe(FDB_MISS);
    expect(fdb.learn(0x0200, 1, 5, 1000 + FDB_AGEING_NS)).toBe(FDB_REFRESHED);
    expect(fdb.lookup(0x0200, 1, 1001 + FDB_AGEING_NS)).toBe(5);
    expect(FDB_AGEING_NS).toBe(300_000_000_000);
  });

  it('sweeps a bounded number of slots at a time and gets round to all', () => {
    const fdb = new Fdb({ ageingNs: 10, expectedEntries: 500 });
    for (let i = 0; i < 500; i += 1) fdb.learn(0x0200, i, 1, i < 250 ? 0 : 5);
    expect(fdb.age(10, 0)).toBe(0);
    let removed = 0;
    let calls = 0;
    while (removed < 250 && calls < 1000) {
      const now = fdb.age(10, 16);
      expect(now).toBeLessThanOrEqual(16);
      removed += now;
      calls += 1;
    }
    expect(removed).toBe(250);
    expect(calls * 16).toBeLessThanOrEqual(fdb.capacity + 250 + 16);
    expect(fdb.size).toBe(250);
    for (let i = 0; i < 500; i += 1) expect(fdb.lookup(0x0200, i, 10)).toBe(i < 250 ? FDB_MISS : 1);
  });

  it('forgets a port and keeps the others', () => {
    const fdb = new Fdb();
    for (let i = 0; i < 1000; i += 1) fdb.learn(0x0200, i * 256, i % 3, 0);
    expect(fdb.forgetPort(1)).toBe(333);
    expect(fdb.forgetPort(1)).toBe(0);
    for (let i = 0; i < 1000; i += 1) expect(fdb.lookup(0x0200, i * 256, 1)).toBe(i % 3 === 1 ? FDB_MISS : i % 3);
  });

  it('does not learn beyond its limit, but refreshes, moves, and learns again when an entry has gone', () => {
    const fdb = new Fdb({ learnedMax: 2, ageingNs: 10 });
    fdb.learn(0x0200, 1, 1, 0);
    fdb.learn(0x0200, 2, 1, 5);
    expect(fdb.learn(0x0200, 3, 1, 6)).toBe(FDB_LIMIT);
    expect(fdb.lookup(0x0200, 3, 6)).toBe(FDB_MISS);
    expect(fdb.learn(0x0200, 2, 2, 6)).toBe(FDB_MOVED);
    expect(fdb.learn(0x0200, 3, 1, 11)).toBe(FDB_LIMIT);
    expect(fdb.age(11, fdb.capacity)).toBe(1);
    expect(fdb.learn(0x0200, 3, 1, 11)).toBe(FDB_LEARNED);
  });

  it('holds a million addresses, sequential as pools of machines have them, and spreads them evenly', () => {
    const fdb = new Fdb();
    for (let i = 0; i < 1_000_000; i += 1) fdb.learn(0x0200, i, i & 1023, 0);
    expect(fdb.size).toBe(1_000_000);
    expect(fdb.capacity).toBe(2_097_152);
    let wrong = 0;
    for (let i = 0; i < 1_000_000; i += 1) if (fdb.lookup(0x0200, i, 1) !== (i & 1023)) wrong += 1;
    for (let i = 1_000_000; i < 2_000_000; i += 1) if (fdb.lookup(0x0200, i, 1) !== FDB_MISS) wrong += 1;
    expect(wrong).toBe(0);
  });
});
