import type { CacheLineTask } from '../bench-task.ts';
import type { Bench, BenchResult } from '../bench.ts';
import { COPY_LOCAL, COPY_REMOTE, ROUND_TRIP } from '../budget.ts';
import { NO_COMPILER, nativePeer } from '../native.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
import { BenchMemory, WorkerPair } from '../worker-pair.ts';

const ROUND_TRIPS = 200_000;
const PASSES = 100;
/** 512 frames, spaced as host slots: they fit the caches of a core, and no prefetcher guesses the next. */
const LINES = 512;
const STRIDE_BYTES = 2112;

const FIGURES = [
  { key: 'roundTripNs', name: ROUND_TRIP },
  { key: 'copyLocalNs', name: COPY_LOCAL },
  { key: 'copyRemoteNs', name: COPY_REMOTE },
] as const;

/** What nothing on two cores can go below: the yardstick for budgets. */
export const limitsBench: Bench = {
  name: 'limits',
  what: 'what it costs to touch memory at all',
  usesBothCores: false,
  run: async (context): Promise<BenchResult> => {
    const pair = await WorkerPair.start('limits', context.cores);
    const native = nativePeer('cache-line');
    try {
      const contenders = [
        () => ourLimits(pair),
        ...(native === null ? [] : [() => native(ROUND_TRIPS, PASSES, LINES, STRIDE_BYTES, ...context.cores)]),
      ];
      const [ours, peers] = await interleaveFigures(contenders, FIGURES.length, context);
      const rows = FIGURES.map(({ name }, f) =>
        rowOf({ name, unit: 'ns', better: 'lower', peerName: 'C' }, ours[f], native === null ? null : peers[f]),
      );
      return { rows, notes: native === null ? [NO_COMPILER] : [], skipped: null };
    } finally {
      await pair.end();
    }
  },
};

async function ourLimits(pair: WorkerPair): Promise<number[]> {
  const memory = new BenchMemory();
  const turn = memory.arena.reserve(128);
  const cells = memory.arena.reserve(LINES * STRIDE_BYTES);
  const task = (kind: CacheLineTask['kind']): CacheLineTask => ({
    kind,
    turn,
    cells,
    roundTrips: ROUND_TRIPS,
    passes: PASSES,
    lines: LINES,
    strideBytes: STRIDE_BYTES,
  });
  const [{ values }] = await pair.run(task('cache-line-near'), task('cache-line-far'), memory);
  return FIGURES.map(({ key }) => values[key]);
}
