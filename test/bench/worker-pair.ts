import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Arena } from '../../src/memory/arena.ts';
import type { Region } from '../../src/memory/arena.ts';
import { setUpThreads } from '../../src/runtime/engine-flags.ts';
import { ensureWorkerBundle } from '../../src/runtime/threads/worker-bundle.ts';
import type { BenchAnswer, BenchReport, BenchTask } from './bench-task.ts';
import type { BenchWorkerInput } from './bench-worker.ts';

const ENTRY = 'test/bench/bench-worker.ts';
const OUT_FOLDER = 'dist/bench';
/** No round takes a tenth of this. */
const ANSWER_MS_MAX = 60_000;

/** One thread that runs bundled JavaScript on one core. */
export class BenchThread {
  private readonly worker: Worker;

  static async start(name: string, core: number, execArgv: readonly string[] = []): Promise<BenchThread> {
    const bundle = await ensureWorkerBundle({ entry: ENTRY, outFolder: OUT_FOLDER });
    setUpThreads();
    return new BenchThread(
      new Worker(bundle, { workerData: { name, core } satisfies BenchWorkerInput, execArgv: [...execArgv] }),
    );
  }

  private constructor(worker: Worker) {
    this.worker = worker;
  }

  /** Does one task. @throws what the task threw, or when the thread dies or stays silent. */
  async run(task: BenchTask, buffers: BenchBuffers, meeting: Region): Promise<BenchReport> {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const answered = once(this.worker, 'message', { signal }) as Promise<[BenchAnswer]>;
    this.worker.postMessage({ task, buffers, meeting });
    const [answer] = await answered;
    if ('failure' in answer) throw new Error(`${task.kind}: ${answer.failure}`);
    return answer.report;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

export type BenchBuffers = readonly (readonly [string, SharedArrayBuffer])[];

/** The shared memory of one bench: reserve first, then `buffers`. */
export class BenchMemory {
  readonly arena = new Arena('bench');
  readonly meeting: Region;
  private shared: SharedArrayBuffer | null = null;

  constructor() {
    this.meeting = this.arena.reserve(128);
  }

  get buffers(): BenchBuffers {
    this.shared ??= new SharedArrayBuffer(this.arena.bytes);
    return [['bench', this.shared]];
  }

  /** Before each job of a pair. */
  clearMeeting(): void {
    const [[, buffer]] = this.buffers;
    Atomics.store(new Int32Array(buffer), this.meeting.offsetBytes >> 2, 0);
  }
}

/** Two threads that meet in shared memory. */
export class WorkerPair {
  private readonly near: BenchThread;
  private readonly far: BenchThread;

  static async start(name: string, cores: readonly [number, number]): Promise<WorkerPair> {
    const near = await BenchThread.start(`${name}-a`, cores[0]);
    const far = await BenchThread.start(`${name}-b`, cores[1]);
    return new WorkerPair(near, far);
  }

  private constructor(near: BenchThread, far: BenchThread) {
    this.near = near;
    this.far = far;
  }

  /** Both tasks at once; their reports in the same order. */
  async run(near: BenchTask, far: BenchTask, memory: BenchMemory): Promise<[BenchReport, BenchReport]> {
    memory.clearMeeting();
    const { buffers, meeting } = memory;
    return Promise.all([this.near.run(near, buffers, meeting), this.far.run(far, buffers, meeting)]);
  }

  async end(): Promise<void> {
    await Promise.all([this.near.end(), this.far.end()]);
  }
}

/** Time from the earlier beginning to the last end, and the share of it that the threads waited for a core. */
export function timeOf(reports: readonly BenchReport[]): { readonly elapsedNs: number; readonly waitShare: number } {
  const elapsedNs = Math.max(...reports.map(({ endNs }) => endNs)) - Math.min(...reports.map(({ startNs }) => startNs));
  const waitNs = reports.reduce((sum, report) => sum + report.waitNs, 0) / reports.length;
  return { elapsedNs, waitShare: waitNs / elapsedNs };
}
