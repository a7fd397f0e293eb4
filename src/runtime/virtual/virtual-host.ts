import { setImmediate } from 'node:timers/promises';
import type { Actor, Census, Joint, Socket } from '../../../actors/actor.ts';
import { Memory } from '../../memory/arena.ts';
import { fillHome } from '../../memory/frame-pool.ts';
import { fillDepot } from '../../memory/magazine.ts';
import { createActor } from '../actor-factory.ts';
import { inlineWholePolls } from '../engine-flags.ts';
import type { Host, Stock, ThreadPlace, ThreadUse } from '../host.ts';
import type { ActorPlan, HostPlan, Plan, SoftirqThreadPlan } from '../plan.ts';
import { buffersSeen, windowIn, windowOf } from '../plan.ts';
import { callWithin, EndlessCall, USER_CODE_MS_MAX } from '../guarded-call.ts';
import { modulesOf, neverReturned } from '../user-code.ts';
import { recycleVm } from '../vm-memory.ts';
import { MEASURED_COSTS } from './virtual-costs.ts';
import { VirtualMachine } from './virtual-machine.ts';
import type { VirtualHostOptions } from './virtual-options.ts';
import { VIRTUAL_HOST_DEFAULTS } from './virtual-options.ts';
import { describePlaces, placeVirtually } from './virtual-placement.ts';
import type { VirtualSeat } from './virtual-thread.ts';
import { VirtualThread } from './virtual-thread.ts';

/** Virtual time simulated before the event loop gets its turn: signals, timers, whoever interrupts the run. */
const STRIDE_NS = 5e6;

/**
 * Runs a plan in the calling thread, on virtual CPUs and virtual time. The same plan with the same options gives the
 * same result to the last frame, on any machine: chance comes from the seed, and no clock is read. Between two calls
 * of `advance` memory stands still and all counters are published, so whoever samples the run advances it by one
 * sampling interval at a time.
 */
export class VirtualHost implements Host {
  readonly kind = 'virtual';
  readonly makesSystemCalls = false;
  readonly plan: Plan;
  readonly memory: Memory;
  readonly places: readonly ThreadPlace[];
  readonly header: readonly string[];
  /** There are always as many virtual CPUs as asked for. */
  readonly oversubscribed: readonly string[] = [];
  readonly coreDistance = null;
  private readonly options: VirtualHostOptions;
  private readonly seats: readonly VirtualSeat[];
  readonly absent: Set<string>;
  private readonly buffers: ReadonlyMap<string, SharedArrayBuffer>;
  private readonly memories: readonly Memory[];
  private readonly runsModules: boolean;
  private machine: VirtualMachine | null = null;
  /** What an actor threw: the run is over. */
  private failure: Error | null = null;

  /** @throws when `placement` cannot be had. */
  constructor(plan: Plan, options: Partial<VirtualHostOptions> = {}) {
    this.plan = plan;
    this.options = { ...VIRTUAL_HOST_DEFAULTS, ...options };
    this.runsModules = plan.threads.some((thread) => modulesOf(thread).length > 0);
    this.seats = placeVirtually(plan, this.options);
    this.places = describePlaces(plan.threads, this.seats, plan.polls);
    this.header = this.describe();
    this.absent = new Set(plan.absent);
    this.buffers = new Map(plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)]));
    this.memory = new Memory('the main thread', this.buffers);
    this.memories = plan.threads.map((thread) => {
      const seen = buffersSeen(thread, (vm) => this.absent.has(vm));
      return new Memory(
        `thread ${thread.name}`,
        seen.map((name) => [name, this.buffers.get(name)!] as const),
      );
    });
  }

  /** Builds the actors. @throws when one asks for memory that its thread was not given. */
  start(): Promise<void> {
    return settled(() => {
      if (this.machine !== null) throw new Error('this run was started already');
      inlineWholePolls();
      for (const { depot, addresses } of this.plan.guests) fillDepot(this.memory, depot, addresses);
      for (const home of this.plan.homes) fillHome(this.memory, home);
      const threads = this.plan.threads.map((plan, i) => {
        const actors = plan.vm !== null && this.absent.has(plan.vm) ? [] : this.createActors(i);
        return new VirtualThread(i, plan, this.memories[i], actors, this.seats[i], this.options.costs);
      });
      const machine = new VirtualMachine(threads, this.plan, this.options);
      for (const memory of this.memories) memory.lift = (tid) => machine.lift(threads[tid]);
      this.machine = machine;
    });
  }

  private createActors(thread: number): Actor[] {
    const absent = [...this.absent];
    return this.plan.threads[thread].actors.map((actor) => createActor(actor, this.memories[thread], absent));
  }

  nowNs(): number {
    return this.machine === null ? 0 : this.machine.nowNs;
  }

  async advance(ns: number, interrupted?: Promise<unknown>): Promise<void> {
    const machine = this.running();
    let stop = false;
    const onInterrupt = (): void => {
      stop = true;
    };
    void interrupted?.then(onInterrupt, onInterrupt);
    const untilNs = machine.nowNs + ns;
    while (machine.nowNs < untilNs && !stop) {
      try {
        this.runUntil(machine, Math.min(untilNs, machine.nowNs + STRIDE_NS));
      } catch (error) {
        this.failure = error as Error;
        throw error;
      } finally {
        for (const thread of machine.threads) thread.commit();
      }
      await setImmediate();
    }
  }

  /** Where a user's code runs, it is watched: it may never return. */
  private runUntil(machine: VirtualMachine, untilNs: number): void {
    if (!this.runsModules) return machine.runUntil(untilNs);
    try {
      callWithin(USER_CODE_MS_MAX, 'it', () => machine.runUntil(untilNs));
    } catch (error) {
      if (!(error instanceof EndlessCall)) throw error;
      throw neverReturned(machine.polled.plan);
    }
  }

  /** Time on a CPU, waiting for one, and times put on one. Hardware always runs. */
  threadUse(): readonly ThreadUse[] {
    const { threads, nowNs } = this.running();
    return threads.map((thread) => {
      const { name } = thread.plan;
      if (thread.hardware) return { name, runNs: nowNs, waitNs: 0, switches: 1 };
      const inStateNs = nowNs - thread.sinceNs;
      const waits = thread.state === 'queued' || thread.state === 'interrupted';
      return {
        name,
        runNs: thread.runNs + (thread.state === 'running' ? inStateNs : 0),
        waitNs: thread.waitNs + (waits ? inStateNs : 0),
        switches: thread.switches,
      };
    });
  }

  /** Nothing runs between two calls of `advance`, and it ends between two polls. */
  pause(): Promise<void> {
    return settled(() => void this.running());
  }

  resume(): Promise<void> {
    return settled(() => void this.running());
  }

  takeStock(): Promise<Stock> {
    return settled(() => {
      const census: Census = { slots: [], frames: 0, guestBuffers: [] };
      const guestBuffers: { vm: string; addresses: number[] }[] = [];
      for (const { actors, plan } of this.running().threads) {
        const own: Census = { slots: census.slots, frames: 0, guestBuffers: [] };
        for (const actor of actors) actor.census(own);
        census.frames += own.frames;
        if (plan.vm !== null) guestBuffers.push({ vm: plan.vm, addresses: own.guestBuffers });
      }
      return { slots: census.slots, frames: census.frames, guestBuffers };
    });
  }

  attach(actor: string, joint: Joint): Promise<void> {
    return this.onActor(actor, ({ actors, index, plan }, at) => {
      const window = windowOf(joint.link);
      if (window !== null && plan.buffers.includes(window)) {
        this.memories[index].grant(window, this.buffers.get(window)!);
      }
      actors[at].attach(joint);
    });
  }

  detach(actor: string, socket: Socket): Promise<void> {
    return this.onActor(actor, ({ actors, index, plan }, at) => {
      actors[at].detach(socket);
      const window = windowIn(plan.actors[at], socket);
      if (window !== null) this.memories[index].revoke(window);
    });
  }

  startVm(vm: string): Promise<void> {
    return settled(() => {
      const machine = this.running();
      if (!this.absent.delete(vm)) throw new Error(`VM ${vm} is there already, or is none of this run`);
      for (const thread of machine.threads) {
        if (thread.plan.vm !== vm) continue;
        thread.setActors(this.createActors(thread.index));
        machine.rouse(thread);
      }
    });
  }

  endVm(vm: string): Promise<void> {
    return settled(() => {
      const threads = this.running().threads.filter(({ plan }) => plan.vm === vm);
      if (threads.length === 0 || this.absent.has(vm)) throw new Error(`VM ${vm} is not there`);
      this.absent.add(vm);
      for (const thread of threads) {
        for (const actor of thread.actors) actor.retire?.();
        thread.commit();
        thread.setActors([]);
        thread.stopped = false;
      }
      recycleVm(this.plan, this.memory, vm);
    });
  }

  setStopped(vm: string, stopped: boolean): Promise<void> {
    return settled(() => {
      const machine = this.running();
      for (const thread of machine.threads) {
        if (thread.plan.kind !== 'vcpu' || thread.plan.vm !== vm) continue;
        thread.stopped = stopped;
        machine.rouse(thread);
      }
    });
  }

  report(actor: string): Promise<readonly string[]> {
    return this.onActor(actor, ({ actors }, at) => {
      const report = (): readonly string[] => actors[at].report?.() ?? [];
      return this.runsModules ? callWithin(USER_CODE_MS_MAX, 'its report', report) : report();
    });
  }

  stop(): Promise<void> {
    this.machine = null;
    return Promise.resolve();
  }

  private running(): VirtualMachine {
    if (this.failure !== null) throw this.failure;
    if (this.machine === null) throw new Error('this run is not started, or was stopped');
    return this.machine;
  }

  /** Does something to an actor between two polls, and lets its thread look at its inputs again. */
  private onActor<T>(name: string, act: (thread: VirtualThread, at: number) => T): Promise<T> {
    return settled(() => {
      const machine = this.running();
      const called = (actor: ActorPlan): boolean => actor.name === name;
      const thread = machine.threads.find(({ plan }) => plan.actors.some(called));
      if (thread === undefined) throw new Error(`no actor "${name}" in this run`);
      if (thread.actors.length === 0) throw new Error(`actor "${name}" is of a VM that is not there`);
      const result = act(thread, thread.plan.actors.findIndex(called));
      thread.pollList.addAll();
      // What it counted by letting go of a port.
      thread.commit();
      machine.rouse(thread);
      return result;
    });
  }

  private describe(): string[] {
    const { seed, jitter, costs } = this.options;
    const cpus = [...new Set(this.places.map(({ core }) => core))].sort((a, b) => a - b);
    const lines = [
      `host: virtual, one thread on virtual time, seed ${seed}${jitter > 0 ? `, schedule jitter ${jitter}` : ''}`,
    ];
    for (const cpu of cpus) {
      const there = this.places.filter(({ core }) => core === cpu);
      lines.push(`virtual CPU ${cpu}: ${there.map(({ name, policy }) => `${name} (${policy})`).join(', ')}`);
    }
    for (const { name, softirq } of this.plan.threads) if (softirq !== null) lines.push(describeSoftirq(name, softirq));
    lines.push(
      ...this.plan.hosts.map(describeScheduler),
      `own cost of each actor: ${costs === MEASURED_COSTS ? 'as measured by npm run bench' : 'as given'}`,
    );
    return lines;
  }
}

function describeScheduler({ name, scheduler }: HostPlan): string {
  const { sliceNs, switchNs, wakeLocalNs, wakeRemoteNs } = scheduler;
  return (
    `scheduler${name === null ? '' : ` of ${name}`}: slice ${sliceNs} ns, switch ${switchNs} ns, wake-up ` +
    `${wakeLocalNs} ns on the same CPU and ${wakeRemoteNs} ns on another`
  );
}

function describeSoftirq(name: string, { limits, threaded }: SoftirqThreadPlan): string {
  if (threaded) return `${name}: threaded NAPI`;
  return (
    `${name}: HZ ${limits.hz}, ${limits.sweepBudgetFrames} frames in ${limits.sweepTimeNs} ns a sweep, ` +
    `${limits.visitSweepsMax} sweeps in ${limits.visitTimeNs} ns a visit, ` +
    `ksoftirqd guard ${limits.ksoftirqdGuard ? 'on' : 'off'}`
  );
}

/** Does it now; what it throws becomes a rejection. */
function settled<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => resolve(act()));
}
