import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualEvents } from '../../../src/runtime/virtual/virtual-events.ts';
import { VirtualRandom } from '../../../src/runtime/virtual/virtual-random.ts';

const SOURCES = 12;

describe('the virtual host’s events', () => {
  it('come in order of time, each source once, whatever was set, moved and cancelled', () => {
    const step = fc.record({
      source: fc.nat(SOURCES - 1),
      act: fc.constantFrom('set', 'set', 'set', 'cancel', 'take'),
      atNs: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(), (steps, seed) => {
        const events = new VirtualEvents(SOURCES, new VirtualRandom(seed));
        const model = new Map<number, number>();
        const take = (): void => {
          const least = Math.min(...model.values());
          expect(events.nextNs).toBe(least);
          const source = events.take();
          expect(model.get(source)).toBe(least);
          model.delete(source);
        };
        for (const { source, act, atNs } of steps) {
          if (act === 'set') {
            events.set(source, atNs);
            model.set(source, atNs);
          } else if (act === 'cancel') {
            events.cancel(source);
            model.delete(source);
          } else if (model.size > 0) {
            take();
          }
        }
        while (model.size > 0) take();
        expect(events.nextNs).toBe(Infinity);
      }),
    );
  });

  it('of one time come in an order that the seed decides', () => {
    const orderOf = (seed: number): string => {
      const events = new VirtualEvents(SOURCES, new VirtualRandom(seed));
      for (let source = 0; source < SOURCES; source++) events.set(source, 7);
      return Array.from({ length: SOURCES }, () => events.take()).join();
    };
    expect(orderOf(1)).toBe(orderOf(1));
    const orders = new Set(Array.from({ length: 50 }, (_, seed) => orderOf(seed)));
    expect(orders.size).toBeGreaterThan(45);
  });
});
