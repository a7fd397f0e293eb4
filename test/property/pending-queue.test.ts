import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena } from '../../src/memory/arena.ts';
import { IdRingConsumer, IdRingProducer, reserveRing, ringDepth } from '../../src/memory/id-ring.ts';
import { PendingQueue, reservePending } from '../../src/memory/pending-queue.ts';
import { memoryOf } from '../support/slot-models.ts';

const RINGS = 70;
const CAPACITY = 16;

function bench() {
  const arena = new Arena('host');
  const pending = reservePending(arena, RINGS);
  const rings = Array.from({ length: RINGS }, (_, number) => {
    const ring = reserveRing(arena, CAPACITY);
    ring.announced = { pending, number };
    return ring;
  });
  const memory = memoryOf(arena);
  const producers = rings.map((ring) => new IdRingProducer(memory, ring));
  const consumers = rings.map((ring) => new IdRingConsumer(memory, ring));
  const queue = new PendingQueue(memory, pending);
  return {
    queue,
    waiting: (): number[] => rings.flatMap((ring, n) => (ringDepth(memory, ring) > 0 ? [n] : [])),
    publish: (number: number, frames: number): void => {
      const room = Math.min(frames, producers[number].writable(frames));
      for (let i = 0; i < room; i++) producers[number].put(i);
      if (room > 0) producers[number].publish();
    },
    /** Looks at `turns` of those in line at most, for `budget` frames each, as actors do. */
    poll: (turns: number, budget: number): number[] => {
      const looked: number[] = [];
      for (let left = Math.min(turns, queue.collect()); left > 0; left--) {
        const number = queue.shift();
        const n = Math.min(budget, consumers[number].readable(budget));
        for (let i = 0; i < n; i++) consumers[number].take();
        consumers[number].release();
        if (n === budget) queue.push(number);
        looked.push(number);
      }
      return looked;
    },
  };
}

const publish = fc.tuple(fc.nat(RINGS - 1), fc.integer({ min: 1, max: 5 }));
const poll = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }));
const steps = fc.array(fc.record({ publish: fc.array(publish, { maxLength: 5 }), poll }), { maxLength: 60 });

test('no ring that frames wait in is ever forgotten, and none is looked at twice in a round', () => {
  fc.assert(
    fc.property(steps, (plan) => {
      const { queue, waiting, publish: put, poll: look } = bench();
      for (const step of plan) {
        for (const [number, frames] of step.publish) put(number, frames);
        const looked = look(...step.poll);
        expect(new Set(looked).size).toBe(looked.length);
        if (queue.empty) expect(waiting()).toEqual([]);
      }
      for (let rounds = 0; !queue.empty; rounds++) {
        look(RINGS, 4);
        expect(rounds).toBeLessThan(RINGS);
      }
      expect(waiting()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('those that were never announced are not looked at', () => {
  const { publish: put, poll: look } = bench();
  put(3, 2);
  put(69, 1);
  put(3, 1);
  expect(look(RINGS, 4)).toEqual([3, 69]);
  expect(look(RINGS, 4)).toEqual([]);
});
