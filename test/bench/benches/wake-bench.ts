import { reserveDoorbell } from '../../../src/memory/doorbell.ts';
import type { WakeTask } from '../bench-task.ts';
import type { Bench, BenchContext, BenchResult, Contender, Row } from '../bench.ts';
import { NO_COMPILER, nativePeer } from '../native.ts';
import type { NativePeer } from '../native.ts';
import type { Measured } from '../rounds.ts';
import { interleave, rowOf, spreadOf } from '../rounds.ts';
import { BenchMemory, WorkerPair } from '../worker-pair.ts';

const GAP_MS = 0.3;
const WAKES = 400;
const WAKES_QUICK = 150;

const FIGURES = [
  { key: 'latencyNsP50', name: 'median', reach: 3 },
  { key: 'latencyNsP99', name: '99th percentile' },
  { key: 'costNsP50', name: 'cost for the caller' },
] as const;

/** From just before the ring to the first instruction of a thread that slept; and what the ring costs. */
export const wakeBench: Bench = {
  name: 'wake',
  what: 'doorbell wake-up of a sleeping thread, against a C futex',
  usesBothCores: true,
  run: async (context): Promise<BenchResult> => {
    const native = nativePeer('wake');
    const [a, b] = context.cores;
    const rows = [...(await measure('other core', a, b, native, context)), ...(await measure('same core', a, a, native, context))];
    return { rows, notes: native === null ? [NO_COMPILER] : [], skipped: null };
  },
};

async function measure(
  where: string,
  caller: number,
  sleeper: number,
  native: NativePeer | null,
  context: BenchContext,
): Promise<Row[]> {
  const count = context.quick ? WAKES_QUICK : WAKES;
  const pair = await WorkerPair.start('wake', [caller, sleeper]);
  try {
    const ours: number[][] = [];
    const peers: number[][] = [];
    const contenders = [keep(ours, () => ourWake(pair, count))];
    if (native !== null) contenders.push(keep(peers, () => native(count, GAP_MS * 1000, caller, sleeper)));
    await interleave(contenders, context);
    return FIGURES.map((figure, f) =>
      rowOf(
        {
          name: `wake-up, ${where}, ${figure.name}`,
          unit: 'us',
          better: 'lower',
          peerName: 'C futex',
          ...('reach' in figure ? { reach: figure.reach } : {}),
        },
        column(ours, f, context.rounds),
        native === null ? null : column(peers, f, context.rounds),
      ),
    );
  } finally {
    await pair.end();
  }
}

function keep(kept: number[][], measureOnce: () => Promise<readonly number[]>): Contender {
  return {
    name: 'wake',
    firstWork: 1,
    run: async () => {
      kept.push((await measureOnce()).map((ns) => ns / 1000));
      return { value: 0, elapsedNs: 0, waitShare: 0 };
    },
  };
}

function column(kept: readonly number[][], figure: number, rounds: number): Measured {
  const values = kept.slice(-rounds).map((each) => each[figure]);
  const measured = values.map((value) => ({ value, elapsedNs: 0, waitShare: 0 }));
  return { rounds: measured, spread: spreadOf(values), waitShare: 0 };
}

async function ourWake(pair: WorkerPair, count: number): Promise<number[]> {
  const memory = new BenchMemory();
  const doorbell = reserveDoorbell(memory.arena);
  const stamps = memory.arena.reserve(128);
  const task = (kind: WakeTask['kind']): WakeTask => ({ kind, doorbell, stamps, count, gapMs: GAP_MS });
  const [{ values }] = await pair.run(task('wake-caller'), task('wake-sleeper'), memory);
  return FIGURES.map(({ key }) => values[key]);
}
