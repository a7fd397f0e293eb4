import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fdb, FDB_LEARNED, FDB_LIMIT, FDB_MISS, FDB_MOVED, FDB_REFRESHED } from '../../src/net/tables/fdb.ts';

const AGEING_NS = 1000;

interface Entry {
  port: number;
  seenNs: number;
}

/** What the kernel's database does, on a Map keyed by the address as text. */
class ModelFdb {
  readonly entries = new Map<string, Entry>();
  private readonly learnedMax: number;
  constructor(learnedMax: number) {
    this.learnedMax = learnedMax;
  }
  learn(key: string, port: number, nowNs: number): number {
    const entry = this.entries.get(key);
    if (entry) {
      const moved = entry.port !== port;
      this.entries.set(key, { port, seenNs: nowNs });
      return moved ? FDB_MOVED : FDB_REFRESHED;
    }
    if (this.learnedMax !== 0 && this.entries.size >= this.learnedMax) return FDB_LIMIT;
    this.entries.set(key, { port, seenNs: nowNs });
    return FDB_LEARNED;
  }
  lookup(key: string, nowNs: number): number {
    const entry = this.entries.get(key);
    return entry && nowNs - entry.seenNs < AGEING_NS ? entry.port : FDB_MISS;
  }
  removeWhere(gone: (entry: Entry) => boolean): number {
    let removed = 0;
    for (const [key, entry] of this.entries) {
      if (gone(entry)) {
        this.entries.delete(key);
        removed += 1;
      }
    }
    return removed;
  }
}

// 1,200 addresses, so that runs are full of hits and moves, and the table grows from its smallest size.
const mac = fc.record({
  high: fc.constantFrom(0, 0x0200, 0xfeff),
  low: fc.nat(399).map((n) => Math.imul(n, 0x0080_0001)),
});
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('learn' as const), mac, port: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('lookup' as const), mac }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ns: fc.nat(AGEING_NS / 4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), port: fc.nat(5) }) },
);

const keyOf = (each: { high: number; low: number }): string => `${each.high}:${each.low}`;

function check(steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[], learnedMax: number): void {
  const fdb = new Fdb({ ageingNs: AGEING_NS, learnedMax });
  const model = new ModelFdb(learnedMax);
  let nowNs = 0;
  for (const each of steps) {
    switch (each.kind) {
      case 'learn':
        expect(fdb.learn(each.mac.high, each.mac.low, each.port, nowNs)).toBe(
          model.learn(keyOf(each.mac), each.port, nowNs),
        );
        break;
      case 'lookup':
        expect(fdb.lookup(each.mac.high, each.mac.low, nowNs)).toBe(model.lookup(keyOf(each.mac), nowNs));
        break;
      case 'wait':
        nowNs += each.ns;
        break;
      case 'sweep':
        // Removals take a visit each without moving on, so a whole sweep needs one visit for each slot and entry.
        expect(fdb.age(nowNs, fdb.capacity + fdb.size)).toBe(model.removeWhere((e) => nowNs - e.seenNs >= AGEING_NS));
        break;
      case 'forget':
        expect(fdb.forgetPort(each.port)).toBe(model.removeWhere((e) => e.port === each.port));
        break;
    }
    expect(fdb.size).toBe(model.entries.size);
  }
  for (const [key, entry] of model.entries) {
    const [high, low] = key.split(':').map(Number);
    expect(fdb.lookup(high, low, entry.seenNs)).toBe(entry.port);
  }
}

describe('forwarding database', () => {
  it('behaves as a Map would through learning, moves, ageing and removed ports', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 600, size: 'max' }), (steps) => {
        check(steps, 0);
      }),
      { numRuns: 60 },
    );
  });

  it('behaves as a Map would at its learning limit', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 50, maxLength: 200, size: 'max' }),
        fc.integer({ min: 1, max: 40 }),
        check,
      ),
      { numRuns: 60 },
    );
  });
});
