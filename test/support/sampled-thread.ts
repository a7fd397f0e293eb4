/**
 * Entry of a worker bundle whose threads say what they have allocated: between two polls of the run, when they are out
 * of their loops, each answers a message with the bytes by function since the last one.
 */
import { Session } from 'node:inspector';
import type { HeapProfiler } from 'node:inspector';
import { BroadcastChannel } from 'node:worker_threads';
import { GuestVcpu } from '../../actors/guest/vcpu.ts';
import runThread from '../../src/runtime/threads/thread-main.ts';
import type { ThreadTask } from '../../src/runtime/threads/thread-protocol.ts';

/** Questions and answers of all threads of the process. */
export const ALLOCATION_CHANNEL = 'allocations';

/** Asks every thread. `litter`: from now on, have each vCPU leave an object for each frame. */
export interface AllocationQuestion {
  readonly question: number;
  readonly litter: boolean;
}

export interface AllocationAnswer {
  readonly answer: number;
  readonly thread: string;
  /** By function, what was collected since included. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** Mean distance of two samples. Ten megabytes are known to within ten per cent or so. */
const SAMPLING_BYTES = 65_536;
const SAMPLING: HeapProfiler.StartSamplingParameterType = { samplingInterval: SAMPLING_BYTES };
/** Not among the types of Node 20, and yet what makes garbage count. */
const WITH_GARBAGE = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };

/** V8's name of what is no JavaScript. */
const NATIVE = '(V8 API)';

/** Runs one thread as the product does, answering questions. */
export default async function runSampledThread(task: ThreadTask): Promise<void> {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.startSampling', { ...SAMPLING, ...WITH_GARBAGE });
  const channel = new BroadcastChannel(ALLOCATION_CHANNEL);
  channel.unref();
  channel.onmessage = (message): void => {
    const { question, litter } = (message as { data: Partial<AllocationQuestion> }).data;
    if (question === undefined) return;
    const bytes = takeSamples(session);
    if (litter === true) dropLitter();
    channel.postMessage({ answer: question, thread: task.plan.name, bytes } satisfies AllocationAnswer);
  };
  try {
    await runThread(task);
  } finally {
    channel.close();
    session.disconnect();
  }
}

/** A session of the thread's own answers before `post` returns. */
function takeSamples(session: Session): Record<string, number> {
  const bytes: Record<string, number> = {};
  const add = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    const name = `${callFrame.functionName} at ${callFrame.lineNumber + 1} of the bundle`;
    bytes[name] = (bytes[name] ?? 0) + selfSize;
    children.forEach(add);
  };
  session.post('HeapProfiler.stopSampling', (error, { profile }) => {
    if (error !== null) throw error;
    // What no JavaScript called is nothing of the loop's. Between two loads V8 now and then samples every small object of
    // the messages, and takes a few kilobytes for 50 MB.
    profile.head.children.filter(({ callFrame }) => callFrame.functionName !== NATIVE).forEach(add);
  });
  session.post('HeapProfiler.startSampling', { ...SAMPLING, ...WITH_GARBAGE });
  return bytes;
}

/**
 * The latest frames'; replaced by the next ones', so that nothing but garbage grows. In a list, since an object that the
 * next turn of a loop replaces unseen is one that an optimiser need not make.
 */
export const litter = new Array<{ readonly frame: number }>(16);

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
const { poll } = GuestVcpu.prototype;

/** A declaration, since what builds the bundle takes the name from an expression that does not need it. */
function pollAndLitter(this: GuestVcpu, budget: number, nowNs: number): number {
  const moved = poll.call(this, budget, nowNs);
  for (let frame = 0; frame < moved; frame++) litter[frame & 15] = { frame };
  return moved;
}

function dropLitter(): void {
  GuestVcpu.prototype.poll = pollAndLitter;
}
