import type { VirtqueueTask } from '../bench-task.ts';
import type { Bench, BenchResult, Contender } from '../bench.ts';
import { interleave, rowOf } from '../rounds.ts';
import { GUEST_BUFFER, virtqueueGuestBytes } from '../tasks/virtqueue-task.ts';
import { BenchMemory, timeOf, WorkerPair } from '../worker-pair.ts';

const BATCH = 64;
const QUEUE_SIZES = [256, 1024];
const FIRST_WORK = 300_000;
const FLOOR_MPPS = 8;

export const virtqueueBench: Bench = {
  name: 'virtqueue',
  what: 'one split virtqueue between two threads: header and 64-byte frame in, frame out, buffer posted again',
  usesBothCores: true,
  run: async (context): Promise<BenchResult> => {
    const pair = await WorkerPair.start('virtqueue', context.cores);
    try {
      const measured = await interleave(
        QUEUE_SIZES.map((queueSize) => ourQueue(pair, queueSize)),
        context,
      );
      const rows = QUEUE_SIZES.map((queueSize, i) =>
        rowOf(
          {
            name: `virtqueue hop, ${queueSize} entries, batch ${BATCH}`,
            unit: 'M/s',
            better: 'higher',
            floor: FLOOR_MPPS,
          },
          measured[i],
          null,
        ),
      );
      return { rows, notes: [], skipped: null };
    } finally {
      await pair.end();
    }
  },
};

function ourQueue(pair: WorkerPair, queueSize: number): Contender {
  const memory = new QueueMemory(queueSize);
  return {
    name: `virtqueue ${queueSize}`,
    firstWork: FIRST_WORK,
    run: async (work) => {
      const task = (kind: VirtqueueTask['kind']): VirtqueueTask => ({ kind, queueSize, batch: BATCH, count: work });
      const reports = await pair.run(task('virtqueue-device'), task('virtqueue-driver'), memory);
      const { elapsedNs, waitShare } = timeOf(reports);
      return { value: (work / elapsedNs) * 1e3, elapsedNs, waitShare };
    },
  };
}

/** The meeting words, and a guest's memory of its own. */
class QueueMemory extends BenchMemory {
  private readonly guest: SharedArrayBuffer;

  constructor(queueSize: number) {
    super();
    this.guest = new SharedArrayBuffer(virtqueueGuestBytes(queueSize));
  }

  override get buffers() {
    return [...super.buffers, [GUEST_BUFFER, this.guest] as const];
  }
}
