import type { Joint, Socket } from '../../../actors/actor.ts';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Remote } from 'comlink';
import { Piscina } from 'piscina';
import { Memory } from '../../memory/arena.ts';
import { fillHome } from '../../memory/frame-pool.ts';
import { fillDepot } from '../../memory/magazine.ts';
import { probeCapabilities } from '../os/capabilities.ts';
import type { ThreadCapabilities } from '../os/capabilities.ts';
import { parkWithDevices } from '../kernel/thread-devices.ts';
import type { DeviceTask } from '../kernel/thread-devices.ts';
import { nowNs } from './clock.ts';
import { formatCoreList } from '../os/core-list.ts';
import type { CoreDistance } from '../os/core-distance.ts';
import type { ThreadNeed } from '../os/core-plan.ts';
import { calibrateBurn } from './cpu-burn.ts';
import { parkByFutex } from './futex-parking.ts';
import { DistanceMeter } from './distance-meter.ts';
import type { Host, Stock, ThreadPlace, ThreadUse } from '../host.ts';
import { setUpThreads } from '../engine-flags.ts';
import { StuckWatch } from './stuck-watch.ts';
import { HostedThread } from './hosted-thread.ts';
import type { CpuUse } from './hosted-thread.ts';
import { openLibc } from '../os/libc.ts';
import { describePolicy, processTids, setThreadCores, setThreadPolicy } from '../os/os-threads.ts';
import type { ThreadPolicy } from '../os/os-threads.ts';
import { placeThreads } from '../os/placement.ts';
import type { Placement, ThreadAssignment } from '../os/placement.ts';
import type { Plan, ThreadPlan } from '../plan.ts';
import { buffersSeen, needOf, threadOf, windowIn, windowOf } from '../plan.ts';
import { ScheduleReader } from '../os/sched-stats.ts';
import { doorbellsBeside } from './thread-protocol.ts';
import type { ThreadCalls, ThreadRole } from './thread-protocol.ts';
import { recycleVm } from '../vm-memory.ts';
import { ensureWorkerBundle } from './worker-bundle.ts';
import type { WorkerBundleOptions } from './worker-bundle.ts';

/** Memory a worker's heap may take, in MiB: actors allocate at start only, so more than this is a leak. */
const OLD_SPACE_MIB = 256;
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

/**
 * Runs a plan on real threads at wall-clock speed. A Piscina pool owns the threads, one long-lived task each; Comlink
 * carries the calls; a control word brings a busy thread out of its loop to hear them.
 */
export class ThreadHost implements Host {
  readonly kind: Host['kind'] = 'threads';
  readonly plan: Plan;
  readonly memory: Memory;
  readonly places: ThreadPlace[] = [];
  readonly header: string[] = [];
  readonly makesSystemCalls: boolean = openLibc().libc !== null;
  readonly oversubscribed: readonly string[];
  private readonly buffers: ReadonlyMap<string, SharedArrayBuffer>;
  private readonly placement: Placement;
  private readonly pool: Piscina;
  private readonly abort = new AbortController();
  private readonly threads: HostedThread[];
  private readonly workerTids = new Set<number>();
  private readonly schedules = new ScheduleReader();
  private readonly meter: DistanceMeter;
  private readonly stoppedVms = new Set<string>();
  private readonly stuck: StuckWatch;
  private readonly devices: DeviceTask | null;
  readonly absent: Set<string>;

  /**
   * Starts the threads, idle.
   * @param worker what they execute, unless it is the project's own entry.
   * @throws when the machine cannot place them as the scenario insists.
   */
  static async create(plan: Plan, worker: WorkerBundleOptions = {}): Promise<ThreadHost> {
    return new ThreadHost(plan, await findMeans(plan, worker));
  }

  /** @param devices of this machine's kernel that the actors work with; null for none. */
  protected constructor(plan: Plan, { means, placement, bundle }: ThreadHostMeans, devices: DeviceTask | null = null) {
    this.plan = plan;
    this.devices = devices;
    this.absent = new Set(plan.absent);
    this.placement = placement;
    this.oversubscribed = placement.oversubscribed;
    this.buffers = new Map(plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)]));
    this.memory = new Memory('the main thread', this.buffers);
    this.meter = new DistanceMeter(plan.bounce);
    this.stuck = new StuckWatch(plan, this.memory);
    for (const { vm, depot, addresses } of plan.guests) {
      if (this.buffers.has(`guest:${vm}`)) fillDepot(this.memory, depot, addresses);
    }
    for (const home of plan.homes) fillHome(this.memory, home);
    setUpThreads();
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
    this.threads = plan.threads.map((thread) => new HostedThread(thread, this.memory));
    for (const thread of this.threads) this.open(thread);
    this.header.push(`threads sleep and wake by ${this.park()}`);
    this.header.push(`cores allowed: ${means.coresAllowed.join(', ')}`, ...placement.lines);
  }

  /** How the main thread wakes the others; again before it calls them, since another host may have been opened since. */
  private park(): string {
    if (this.devices === null) return parkByFutex();
    parkWithDevices(this.devices, this.memory.buffer('signals'), MAIN_HAS_NO_DOORBELL);
    return 'futex(2), where they wait for a tap by poll(2)';
  }

  get coreDistance(): CoreDistance | null {
    return this.meter.distance;
  }

  private open(thread: HostedThread): void {
    const seen = buffersSeen(thread.plan, (vm) => this.absent.has(vm));
    const buffers = seen.map((name) => [name, this.buffers.get(name)!] as const);
    const { burnIterationsPerNs } = probeMachine();
    thread.open({ buffers, burnIterationsPerNs, devices: this.devices }, (task) => {
      const { signal } = this.abort;
      return this.pool.run(task, { transferList: [task.port], signal }) as Promise<void>;
    });
  }

  async start(): Promise<void> {
    const places = await Promise.all(this.threads.map((thread) => this.place(thread)));
    this.places.push(...places);
    for (const tid of processTids()) {
      if (placedTids.has(tid)) continue;
      setThreadCores(tid, [this.placement.mainCore]);
      setThreadPolicy(tid, this.placement.mainPolicy);
    }
    const { mainCore, mainPolicy } = this.placement;
    this.places.push({ name: 'main', core: mainCore, policy: describePolicy(mainPolicy) });
    await Promise.all(
      this.threads.map((thread) => {
        const { vm } = thread.plan;
        // Its worker has loaded the program and has its core: adding the VM takes no longer than it must.
        if (vm !== null && this.absent.has(vm)) return this.end(thread);
        return this.prepare(thread);
      }),
    );
    await this.measureDistance();
    await this.resume();
  }

  /** Gives a thread its core and class. */
  private async place(thread: HostedThread): Promise<ThreadPlace> {
    const assigned = this.assignment(thread);
    thread.tid = await thread.answer((calls) => calls.introduce());
    this.workerTids.add(thread.tid);
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

  private assignment({ plan }: HostedThread): ThreadAssignment {
    return this.placement.threads.find(({ name }) => name === plan.name)!;
  }

  /** Has a thread build its actors. */
  private async prepare(thread: HostedThread): Promise<void> {
    const assigned = this.assignment(thread);
    const { threads } = this.placement;
    const role: ThreadRole = {
      interruptClass: assigned.interruptClass,
      peers: doorbellsBeside(assigned.name, this.plan.threads, threads),
      liftsSoftirq: ['vhost', 'vmm', 'hardware', 'softirq'].includes(thread.plan.kind),
    };
    await thread.answer((calls) => calls.prepare(role, [...this.absent]));
  }

  async startVm(vm: string): Promise<void> {
    if (!this.absent.delete(vm)) throw new Error(`VM ${vm} is there already, or is none of this run`);
    const threads = this.threads.filter(({ plan }) => plan.vm === vm);
    await Promise.all(
      threads.map(async (thread) => {
        this.open(thread);
        await this.place(thread);
        thread.startUse(this.useOf(thread.tid) ?? NOT_KNOWN);
        await this.prepare(thread);
      }),
    );
    await Promise.all(threads.map((thread) => thread.enterLoop()));
  }

  async endVm(vm: string): Promise<void> {
    const threads = this.threads.filter(({ plan }) => plan.vm === vm);
    if (threads.length === 0 || this.absent.has(vm)) throw new Error(`VM ${vm} is not there`);
    // All stand still before any retires: none of them counts what another is about to move.
    await this.callOut(threads);
    await Promise.all(threads.map((thread) => thread.answer((calls) => calls.retire())));
    await Promise.all(threads.map((thread) => this.end(thread)));
    this.absent.add(vm);
    this.stoppedVms.delete(vm);
    recycleVm(this.plan, this.memory, vm);
  }

  private end(thread: HostedThread): Promise<void> {
    return thread.end(this.useOf(thread.tid));
  }

  private useOf(tid: number): CpuUse | null {
    const [time] = this.schedules.readTimes([tid]);
    return time === null ? null : { runNs: time.runNs, waitNs: time.waitNs, switches: time.slices };
  }

  nowNs(): number {
    return nowNs();
  }

  async advance(ns: number, interrupted: Promise<unknown> = NEVER): Promise<void> {
    const timer = new AbortController();
    const waited = delay(ns / 1e6, undefined, { signal: timer.signal }).catch(() => undefined);
    const died = Promise.race(this.live().map((thread) => thread.died()));
    await Promise.race([waited, interrupted, died]).finally(() => timer.abort());
    if (!this.stuck.idle) this.stuck.look(this.threadUse());
  }

  /** The main thread comes last. */
  threadUse(): ThreadUse[] {
    const tids = [...this.threads.map(({ tid }) => tid), process.pid];
    const times = this.schedules.readTimes(tids);
    return times.map((time, i): ThreadUse => {
      const use = time === null ? null : { runNs: time.runNs, waitNs: time.waitNs, switches: time.slices };
      if (i < this.threads.length) return { name: this.threads[i].plan.name, ...this.threads[i].useSince(use) };
      return { name: 'main', ...(use ?? NOT_KNOWN) };
    });
  }

  private live(): HostedThread[] {
    return this.threads.filter((thread) => thread.live);
  }

  async pause(): Promise<void> {
    this.park();
    await this.callOut(this.live());
    await this.measureDistance();
  }

  private measureDistance(): Promise<void> {
    return this.meter.measure(
      this.live().map((thread) => [thread, this.places[this.threads.indexOf(thread)].core] as const),
    );
  }

  private async callOut(threads: readonly HostedThread[]): Promise<void> {
    for (const thread of threads) thread.callOut();
    await Promise.all(threads.map((thread) => thread.answer((calls) => calls.report(thread.plan.actors[0].name))));
  }

  async resume(): Promise<void> {
    const going = this.live().filter(({ plan }) => !this.isStopped(plan));
    await Promise.all(going.map((thread) => thread.enterLoop()));
  }

  private isStopped({ kind, vm }: ThreadPlan): boolean {
    return kind === 'vcpu' && vm !== null && this.stoppedVms.has(vm);
  }

  async setStopped(vm: string, stopped: boolean): Promise<void> {
    if (this.stoppedVms.has(vm) === stopped || this.absent.has(vm)) return;
    if (stopped) this.stoppedVms.add(vm);
    else this.stoppedVms.delete(vm);
    const vcpus = this.threads.filter(({ plan }) => plan.kind === 'vcpu' && plan.vm === vm);
    if (stopped) await this.callOut(vcpus);
    else await Promise.all(vcpus.map((thread) => thread.enterLoop()));
  }

  async takeStock(): Promise<Stock> {
    const stocks = await Promise.all(this.live().map((thread) => thread.answer((calls) => calls.takeStock())));
    return {
      slots: stocks.flatMap(({ slots }) => slots),
      frames: stocks.reduce((sum, { frames }) => sum + frames, 0),
      guestBuffers: stocks.flatMap(({ guestBuffers }) => guestBuffers),
    };
  }

  attach(actor: string, joint: Joint): Promise<void> {
    const window = windowOf(joint.link);
    const mayOpen = window !== null && threadOf(this.plan, actor).buffers.includes(window);
    return this.interrupt(actor, async (calls) => {
      if (mayOpen) await calls.grant(window, this.buffers.get(window)!);
      await calls.attach(actor, joint);
    });
  }

  detach(actor: string, socket: Socket): Promise<void> {
    const { actors } = threadOf(this.plan, actor);
    const named = actors.find(({ name }) => name === actor)!;
    const window = windowIn(named, socket);
    return this.interrupt(actor, async (calls) => {
      await calls.detach(actor, socket);
      if (window !== null) await calls.revoke(window);
    });
  }

  report(actor: string): Promise<readonly string[]> {
    return this.interrupt(actor, (calls) => calls.report(actor));
  }

  /** Calls one thread out of its loop for a moment; the others go on. */
  private async interrupt<T>(actor: string, call: (calls: Remote<ThreadCalls>) => Promise<T>): Promise<T> {
    const { name } = threadOf(this.plan, actor);
    const thread = this.threads.find(({ plan }) => plan.name === name)!;
    const wasLooping = thread.looping;
    thread.callOut();
    const result = await thread.answer(call);
    if (wasLooping) await thread.enterLoop();
    return result;
  }

  async stop(): Promise<void> {
    const ends = this.live().map((thread) => thread.end(null, STOP_MS_MAX));
    await Promise.all(ends.map((end) => end.catch(() => undefined)));
    this.abort.abort();
    await this.pool.destroy();
    for (const tid of this.workerTids) placedTids.delete(tid);
    this.schedules.close();
  }
}

/** Where the kernel keeps no account. */
const NOT_KNOWN: CpuUse = { runNs: 0, waitNs: null, switches: null };

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

const MAIN_HAS_NO_DOORBELL = -1;
/** A thread that has not ended by itself when the run is over is ended with its worker. */
const STOP_MS_MAX = 2000;

/** What a plan needs of the machine before its threads can start. */
export interface ThreadHostMeans {
  readonly means: ThreadCapabilities;
  readonly placement: Placement;
  readonly bundle: URL;
}

/** Places a plan's threads, and builds what they execute. @throws when the machine cannot place them as asked. */
export async function findMeans(plan: Plan, worker: WorkerBundleOptions = {}): Promise<ThreadHostMeans> {
  const { means } = probeMachine();
  requireCores(plan, means.coresAllowed);
  const placement = placeThreads(plan.threads.map(needWithPolicy), means);
  return { means, placement, bundle: await ensureWorkerBundle(worker) };
}

const NEVER = new Promise<never>(() => undefined);

const ORDINARY: ThreadPolicy = { class: 'other', nice: 0 };

/** Threaded NAPI polls in an ordinary thread (napi_threaded_poll, net/core/dev.c). */
function needWithPolicy(thread: ThreadPlan): ThreadNeed {
  const policy = thread.policy ?? (thread.softirq?.threaded === true ? ORDINARY : null);
  return { ...needOf(thread), ...(policy === null ? {} : { policy }) };
}
