import { reserveDoorbell } from '../../../src/memory/doorbell.ts';
import { parkByFutex } from '../../../src/runtime/threads/futex-parking.ts';
import type { Bench, BenchContext, BenchResult, Row } from '../bench.ts';
import { NO_COMPILER, nativePeer } from '../native.ts';
import type { NativeProgram } from '../native.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
import { BenchMemory, WorkerPair } from '../worker-pair.ts';

const WAKES = 20_000;
const WAKES_QUICK = 4000;

const FIGURES = [
  { key: 'latencyNsP50', name: 'median', reach: 3 },
  { key: 'latencyNsP99', name: '99th percentile' },
  { key: 'costNsP50', name: 'cost for the caller' },
] as const;

/** Two threads wake each other in turn: from just before the ring to the sleeper's first instruction; the ring's cost. */
export const wakeBench: Bench = {
  name: 'wake',
  what: 'doorbell wake-up of a sleeping thread, against a ping-pong in C',
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
  native: NativeProgram | null,
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
  const [caller, answerer] = [reserveDoorbell(memory.arena), reserveDoorbell(memory.arena)];
  const stamps = memory.arena.reserve(128);
  const [{ values }] = await pair.run(
    { kind: 'wake-caller', doorbells: [caller, answerer], stamps, count },
    { kind: 'wake-answerer', doorbells: [answerer, caller], stamps, count },
    memory,
  );
  return FIGURES.map(({ key }) => values[key] / 1000);
}

async function futexWake(native: NativeProgram, count: number, caller: number, sleeper: number): Promise<number[]> {
  const figuresNs = await native(count, caller, sleeper);
  return figuresNs.map((ns) => ns / 1000);
}
