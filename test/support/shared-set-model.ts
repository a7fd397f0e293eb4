/** What must hold of slots on their way home in every order of accesses: see memory-models.ts. */
import { Arena } from '../../src/memory/arena.ts';
import { reserveSharedSets, sharedNumbers, SharedSets } from '../../src/memory/shared-set.ts';
import type { Context, Model } from './interleaving.ts';

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
