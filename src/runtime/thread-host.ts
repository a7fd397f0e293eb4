import { setMaxListeners } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Piscina } from 'piscina';
import { Memory } from '../memory/arena.ts';
import { Ringer } from '../memory/doorbell.ts';
import { fillDepot } from '../memory/magazine.ts';
import { probeCapabilities } from './capabilities.ts';
import type { ThreadCapabilities } from './capabilities.ts';
import { nowNs } from './clock.ts';
import { formatCoreList } from './core-list.ts';
import type { ThreadNeed } from './core-plan.ts';
import { calibrateBurn } from './cpu-burn.ts';
import { parkByFutex } from './futex-parking.ts';
import type { Host, Stock, ThreadPlace, ThreadUse } from './host.ts';
import { describePolicy, processTids, setThreadCores, setThreadPolicy } from './os-threads.ts';
import type { ThreadPolicy } from './os-threads.ts';
import { placeThreads } from './placement.ts';
import type { Placement } from './placement.ts';
import type { Plan, ThreadPlan } from './plan.ts';
import { needOf, threadOf } from './plan.ts';
import { ScheduleReader } from './sched-stats.ts';
import { ThreadControl } from './thread-control.ts';
import type { ThreadCalls, ThreadRole, ThreadTask } from './thread-protocol.ts';
import { ensureWorkerBundle } from './worker-bundle.ts';
import type { WorkerBundleOptions } from './worker-bundle.ts';

/** Memory a worker's heap may take, in MiB: actors allocate at start only, so more than this is a leak. */
const OLD_SPACE_MIB = 256;
/**
 * A thread compiles and collects its young garbage on its own time: V8's helpers, for which it would wait, share the
 * modelled host's cores and get no time while softirq has them. These flags may be set while V8 runs.
 */
const WITHOUT_HELPERS = ['--no-concurrent-recompilation', '--no-parallel-scavenge'];
/** How long a thread may take to come out of its loop or answer a call. */
const ANSWER_MS_MAX = 10_000;

/**
 * What the machine allows and how fast it burns: found out once a process, before a first host pins the main thread, so
 * that several hosts are placed and charged alike.
 */
let machine: { readonly means: ThreadCapabilities; readonly burnIterationsPerNs: number } | null = null;

function probeMachine(): NonNullable<typeof machine> {
  machine ??= { means: probeCapabilities(), burnIterationsPerNs: calibrateBurn().iterationsPerNs };
  return machine;
}

/** Threads that the hosts of this process have placed: to another host they are no helpers of V8's. */
const placedTids = new Set<number>();

/** One worker thread of the run as the main thread holds it. */
interface HostedThread {
  readonly plan: ThreadPlan;
  readonly calls: Remote<ThreadCalls>;
  readonly control: ThreadControl;
  readonly bell: Ringer;
  /** Rejects when the thread dies; resolves at its end. */
  readonly ended: Promise<void>;
  tid: number;
}

/**
 * Runs a plan on real threads at wall-clock speed. A Piscina pool owns the threads, one long-lived task each; Comlink
 * carries the calls; a control word brings a busy thread out of its loop to hear them.
 */
export class ThreadHost implements Host {
  readonly kind = 'threads';
  readonly plan: Plan;
  readonly memory: Memory;
  readonly places: ThreadPlace[] = [];
  readonly header: string[] = [];
  readonly oversubscribed: readonly string[];
  private readonly buffers: ReadonlyMap<string, SharedArrayBuffer>;
  private readonly placement: Placement;
  private readonly pool: Piscina;
  private readonly abort = new AbortController();
  private readonly threads: HostedThread[];
  private readonly schedules = new ScheduleReader();
  private readonly stoppedVms = new Set<string>();

  /**
   * Starts the threads, idle.
   * @param worker what they execute, unless it is the project's own entry.
   * @throws when the machine cannot place them as the scenario insists.
   */
  static async create(plan: Plan, worker: WorkerBundleOptions = {}): Promise<ThreadHost> {
    const { means } = probeMachine();
    requireCores(plan, means.coresAllowed);
    const placement = placeThreads(plan.threads.map(needWithPolicy), means);
    const bundle = await ensureWorkerBundle(worker);
    return new ThreadHost(plan, means, placement, bundle);
  }

  private constructor(plan: Plan, means: ThreadCapabilities, placement: Placement, bundle: URL) {
    this.plan = plan;
    this.placement = placement;
    this.oversubscribed = placement.oversubscribed;
    this.buffers = new Map(plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)]));
    this.memory = new Memory('the main thread', this.buffers);
    for (const { vm, depot, addresses } of plan.guests) {
      if (this.buffers.has(`guest:${vm}`)) fillDepot(this.memory, depot, addresses);
    }
    for (const flag of WITHOUT_HELPERS) setFlagsFromString(flag);
    this.pool = new Piscina({
      filename: bundle.href,
      minThreads: plan.threads.length,
      maxThreads: plan.threads.length,
      concurrentTasksPerWorker: 1,
      idleTimeout: Infinity,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: OLD_SPACE_MIB },
    });
    this.pool.setMaxListeners(0);
    setMaxListeners(0, this.abort.signal); // Every thread's task listens: there is no leak in more than ten.
    const { burnIterationsPerNs } = probeMachine();
    this.threads = plan.threads.map((thread) => this.open(thread, burnIterationsPerNs));
    this.header.push(`threads sleep and wake by ${parkByFutex()}`);
    this.header.push(`cores allowed: ${means.coresAllowed.join(', ')}`, ...placement.lines);
  }

  private open(plan: ThreadPlan, burnIterationsPerNs: number): HostedThread {
    const { port1, port2 } = new MessageChannel();
    const buffers = plan.buffers.map((name) => [name, this.buffers.get(name)!] as const);
    const task: ThreadTask = { plan, buffers, burnIterationsPerNs, port: port2 };
    const ended = this.pool.run(task, { transferList: [port2], signal: this.abort.signal }) as Promise<void>;
    ended.catch(() => undefined); // Its callers race against it; nobody else need hear of it.
    const control = new ThreadControl(this.memory, plan.control);
    const bell = new Ringer(this.memory, plan.doorbell);
    return { plan, calls: wrap<ThreadCalls>(nodeEndpoint(port1)), control, bell, ended, tid: 0 };
  }

  async start(): Promise<void> {
    const places = await Promise.all(this.threads.map((thread) => this.prepare(thread)));
    this.places.push(...places);
    for (const tid of processTids()) {
      if (placedTids.has(tid)) continue;
      setThreadCores(tid, [this.placement.mainCore]);
      setThreadPolicy(tid, this.placement.mainPolicy);
    }
    const { mainCore, mainPolicy } = this.placement;
    this.places.push({ name: 'main', core: mainCore, policy: describePolicy(mainPolicy) });
    await this.resume();
  }

  private async prepare(thread: HostedThread): Promise<ThreadPlace> {
    const { threads } = this.placement;
    const assigned = threads.find(({ name }) => name === thread.plan.name)!;
    const role: ThreadRole = {
      interruptClass: assigned.interruptClass === 'switching',
      sharesCore: threads.some(({ name, core }) => name !== assigned.name && core === assigned.core),
      liftsSoftirq: ['vhost', 'hardware', 'softirq'].includes(thread.plan.kind),
    };
    thread.tid = await this.answer(thread, thread.calls.prepare(role));
    placedTids.add(thread.tid);
    const core = setThreadCores(thread.tid, [assigned.core]);
    const policy = setThreadPolicy(thread.tid, assigned.policy);
    for (const { granted, reason } of [core, policy]) {
      if (!granted) this.header.push(`${thread.plan.name}: ${reason}`);
    }
    return {
      name: thread.plan.name,
      core: core.granted ? assigned.core : -1,
      policy: describePolicy(policy.obtained),
    };
  }

  nowNs(): number {
    return nowNs();
  }

  async advance(ns: number, interrupted: Promise<unknown> = NEVER): Promise<void> {
    const timer = new AbortController();
    const waited = delay(ns / 1e6, undefined, { signal: timer.signal }).catch(() => undefined);
    const died = Promise.race(this.threads.map(({ ended, plan }) => ended.then(() => failEarly(plan))));
    await Promise.race([waited, interrupted, died]).finally(() => timer.abort());
  }

  /** The main thread comes last. */
  threadUse(): ThreadUse[] {
    const tids = [...this.threads.map(({ tid }) => tid), process.pid];
    const times = this.schedules.readTimes(tids);
    return times.map((time, i): ThreadUse => ({
      name: i < this.threads.length ? this.threads[i].plan.name : 'main',
      runNs: time?.runNs ?? 0,
      waitNs: time?.waitNs ?? null,
      switches: time?.slices ?? null,
    }));
  }

  pause(): Promise<void> {
    return this.callOut(this.threads);
  }

  private async callOut(threads: readonly HostedThread[]): Promise<void> {
    for (const { control, bell } of threads) {
      control.running = false;
      bell.ring();
    }
    // Any call is answered only out of the loop.
    await Promise.all(threads.map((thread) => this.answer(thread, thread.calls.report(thread.plan.actors[0].name))));
  }

  async resume(): Promise<void> {
    const going = this.threads.filter(({ plan }) => !this.isStopped(plan));
    await Promise.all(going.map((thread) => this.enterLoop(thread)));
  }

  private isStopped({ kind, vm }: ThreadPlan): boolean {
    return kind === 'vcpu' && vm !== null && this.stoppedVms.has(vm);
  }

  async setStopped(vm: string, stopped: boolean): Promise<void> {
    if (this.stoppedVms.has(vm) === stopped) return;
    if (stopped) this.stoppedVms.add(vm);
    else this.stoppedVms.delete(vm);
    const vcpus = this.threads.filter(({ plan }) => plan.kind === 'vcpu' && plan.vm === vm);
    if (stopped) await this.callOut(vcpus);
    else await Promise.all(vcpus.map((thread) => this.enterLoop(thread)));
  }

  private async enterLoop(thread: HostedThread): Promise<void> {
    thread.control.running = true;
    await this.answer(thread, thread.calls.enterLoop());
  }

  async takeStock(): Promise<Stock> {
    const stocks = await Promise.all(this.threads.map((thread) => this.answer(thread, thread.calls.takeStock())));
    return {
      slots: stocks.flatMap(({ slots }) => slots),
      frames: stocks.reduce((sum, { frames }) => sum + frames, 0),
      guestBuffers: stocks.flatMap(({ guestBuffers }) => guestBuffers),
    };
  }

  attach(actor: string, port: number, link: object): Promise<void> {
    return this.interrupt(actor, (calls) => calls.attach(actor, port, link));
  }

  detach(actor: string, port: number): Promise<void> {
    return this.interrupt(actor, (calls) => calls.detach(actor, port));
  }

  report(actor: string): Promise<readonly string[]> {
    return this.interrupt(actor, (calls) => calls.report(actor));
  }

  /** Calls one thread out of its loop for one call; the others go on. */
  private async interrupt<T>(actor: string, call: (calls: Remote<ThreadCalls>) => Promise<T>): Promise<T> {
    const { name } = threadOf(this.plan, actor);
    const thread = this.threads.find(({ plan }) => plan.name === name)!;
    const wasRunning = thread.control.running;
    thread.control.running = false;
    thread.bell.ring();
    const result = await this.answer(thread, call(thread.calls));
    if (wasRunning) await this.enterLoop(thread);
    return result;
  }

  /** The answer to a call, or the reason why there will be none: Comlink alone would wait for ever. */
  private async answer<T>(thread: HostedThread, call: Promise<T>): Promise<T> {
    const { plan, ended } = thread;
    const timer = new AbortController();
    const late = delay(ANSWER_MS_MAX, undefined, { signal: timer.signal, ref: false }).then(() => {
      throw new Error(`thread ${plan.name} did not answer within ${ANSWER_MS_MAX / 1000} s`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([call, late, ended.then(() => failEarly(plan))]);
    } finally {
      timer.abort();
    }
  }

  async stop(): Promise<void> {
    for (const { control, bell } of this.threads) {
      control.running = false;
      bell.ring();
    }
    const ends = this.threads.map((thread) => thread.calls.end().catch(() => undefined));
    const deadline = delay(ANSWER_MS_MAX, undefined, { ref: false });
    await Promise.race([
      Promise.all([...ends, ...this.threads.map(({ ended }) => ended.catch(() => undefined))]),
      deadline,
    ]);
    this.abort.abort();
    await this.pool.destroy();
    for (const { tid } of this.threads) placedTids.delete(tid);
    this.schedules.close();
  }
}

/** A run that cannot be placed on this machine, in words for its user. */
export class PlacementError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PlacementError';
  }
}

/** A scenario that gives threads cores of their own means it: without those cores it would be another experiment. */
function requireCores(plan: Plan, allowed: readonly number[]): void {
  const asked = [...new Set(plan.threads.flatMap(({ core }) => core ?? []))].sort((a, b) => a - b);
  if (asked.every((core) => allowed.includes(core))) return;
  throw new PlacementError(
    `needs ${asked[asked.length - 1] + 1} cores: it places threads on cores ${formatCoreList(asked)}, and this process ` +
      `may use ${formatCoreList(allowed)}; --host virtual needs none of them`,
  );
}

const NEVER = new Promise<never>(() => undefined);

function failEarly(plan: ThreadPlan): never {
  throw new Error(`thread ${plan.name} ended early`);
}

const ORDINARY: ThreadPolicy = { class: 'other', nice: 0 };

/** Threaded NAPI polls in an ordinary thread (napi_threaded_poll, net/core/dev.c). */
function needWithPolicy(thread: ThreadPlan): ThreadNeed {
  const policy = thread.policy ?? (thread.softirq?.threaded === true ? ORDINARY : null);
  return { ...needOf(thread), ...(policy === null ? {} : { policy }) };
}
