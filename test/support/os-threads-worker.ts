import { parentPort, workerData } from 'node:worker_threads';
import { nowNs } from '../../src/runtime/threads/clock.ts';
import { CpuBurner } from '../../src/runtime/threads/cpu-burn.ts';
import { openLibc } from '../../src/runtime/os/libc.ts';
import { currentTid, nameThread, setThreadCores } from '../../src/runtime/os/os-threads.ts';
import { SelfPolicy } from '../../src/runtime/threads/self-policy.ts';

/** What a test asks of a worker thread; the thread ends when it has done it. */
export type WorkerTask =
  | { readonly kind: 'spin' | 'sleep' | 'clock' }
  | { readonly kind: 'switch'; readonly moves: readonly ('fifo' | 'other')[] }
  | { readonly kind: 'burn'; readonly iterationsPerNs: number; readonly ns: number; readonly times: number };

export interface WorkerInput {
  readonly name: string;
  readonly core: number;
  readonly shared: SharedArrayBuffer;
  readonly task: WorkerTask;
}

/** Words of `shared`: the test writes REQUEST, the worker ANSWER; STAMP_DOUBLE is a Float64 index. */
export const REQUEST_WORD = 0;
export const ANSWER_WORD = 1;
export const STAMP_DOUBLE = 8;
export const SHARED_BYTES = 128;
/** A request that ends the task. */
export const STOP = -1;

if (parentPort !== null) runTask(workerData as WorkerInput);

function runTask({ name, core, shared, task }: WorkerInput): void {
  const words = new Int32Array(shared);
  nameThread(name);
  setThreadCores(currentTid(), [core]);
  parentPort?.postMessage({ tid: currentTid() });
  switch (task.kind) {
    case 'spin':
      while (Atomics.load(words, REQUEST_WORD) !== STOP);
      return;
    case 'sleep':
      Atomics.wait(words, REQUEST_WORD, 0);
      return;
    case 'clock':
      answerWithClock(words, new Float64Array(shared));
      return;
    case 'switch':
      answerWithMoves(words, task.moves);
      return;
    case 'burn': {
      parentPort?.postMessage(measureBurn(new CpuBurner(task.iterationsPerNs), task.ns, task.times));
      return;
    }
  }
}

function answerWithClock(words: Int32Array, doubles: Float64Array): void {
  for (let answered = 0; ;) {
    const request = Atomics.load(words, REQUEST_WORD);
    if (request === STOP) return;
    if (request === answered) continue;
    doubles[STAMP_DOUBLE] = nowNs();
    answered = request;
    Atomics.store(words, ANSWER_WORD, answered);
  }
}

/** One move for each request; the answer tells the test that the thread is where the move took it. */
function answerWithMoves(words: Int32Array, moves: readonly ('fifo' | 'other')[]): void {
  const policy = new SelfPolicy();
  parentPort?.postMessage({ switchable: policy.switchable, reason: policy.reason });
  for (let i = 0; i < moves.length; i++) {
    Atomics.wait(words, REQUEST_WORD, i);
    const moved = moves[i] === 'fifo' ? policy.toFifo() : policy.toOther();
    parentPort?.postMessage({ moved });
    Atomics.store(words, ANSWER_WORD, i + 1);
    Atomics.notify(words, ANSWER_WORD);
  }
  Atomics.wait(words, REQUEST_WORD, moves.length);
}

/** Median CPU time of a burn in ns, or null where thread CPU time cannot be read exactly. */
function measureBurn(burner: CpuBurner, ns: number, times: number): { medianNs: number | null } {
  const { libc } = openLibc();
  if (libc === null) return { medianNs: null };
  const durationsNs = new Float64Array(times);
  for (let i = 0; i < times; i++) {
    const before = libc.threadCpuNs();
    burner.burn(ns);
    durationsNs[i] = libc.threadCpuNs() - before;
  }
  return { medianNs: durationsNs.sort()[times >> 1] };
}
