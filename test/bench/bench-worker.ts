/** Entry of the bench's worker bundle: does one task after another on the core it is pinned to. */
import { parentPort, workerData } from 'node:worker_threads';
import { Memory } from '../../src/memory/arena.ts';
import { parkByFutex } from '../../src/runtime/threads/futex-parking.ts';
import { currentTid, nameThread, setThreadCores } from '../../src/runtime/os/os-threads.ts';
import type { BenchAnswer, BenchJob, BenchReport } from './bench-task.ts';
import { Stopwatch } from './stopwatch.ts';
import { measureActors } from './tasks/actors-task.ts';
import { measureFunction } from './tasks/function-task.ts';
import { cacheLineFar, cacheLineNear } from './tasks/cache-line-task.ts';
import { consumeFrames, consumeIds, produceFrames, produceIds } from './tasks/ring-task.ts';
import { measureTables } from './tasks/tables-task.ts';
import { virtqueueDevice, virtqueueDriver } from './tasks/virtqueue-task.ts';
import { wakeCaller, wakeAnswerer } from './tasks/wake-task.ts';

/** What a bench worker is started with. */
export interface BenchWorkerInput {
  readonly name: string;
  readonly core: number;
}

if (parentPort !== null) serve(workerData as BenchWorkerInput);

function serve({ name, core }: BenchWorkerInput): void {
  nameThread(name);
  setThreadCores(currentTid(), [core]);
  // As every thread of a run does.
  parkByFutex();
  parentPort!.on('message', (job: BenchJob) => {
    let answer: BenchAnswer;
    try {
      answer = { report: runJob(job) };
    } catch (error) {
      answer = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    parentPort!.postMessage(answer);
  });
}

function runJob({ task, buffers, meeting }: BenchJob): BenchReport {
  const memory = new Memory('bench', buffers);
  const watch = new Stopwatch(memory.words(meeting));
  switch (task.kind) {
    case 'produce-ids':
      return produceIds(task, memory, watch);
    case 'consume-ids':
      return consumeIds(task, memory, watch);
    case 'produce-frames':
      return produceFrames(task, memory, watch);
    case 'consume-frames':
      return consumeFrames(task, memory, watch);
    case 'virtqueue-device':
      return virtqueueDevice(task, memory, watch);
    case 'virtqueue-driver':
      return virtqueueDriver(task, memory, watch);
    case 'cache-line-near':
      return cacheLineNear(task, memory, watch);
    case 'cache-line-far':
      return cacheLineFar(task, memory, watch);
    case 'wake-caller':
      return wakeCaller(task, memory, watch);
    case 'wake-answerer':
      return wakeAnswerer(task, memory, watch);
    case 'actors':
      return measureActors(task, watch);
    case 'tables':
      return measureTables(task, watch);
    case 'function':
      return measureFunction(task, watch);
  }
}
