import { reserveDoorbell } from '../../../src/memory/doorbell.ts';
import { parkByFutex } from '../../../src/runtime/futex-parking.ts';
import type { WakeTask } from '../bench-task.ts';
import type { Bench, BenchContext, BenchResult, Row } from '../bench.ts';
import { NO_COMPILER, nativePeer } from '../native.ts';
import type { NativePeer } from '../native.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
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
    const rows = [
      ...(await measure('other core', a, b, native, context)),
      ...(await measure('same core', a, a, native, context)),
    ];
    const notes = [`threads sleep and wake by ${parkByFutex()}`, ...(native === null ? [NO_COMPILER] : [])];
    return { rows, notes, skipped: null };
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
    const contenders = [
      () => ourWake(pair, count),
      ...(native === null ? [] : [() => futexWake(native, count, caller, sleeper)]),
    ];
    const [ours, peers] = await interleaveFigures(contenders, FIGURES.length, context);
    return FIGURES.map((figure, f) =>
      rowOf(
        {
          name: `wake-up, ${where}, ${figure.name}`,
          unit: 'us',
          better: 'lower',
          peerName: 'C futex',
          ...('reach' in figure ? { reach: figure.reach } : {}),
        },
        ours[f],
        native === null ? null : peers[f],
      ),
    );
  } finally {
    await pair.end();
  }
}

async function ourWake(pair: WorkerPair, count: number): Promise<number[]> {
  const memory = new BenchMemory();
  const doorbell = reserveDoorbell(memory.arena);
  const stamps = memory.arena.reserve(128);
  const task = (kind: WakeTask['kind']): WakeTask => ({ kind, doorbell, stamps, count, gapMs: GAP_MS });
  const [{ values }] = await pair.run(task('wake-caller'), task('wake-sleeper'), memory);
  return FIGURES.map(({ key }) => values[key] / 1000);
}

async function futexWake(native: NativePeer, count: number, caller: number, sleeper: number): Promise<number[]> {
  const figuresNs = await native(count, GAP_MS * 1000, caller, sleeper);
  return figuresNs.map((ns) => ns / 1000);
}
