/** What a worker thread of the run executes: entry of the worker bundle, called by Piscina once a thread. */
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Actor, Census } from '../../actors/actor.ts';
import { Memory } from '../memory/arena.ts';
import { Doorbell } from '../memory/doorbell.ts';
import { createActor } from './actor-factory.ts';
import { CpuBurner } from './cpu-burn.ts';
import type { Stock } from './host.ts';
import { currentTid, nameThread } from './os-threads.ts';
import { ThreadControl } from './thread-control.ts';
import { ThreadLoop } from './thread-loop.ts';
import type { ThreadCalls, ThreadTask } from './thread-protocol.ts';

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
  private readonly actors = new Map<string, Actor>();
  private loop: ThreadLoop | null = null;
  private resume: (() => void) | null = null;
  private ended = false;

  constructor(task: ThreadTask) {
    this.task = task;
    this.memory = new Memory(task.plan.name, task.buffers);
  }

  /** Alternates between the loop, where nothing but frames is heard, and waiting for calls. */
  async serve(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => (this.resume = resolve));
      if (!this.ended) this.loop?.run();
    }
  }

  prepare(): number {
    const { plan, burnIterationsPerNs } = this.task;
    nameThread(plan.name);
    for (const actor of plan.actors) this.actors.set(actor.name, createActor(actor, this.memory));
    this.loop = new ThreadLoop({
      actors: [...this.actors.values()],
      doorbell: new Doorbell(this.memory, plan.doorbell),
      control: new ThreadControl(this.memory, plan.control),
      burner: new CpuBurner(burnIterationsPerNs),
      spins: plan.kind === 'hardware',
    });
    return currentTid();
  }

  enterLoop(): void {
    // After the answer has left: the loop hears nothing.
    setImmediate(() => this.resume?.());
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

  attach(actor: string, port: number, link: object): void {
    this.named(actor).attach(port, link);
  }

  detach(actor: string, port: number): void {
    this.named(actor).detach(port);
  }

  report(actor: string): readonly string[] {
    return this.named(actor).report?.() ?? [];
  }

  end(): void {
    this.ended = true;
    setImmediate(() => this.resume?.());
  }

  private named(name: string): Actor {
    const actor = this.actors.get(name);
    if (actor === undefined) throw new Error(`thread ${this.task.plan.name} has no actor "${name}"`);
    return actor;
  }
}
