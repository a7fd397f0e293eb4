import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LpmTable } from '../../src/net/tables/lpm.ts';

interface Route {
  readonly prefix: number;
  readonly length: number;
}

/** Addresses that collide: few bits are free, spread over all strides. */
const address = fc
  .tuple(fc.constantFrom(0, 0x0a, 0xff), fc.constantFrom(0, 1, 0xff), fc.constantFrom(0, 2, 0x80), fc.nat(255))
  .map(([a, b, c, d]) => a * 2 ** 24 + b * 65536 + c * 256 + d);
const route = fc.record({ prefix: address, length: fc.nat(32) });

const covers = (a: Route, to: number): boolean =>
  Math.floor(a.prefix / 2 ** (32 - a.length)) === Math.floor(to / 2 ** (32 - a.length));

describe('longest-prefix match', () => {
  it('answers as a search through all routes does, after any inserts and removals', () => {
    const step = fc.record({ route, value: fc.nat(1000), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(address, { maxLength: 40 }), (steps, addresses) => {
        const table = new LpmTable();
        let model: { route: Route; value: number }[] = [];
        for (const each of steps) {
          const same = (other: { route: Route }): boolean =>
            other.route.length === each.route.length && covers(each.route, other.route.prefix);
          const present = model.some(same);
          model = model.filter((other) => !same(other));
          if (each.remove) {
            expect(table.remove(each.route.prefix, each.route.length)).toBe(present);
          } else {
            table.insert(each.route.prefix, each.route.length, each.value);
            model.push(each);
          }
        }
        expect(table.size).toBe(model.length);
        const probes = [...addresses, ...steps.map((each) => each.route.prefix)];
        for (const probe of probes) {
          let best = -1;
          let longest = -1;
          for (const each of model) {
            if (covers(each.route, probe) && each.route.length > longest) {
              longest = each.route.length;
              best = each.value;
            }
          }
          expect(table.lookup(probe)).toBe(best);
          expect(table.lookup(probe | 0)).toBe(best);
        }
      }),
      { numRuns: 150 },
    );
  });
});
