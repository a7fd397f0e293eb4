import type { VirtqueueTask } from '../bench-task.ts';
import type { Bench, BenchResult, Contender } from '../bench.ts';
import { openTestpmd, TESTPMD_MEASURE_MS, TESTPMD_QUEUE_SIZE } from '../native/testpmd.ts';
import type { TestpmdPeer, TestpmdRing } from '../native/testpmd.ts';
import { interleave, rowOf } from '../rounds.ts';
import { GUEST_BUFFER, virtqueueGuestBytes } from '../tasks/virtqueue-task.ts';
import { BenchMemory, timeOf, WorkerPair } from '../worker-pair.ts';

const BATCH = 64;
const FORMATS = ['split', 'packed'] as const;
const QUEUES = [256, 1024].flatMap((queueSize) => FORMATS.map((format) => ({ queueSize, format })));
const FIRST_WORK = 300_000;
const FLOOR_MPPS = 8;

export const virtqueueBench: Bench = {
  name: 'virtqueue',
  what: 'one virtqueue between two threads, split and packed: header and 64-byte frame in and out, buffer posted again',
  usesBothCores: true,
  run: async (context): Promise<BenchResult> => {
    // Threads of its own for each format: a run has one, and so its call sites see one class.
    const pairs = await Promise.all(FORMATS.map((format) => WorkerPair.start(`virtqueue-${format}`, context.cores)));
    const dpdk = await openTestpmd(context.cores, 'hop');
    const peer = typeof dpdk === 'string' ? null : dpdk;
    try {
      const ours = QUEUES.map((queue) => ourQueue(pairs[FORMATS.indexOf(queue.format)], queue));
      const peers = peer === null ? [] : FORMATS.map((format) => peerQueue(peer, format));
      const measured = await interleave([...ours, ...peers], context);
      const rows = QUEUES.map(({ queueSize, format }, i) => {
        const beside = peer !== null && queueSize === TESTPMD_QUEUE_SIZE;
        const split = format === 'packed' ? measured[i - 1] : null;
        return rowOf(
          {
            name: `${format} virtqueue hop, ${queueSize} entries, batch ${BATCH}`,
            unit: 'M/s',
            better: 'higher',
            peerName: beside ? `DPDK testpmd, vhost-user, ${format}` : 'split',
            floor: FLOOR_MPPS,
          },
          measured[i],
          beside ? measured[QUEUES.length + FORMATS.indexOf(format)] : split,
        );
      });
      return { rows, notes: [peer === null ? `without DPDK: ${dpdk as string}` : DPDK_DIFFERS], skipped: null };
    } finally {
      await Promise.all(pairs.map((pair) => pair.end()));
      await peer?.close();
    }
  },
};

const DPDK_DIFFERS =
  `peer at ${TESTPMD_QUEUE_SIZE} entries: DPDK, whose guest (rxonly) does not read the frames; ours sums up every word ` +
  'and checks the sum';

function peerQueue(peer: TestpmdPeer, format: TestpmdRing): Contender {
  return {
    name: `testpmd ${format}`,
    firstWork: 1,
    run: async () => ({
      value: (await peer.measure(format)) / 1e6,
      elapsedNs: TESTPMD_MEASURE_MS * 1e6,
      waitShare: 0,
    }),
  };
}

function ourQueue(pair: WorkerPair, { queueSize, format }: (typeof QUEUES)[number]): Contender {
  const memory = new QueueMemory(queueSize);
  return {
    name: `${format} virtqueue ${queueSize}`,
    firstWork: FIRST_WORK,
    run: async (work) => {
      const task = (kind: VirtqueueTask['kind']): VirtqueueTask => ({
        kind,
        format,
        queueSize,
        batch: BATCH,
        count: work,
      });
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
