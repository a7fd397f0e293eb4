/** What must hold of shared sets in every order of accesses: see memory-models.ts. */
import { Arena } from '../../src/memory/arena.ts';
import { Doorbell, reserveDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { IdRingConsumer, IdRingProducer, reserveRing } from '../../src/memory/id-ring.ts';
import { reserveSharedSets, sharedNumbers, SharedSets } from '../../src/memory/shared-set.ts';
import type { Context, Model } from './interleaving.ts';

export type SharedSetFault = 'members before summary' | 'no second look' | 'added before published';

/**
 * A poll list: each source publishes its work, adds its number and rings; the poller takes the numbers, does the work
 * of those and nobody else's, and sleeps. All work is done, and nobody sleeps through any.
 */
export function pollListModel(options: { numbers: readonly number[]; events: number; fault?: SharedSetFault }): Model {
  const { numbers, events, fault } = options;
  const arena = new Arena('model');
  const list = reserveSharedSets(arena, 1);
  const bell = reserveDoorbell(arena);
  const rings = numbers.map(() => reserveRing(arena, events));
  const poller = ({ memory }: Context): void => {
    const pending = new SharedSets(memory, list);
    const words = memory.words(list);
    const doorbell = new Doorbell(memory, bell);
    const inputs = rings.map((ring) => new IdRingConsumer(memory, ring));
    const taken = new Int32Array(numbers.length);
    for (let done = 0; done < numbers.length * events;) {
      let count = 0;
      if (fault === 'members before summary') {
        const members = Atomics.exchange(words, 32, 0);
        Atomics.store(words, 0, 0);
        for (const number of numbers) if ((members & (1 << number)) !== 0) taken[count++] = number;
      } else {
        count = pending.take(0, taken, 0, 0);
      }
      let moved = 0;
      for (let i = 0; i < count; i++) {
        const input = inputs[numbers.indexOf(taken[i])];
        for (let n = input.readable(1); n > 0; n = input.readable(1)) {
          for (let k = 0; k < n; k++) input.take();
          moved += n;
          input.release();
        }
      }
      done += moved;
      if (moved > 0 || done === numbers.length * events) continue;
      doorbell.park();
      if (fault !== 'no second look' && pending.pending(0)) doorbell.unpark();
      else doorbell.wait();
    }
  };
  const source = (s: number) => ({
    name: `source ${s}`,
    body({ memory }: Context): void {
      const output = new IdRingProducer(memory, rings[s]);
      const pending = new SharedSets(memory, list);
      const ringer = new Ringer(memory, bell);
      for (let k = 0; k < events; k++) {
        output.put(k);
        if (fault === 'added before published') pending.add(numbers[s]);
        output.publish();
        if (fault !== 'added before published') pending.add(numbers[s]);
        ringer.ring();
      }
    },
  });
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [{ name: 'poller', body: poller }, ...numbers.map((_, s) => source(s))],
  };
}

/** Slots on their way home: each number that is added is taken once, or is there when all have ended. */
export function returnsModel(options: { batches: readonly (readonly number[])[]; takes: number }): Model {
  const { batches, takes } = options;
  const arena = new Arena('model');
  const region = reserveSharedSets(arena, 1);
  const all = batches.flat().sort((a, b) => a - b);
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [
      {
        name: 'owner',
        body({ memory }): number[] {
          const returned = new SharedSets(memory, region);
          const home = new Int32Array(all.length);
          let count = 0;
          for (let i = 0; i < takes; i++) count = returned.take(0, home, count, 0);
          return [...home.subarray(0, count)];
        },
      },
      ...batches.map((batch, b) => ({
        name: `ender ${b}`,
        body({ memory }: Context): void {
          new SharedSets(memory, region).addAll(Int32Array.from(batch), batch.length);
        },
      })),
    ],
    atEnd(memory, answers) {
      const taken = answers[0] as number[];
      const found = [...taken, ...sharedNumbers(memory, region)].sort((a, b) => a - b);
      if (found.join() !== all.join()) throw new Error(`found ${found.join()}, not ${all.join()}`);
      // What is left must be found by the next take.
      const rest = new SharedSets(memory, region).take(0, new Int32Array(all.length), 0, 0);
      if (rest !== all.length - taken.length) throw new Error(`the next take finds ${rest}`);
    },
  };
}
