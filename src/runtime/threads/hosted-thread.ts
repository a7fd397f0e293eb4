import { MessageChannel } from 'node:worker_threads';
import { setTimeout as delay } from 'node:timers/promises';
import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Memory } from '../../memory/arena.ts';
import { Ringer } from '../../memory/doorbell.ts';
import type { ThreadPlan } from '../plan.ts';
import { describeThread } from '../user-code.ts';
import { ThreadCaller } from './thread-control.ts';
import type { ThreadCalls, ThreadTask } from './thread-protocol.ts';

/** How long a thread may take to come out of its loop or answer a call. */
const ANSWER_MS_MAX = 10_000;

/** Has a worker of the pool execute a task; the promise settles when the task ends. */
export type RunTask = (task: ThreadTask) => Promise<void>;

/** What a host gives a thread to work with. */
export type ThreadMeans = Omit<ThreadTask, 'plan' | 'port'>;

/** CPU use in the kernel's account. */
export interface CpuUse {
  readonly runNs: number;
  readonly waitNs: number | null;
  readonly switches: number | null;
}

/** What a worker executes as this thread. */
interface OpenTask {
  readonly calls: Remote<ThreadCalls>;
  /** Rejects when the thread dies; resolves at its end. */
  readonly ended: Promise<void>;
}

/**
 * One thread of the run as the main thread holds it. A thread is what a worker executes from `open` to `end`; a VM that
 * comes and goes opens its threads anew each time.
 */
export class HostedThread {
  readonly plan: ThreadPlan;
  /** The kernel's number of the worker that executes it, or did last. */
  tid = 0;
  private readonly caller: ThreadCaller;
  private readonly bell: Ringer;
  private task: OpenTask | null = null;
  /** Use of the worker's thread when the task began, and of this thread's tasks before. */
  private before: CpuUse = NO_USE;
  private past: CpuUse = NO_USE;

  constructor(plan: ThreadPlan, memory: Memory) {
    this.plan = plan;
    this.caller = new ThreadCaller(memory, plan.control);
    this.bell = new Ringer(memory, plan.doorbell);
  }

  /** True from `open` until `end`. */
  get live(): boolean {
    return this.task !== null;
  }

  /** True while it is in its loop, or on its way in. */
  get looping(): boolean {
    return this.caller.running;
  }

  open({ buffers, burnIterationsPerNs, devices }: ThreadMeans, run: RunTask): void {
    const { port1, port2 } = new MessageChannel();
    const task = { plan: this.plan, buffers, burnIterationsPerNs, devices, port: port2 };
    const ended = run(task).catch((error: unknown) => this.fail(error));
    ended.catch(() => undefined); // Its callers race against it; nobody else need hear of it.
    this.task = { calls: wrap<ThreadCalls>(nodeEndpoint(port1)), ended };
  }

  /** Leaves out what the worker used before this thread's task. */
  startUse(use: CpuUse): void {
    this.before = use;
  }

  /** The thread's own use, by that of the worker's thread so far. */
  useSince(now: CpuUse | null): CpuUse {
    if (!this.live || now === null) return this.past;
    const grown = (from: number | null, to: number | null, past: number | null): number | null =>
      to === null ? null : (past ?? 0) + to - (from ?? 0);
    return {
      runNs: this.past.runNs + now.runNs - this.before.runNs,
      waitNs: grown(this.before.waitNs, now.waitNs, this.past.waitNs),
      switches: grown(this.before.switches, now.switches, this.past.switches),
    };
  }

  /**
   * The answer to a call, or the reason why there will be none: Comlink alone would wait for ever. Calls are answered
   * out of the loop only.
   */
  async answer<T>(call: (calls: Remote<ThreadCalls>) => Promise<T>): Promise<T> {
    const { task, plan } = this;
    if (task === null) throw new Error(`thread ${plan.name} is of a VM that is not there`);
    return this.withinTime(Promise.race([call(task.calls), this.died()]));
  }

  /** Never resolves; rejects when the thread ends without having been told to. */
  died(): Promise<never> {
    return this.task!.ended.then((): never => {
      throw new Error(`thread ${this.plan.name} ended early`);
    });
  }

  /** A worker that is gone says how it ended, and not as which thread. */
  private fail(error: unknown): never {
    const { name } = this.plan;
    const message = error instanceof Error ? error.message : String(error);
    throw message.includes(name) ? error : new Error(`thread ${name} died: ${message}`, { cause: error });
  }

  /** Tells it to come out of its loop. It has when it answers the next call. */
  callOut(): void {
    this.caller.callOut();
    this.bell.ring();
  }

  async enterLoop(): Promise<void> {
    const stay = this.caller.callIn();
    await this.answer((calls) => calls.enterLoop(stay));
  }

  /**
   * Ends the task; the worker stays for another.
   * @param use of the worker's thread so far.
   * @param msMax how long it may take.
   */
  async end(use: CpuUse | null, msMax = ANSWER_MS_MAX): Promise<void> {
    const { task } = this;
    if (task === null) return;
    this.callOut();
    this.past = this.useSince(use);
    this.task = null;
    // Its end may come before the answer to this call.
    task.calls.end().catch(() => undefined);
    await this.withinTime(task.ended, msMax);
  }

  private async withinTime<T>(promise: Promise<T>, msMax = ANSWER_MS_MAX): Promise<T> {
    const timer = new AbortController();
    const late = delay(msMax, undefined, { signal: timer.signal, ref: false }).then((): never => {
      throw new Error(`${describeThread(this.plan)} did not answer within ${msMax / 1000} s`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([promise, late]);
    } finally {
      timer.abort();
    }
  }
}

const NO_USE: CpuUse = { runNs: 0, waitNs: 0, switches: 0 };
