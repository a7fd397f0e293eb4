import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ENDPOINT_ABSENT, EndpointTable, portKey, portOfKey } from '../../src/net/tables/endpoint-table.ts';

const CAPACITY = 8;

test('agrees with a Map through any additions and removals, also where places collide', () => {
  const endpoint = fc.record({
    address: fc.constantFrom(0, 1, 2, -1, 0x7fff_ffff),
    port: fc.constantFrom(0, 1, 65535),
  });
  const step = fc.record({ remove: fc.boolean(), endpoint, value: fc.integer({ min: 0, max: 999 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const table = new EndpointTable(CAPACITY);
      const model = new Map<string, { address: number; key: number; value: number }>();
      for (const { remove, endpoint: each, value } of steps) {
        const { address } = each;
        const key = portKey(each.port, 17);
        const name = `${address} ${key}`;
        const place = table.find(address, key);
        expect(place === ENDPOINT_ABSENT).toBe(!model.has(name));
        if (place !== ENDPOINT_ABSENT && remove) {
          table.remove(place);
          model.delete(name);
        } else if (place === ENDPOINT_ABSENT && !remove) {
          const added = table.add(address, key, value, value ^ 1);
          expect(added === ENDPOINT_ABSENT).toBe(model.size === CAPACITY);
          if (added !== ENDPOINT_ABSENT) model.set(name, { address, key, value });
        }
        expect(table.count).toBe(model.size);
        for (const known of model.values()) {
          const at = table.find(known.address, known.key);
          expect([table.value(at), table.note(at)]).toEqual([known.value, known.value ^ 1]);
        }
      }
      const walked = Array.from({ length: table.places }, (_, i) => table.placeAt(i)).filter(
        (at) => at !== ENDPOINT_ABSENT,
      );
      expect(walked.map((at) => table.value(at)).sort()).toEqual([...model.values()].map(({ value }) => value).sort());
    }),
    { numRuns: 500 },
  );
});

test('an address is 32 bits, signed or not; a key gives its port back', () => {
  const table = new EndpointTable(4);
  table.add(0xc0a8_0001, portKey(65535, 6), 7, 0);
  expect(table.value(table.find(0xc0a8_0001 | 0, portKey(65535, 6)))).toBe(7);
  expect(table.find(0xc0a8_0001, portKey(65535, 17))).toBe(ENDPOINT_ABSENT);
  expect(portOfKey(portKey(65535, 6))).toBe(65535);
});
