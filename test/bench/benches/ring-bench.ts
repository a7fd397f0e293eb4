import { reserveRing } from '../../../src/memory/id-ring.ts';
import type { RingTask } from '../bench-task.ts';
import type { Bench, BenchContext, BenchResult, Contender } from '../bench.ts';
import { NO_COMPILER, nativePeer } from '../native.ts';
import type { NativeProgram } from '../native.ts';
import { interleave, rowOf } from '../rounds.ts';
import { BenchMemory, timeOf, WorkerPair } from '../worker-pair.ts';

const CAPACITY = 1024;
const BATCHES = [1, 8, 32, 64];
const FIRST_WORK = 1_000_000;
const PEER_FIRST_WORK = 4_000_000;

/** One row: ids alone or with frames, a batch size, and how far apart the frames lie. */
interface Variant {
  readonly name: string;
  readonly frames: boolean;
  readonly batch: number;
  readonly strideBytes: number;
  readonly floor?: number;
  readonly reach?: number;
}

export const ringBench: Bench = {
  name: 'ring',
  what: 'ids between two threads',
  usesBothCores: true,
  run: (context) =>
    runRing(
      'ring',
      BATCHES.map((batch) => ({
        name: `ring of ids, batch ${batch}`,
        frames: false,
        batch,
        strideBytes: 64,
        ...(batch === 32 ? { floor: 80, reach: 0.35 } : {}),
      })),
      context,
    ),
};

/** Frames lie a cache line apart as in a plain array of frames, and 2,112 bytes apart as host slots do. */
export const ringFrameBench: Bench = {
  name: 'ring-frame',
  what: 'ids between two threads, a 64-byte frame written on one side and read on the other',
  usesBothCores: true,
  run: (context) =>
    runRing(
      'ring-frame',
      [2112, 64].flatMap((strideBytes) =>
        BATCHES.map((batch) => ({
          name: `ring with 64-byte frame, ${strideBytes === 64 ? 'dense' : 'host slots'}, batch ${batch}`,
          frames: true,
          batch,
          strideBytes,
          ...(batch === 32 && strideBytes === 2112 ? { floor: 25, reach: 0.5 } : {}),
        })),
      ),
      context,
    ),
};

async function runRing(name: string, variants: readonly Variant[], context: BenchContext): Promise<BenchResult> {
  const pair = await WorkerPair.start(name, context.cores);
  const peer = nativePeer('ring');
  try {
    const contenders = variants.flatMap((variant) => [
      ourRing(pair, variant),
      ...(peer === null ? [] : [peerRing(peer, variant, context)]),
    ]);
    const measured = await interleave(contenders, context);
    const rows = variants.map((variant, i) =>
      peer === null
        ? rowOf(meaningOf(variant), measured[i], null)
        : rowOf(meaningOf(variant), measured[2 * i], measured[2 * i + 1]),
    );
    return { rows, notes: peer === null ? [NO_COMPILER] : [], skipped: null };
  } finally {
    await pair.end();
  }
}

function meaningOf({ name, floor, reach }: Variant) {
  return {
    name,
    unit: 'M/s',
    better: 'higher' as const,
    peerName: 'C11 ring',
    ...(floor === undefined ? {} : { floor }),
    ...(reach === undefined ? {} : { reach }),
  };
}

function ourRing(pair: WorkerPair, variant: Variant): Contender {
  const { frames, batch, strideBytes } = variant;
  const memory = new BenchMemory();
  const ring = reserveRing(memory.arena, CAPACITY);
  const cells = memory.arena.reserve(CAPACITY * strideBytes);
  return {
    name: variant.name,
    firstWork: FIRST_WORK,
    run: async (work) => {
      const count = Math.ceil(work / batch) * batch;
      const task = (kind: RingTask['kind']): RingTask => ({ kind, ring, cells, strideBytes, batch, count });
      const reports = await pair.run(
        task(frames ? 'produce-frames' : 'produce-ids'),
        task(frames ? 'consume-frames' : 'consume-ids'),
        memory,
      );
      const { elapsedNs, waitShare } = timeOf(reports);
      return { value: (count / elapsedNs) * 1e3, elapsedNs, waitShare };
    },
  };
}

function peerRing(
  peer: NativeProgram,
  { name, frames, batch, strideBytes }: Variant,
  context: BenchContext,
): Contender {
  return {
    name: `C11 ${name}`,
    firstWork: PEER_FIRST_WORK,
    run: async (work) => {
      const kind = frames ? 'frames' : 'ids';
      const [perSecond, waitShare] = await peer(kind, batch, work, CAPACITY, strideBytes, ...context.cores);
      return { value: perSecond / 1e6, elapsedNs: (work / perSecond) * 1e9, waitShare };
    },
  };
}
