/** What a worker thread of the run executes: entry of the worker bundle, called by Piscina once a thread. */
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Actor, Census, Joint, Socket } from '../../../actors/actor.ts';
import { Memory } from '../../memory/arena.ts';
import type { Region } from '../../memory/arena.ts';
import { Doorbell, noteWakes } from '../../memory/doorbell.ts';
import { NOT_LIFTED, SoftirqLine, SoftirqRaiser } from '../../kernel/softirq-line.ts';
import { createActor } from '../actor-factory.ts';
import { bounce } from '../os/core-distance.ts';
import { CpuBurner } from './cpu-burn.ts';
import { parkByFutex } from './futex-parking.ts';
import type { Stock } from '../host.ts';
import { openLibc } from '../os/libc.ts';
import { parkWithDevices } from '../kernel/thread-devices.ts';
import { currentTid, nameThread } from '../os/os-threads.ts';
import { PollList } from '../poll-list.ts';
import { PollRound } from '../poll-round.ts';
import { Reschedule } from '../reschedule.ts';
import { SelfPolicy } from './self-policy.ts';
import { SoftirqLoop } from './softirq-loop.ts';
import { SoftirqPolicy } from '../softirq-policy.ts';
import { ThreadAccounts } from './thread-accounts.ts';
import { ThreadControl } from './thread-control.ts';
import { HostTimer, SleepingLoop, SpinningLoop } from './thread-loop.ts';
import type { ThreadLoop } from './thread-loop.ts';
import type { ThreadCalls, ThreadRole, ThreadTask } from './thread-protocol.ts';

/** Runs one thread from its first call to `end`. */
export default async function runThread(task: ThreadTask): Promise<void> {
  const thread = new RunThread(task);
  expose(thread, nodeEndpoint(task.port));
  await thread.serve();
  task.port.close();
}

class RunThread implements ThreadCalls {
  private readonly task: ThreadTask;
  private readonly memory: Memory;
  private readonly control: ThreadControl;
  private readonly actors = new Map<string, Actor>();
  private pollList: PollList | null = null;
  private loop: ThreadLoop | null = null;
  private resume: (() => void) | null = null;
  private ended = false;

  constructor(task: ThreadTask) {
    this.task = task;
    this.memory = new Memory(task.plan.name, task.buffers);
    this.control = new ThreadControl(this.memory, task.plan.control);
  }

  /** Alternates between the loop, where nothing but frames is heard, and waiting for calls. */
  async serve(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => (this.resume = resolve));
      if (!this.ended) this.loop?.run();
    }
  }

  introduce(): number {
    nameThread(this.task.plan.name);
    return currentTid();
  }

  prepare(role: ThreadRole, absent: readonly string[]): void {
    const { plan, burnIterationsPerNs, devices } = this.task;
    if (devices === null) parkByFutex();
    else
      this.memory.devices = parkWithDevices(
        devices,
        this.memory.buffer(plan.doorbell.buffer),
        plan.doorbell.offsetBytes,
      );
    if (role.liftsSoftirq) {
      const policy = new SelfPolicy();
      if (policy.switchable) this.memory.lift = (tid) => void policy.liftThread(tid);
    }
    // Where the VMM serves taps of the kernel's it reads and writes them: its system calls are made there.
    const servesTaps = devices?.bells.some(([doorbell]) => doorbell === plan.doorbell.offsetBytes) ?? false;
    if (plan.kind === 'vmm' && !servesTaps) this.memory.enterKernel = openLibc().libc?.enterKernel ?? null;
    for (const actor of plan.actors) this.actors.set(actor.name, createActor(actor, this.memory, absent));
    this.pollList = new PollList(this.memory, plan);
    const accounts = new ThreadAccounts(new CpuBurner(burnIterationsPerNs));
    const round = new PollRound(plan.name, [...this.actors.values()], this.pollList, accounts);
    this.loop = this.createLoop(role, round);
  }

  private createLoop(role: ThreadRole, round: PollRound): ThreadLoop {
    const { control } = this;
    const { plan } = this.task;
    const doorbell = new Doorbell(this.memory, plan.doorbell);
    if (plan.kind === 'hardware') {
      const timers = plan.ticks.map(({ lines, tickNs }) => {
        const cpus = lines.map((line) => new SoftirqRaiser(this.memory, line));
        return new HostTimer(cpus, tickNs);
      });
      return new SpinningLoop(round, control, timers);
    }
    if (plan.softirq === null || role.interruptClass === 'none') return new SleepingLoop(round, doorbell, control);
    const line = new SoftirqLine(this.memory, plan.doorbell);
    const switches = role.interruptClass === 'switching';
    // The guard keeps work for a ksoftirqd, and a thread that stays inline has none.
    const ksoftirqdGuard = switches && plan.softirq.limits.ksoftirqdGuard;
    const limits = { ...plan.softirq.limits, ksoftirqdGuard };
    line.tid = limits.ksoftirqdGuard ? NOT_LIFTED : currentTid();
    const reschedule = new Reschedule(plan.softirq.sliceNs, limits.hz);
    noteWakes(new Set(role.peers), () => reschedule.woke());
    return new SoftirqLoop({
      round,
      softirq: round.softirq!,
      policy: new SoftirqPolicy(limits),
      line,
      doorbell,
      control,
      self: switches ? new SelfPolicy() : null,
      reschedule,
    });
  }

  enterLoop(stay: number): void {
    // After the answer has left: the loop hears nothing.
    setImmediate(() => {
      this.control.enter(stay);
      this.resume?.();
    });
  }

  bounce(word: Region, start: number, serves: boolean): number | null {
    return bounce(this.memory.words(word), start, serves);
  }

  takeStock(): Stock {
    const slots: number[] = [];
    const guestBuffers: number[] = [];
    let frames = 0;
    for (const actor of this.actors.values()) {
      const census: Census = { slots, frames: 0, guestBuffers };
      actor.census(census);
      frames += census.frames;
    }
    const { vm } = this.task.plan;
    return { slots, frames, guestBuffers: vm === null ? [] : [{ vm, addresses: guestBuffers }] };
  }

  attach(actor: string, joint: Joint): void {
    this.named(actor).attach(joint);
    this.pollList?.addAll();
  }

  detach(actor: string, socket: Socket): void {
    this.named(actor).detach(socket);
  }

  grant(name: string, buffer: SharedArrayBuffer): void {
    this.memory.grant(name, buffer);
  }

  revoke(name: string): void {
    this.memory.revoke(name);
  }

  retire(): void {
    for (const actor of this.actors.values()) {
      actor.retire?.();
      actor.commit();
    }
  }

  report(actor: string): readonly string[] {
    return this.named(actor).report?.() ?? [];
  }

  end(): void {
    this.ended = true;
    nameThread('idle');
    setImmediate(() => this.resume?.());
  }

  private named(name: string): Actor {
    const actor = this.actors.get(name);
    if (actor === undefined) throw new Error(`thread ${this.task.plan.name} has no actor "${name}"`);
    return actor;
  }
}
