/** Measures two sides now, block by block: at every load one trial of each, in random order. */
import { shuffle } from 'simple-statistics';
import type { TestBed, Trial } from '../bed/test-bed.ts';
import { offeredPerSecond } from '../sweep/swept-load.ts';
import type { SweptLoad, SweptRate } from '../sweep/swept-load.ts';
import { BLOCKS_MAX } from './choices.ts';
import type { Block } from './judge-compare.ts';
import { randomOf } from './paired-test.ts';

export interface BlockPlan {
  readonly load: SweptLoad;
  /** At least one. */
  readonly rates: readonly SweptRate[];
  readonly blocks: number;
  readonly durationNs: number;
  readonly runInNs: number;
  readonly warmupNs: number;
  readonly seed: number;
}

export interface BlockOptions {
  readonly signal: AbortSignal;
  /** One block is done, or was invalid and is made again if `again`. */
  readonly measured?: (block: Block | null, index: number, again: boolean) => void;
}

/** All repeats of invalid blocks together, as a share of those planned. */
const REPEATS_RATIO_MAX = 1 / 2;

/** @returns the blocks whose trials were both believed, and how many were not. */
export async function measureBlocks(
  beds: readonly [a: TestBed, b: TestBed],
  plan: BlockPlan,
  { signal, measured }: BlockOptions,
): Promise<{ readonly blocks: Block[]; readonly leftOut: number }> {
  const random = randomOf(plan.seed);
  for (const bed of beds) await bed.warmUp(plan.load, plan.warmupNs, signal);
  const blocks: Block[] = [];
  let leftOut = 0;
  const repeatsMax = Math.ceil(plan.blocks * plan.rates.length * REPEATS_RATIO_MAX);
  for (let index = 0; index < plan.blocks; index++) {
    for (const rate of shuffle([...plan.rates], random)) {
      for (let attempt = 0; ; attempt++) {
        const block = await measureBlock(beds, plan, rate, { index, attempt }, random, signal);
        if (block === 'ended') return { blocks, leftOut };
        const again = block === null && beds.some(({ disturbed }) => disturbed) && leftOut < repeatsMax;
        measured?.(block, index, again);
        if (block === null) leftOut++;
        else blocks.push(block);
        if (!again) break;
      }
    }
  }
  return { blocks, leftOut };
}

/** Null for a block of which a trial is invalid. */
async function measureBlock(
  beds: readonly [a: TestBed, b: TestBed],
  { runInNs, durationNs }: BlockPlan,
  rate: SweptRate,
  { index, attempt }: { readonly index: number; readonly attempt: number },
  random: () => number,
  signal: AbortSignal,
): Promise<Block | 'ended' | null> {
  const trials: (Trial | null)[] = [null, null];
  for (const side of random() < 0.5 ? [0, 1] : [1, 0]) {
    const repeat = index + BLOCKS_MAX * attempt;
    const request = { name: `block ${index + 1}`, rate, runInNs, durationNs, repeat };
    trials[side] = await beds[side].trial(request, signal);
    if (trials[side] === null) return 'ended';
  }
  const [a, b] = trials;
  if (a === null || b === null) return 'ended';
  if (a.validity.status === 'invalid' || b.validity.status === 'invalid') return null;
  return { offeredPerSecond: offeredPerSecond(beds[0].variant.scenario, rate), a: a.phase, b: b.phase };
}
