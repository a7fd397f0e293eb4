import type { Actor } from '../../../actors/actor.ts';
import { Softirq } from '../../../actors/host/softirq.ts';
import type { Memory } from '../../memory/arena.ts';
import { Doorbell } from '../../memory/doorbell.ts';
import { CONTEXT_BH_ENABLE, SoftirqLine } from '../../kernel/softirq-line.ts';
import type { ThreadPolicy } from '../os/os-threads.ts';
import type { SoftirqThreadPlan, ThreadPlan } from '../plan.ts';
import { PollList } from '../poll-list.ts';
import { SoftirqPolicy } from '../softirq-policy.ts';
import type { SoftirqVerdict } from '../softirq-policy.ts';
import { costOf } from './virtual-costs.ts';
import type { VirtualCosts } from './virtual-costs.ts';

/** Frames an actor may move in one poll, as on the thread host. */
const POLL_BUDGET = 64;

/** Weight of nice 0, of each step of nice, and of SCHED_IDLE: NICE_0_LOAD, sched_prio_to_weight, WEIGHT_IDLEPRIO. */
const NICE_0_WEIGHT = 1024;
const NICE_STEP = 1.25;
const IDLE_WEIGHT = 3;

/** Where a thread is. `interrupted`: it holds its CPU's fair slice and waits for real-time work to end. */
export type ThreadState = 'asleep' | 'queued' | 'interrupted' | 'running';

/** A thread's place: its virtual CPU and its scheduling class. */
export interface ThreadRole {
  readonly cpu: number;
  readonly policy: ThreadPolicy;
}

/** What a thread that does softirq work has besides. */
class SoftirqRole {
  readonly threaded: boolean;
  readonly policy: SoftirqPolicy;
  private readonly line: SoftirqLine;
  private readonly actor: Softirq;

  /** @param index the thread's number, by which raisers lift it. */
  constructor(index: number, plan: SoftirqThreadPlan, line: SoftirqLine, actor: Softirq) {
    line.tid = index;
    this.threaded = plan.threaded;
    this.policy = new SoftirqPolicy(plan.limits);
    this.line = line;
    this.actor = actor;
  }

  /**
   * Opens a visit on the exit of a timer tick, or for what the line's raisers asked; false when the guard refuses it.
   */
  beginInline(nowNs: number, tick: boolean): boolean {
    const contexts = this.line.takeContexts();
    const context = !tick && contexts === CONTEXT_BH_ENABLE ? 'bh-enable' : 'interrupt';
    const begun = this.policy.begin(context, this.actor.scheduled, nowNs);
    if (begun) this.line.undefer();
    else this.line.defer();
    return begun;
  }

  /** Opens a visit at the level of ordinary threads. */
  beginFair(nowNs: number): void {
    this.line.undefer();
    this.policy.begin(this.threaded ? 'threaded' : 'ksoftirqd', this.actor.scheduled, nowNs);
  }

  /** Work is left to ksoftirqd, which waits for the CPU: raisers may lift it. */
  defer(): void {
    if (!this.threaded) this.line.defer();
  }

  /** @param quiet every actor of the thread is armed. */
  afterPoll(napiFrames: number, quiet: boolean, needResched: boolean, nowNs: number): SoftirqVerdict {
    // What bridge or tap has left over keeps the visit open as well.
    const scheduled = quiet ? 0 : Math.max(1, this.actor.scheduled);
    const verdict = this.policy.afterPoll(napiFrames, scheduled, needResched, nowNs);
    if (verdict !== 'continue') this.actor.noteContexts(this.policy);
    return verdict;
  }
}

/**
 * One thread of the plan under virtual time: its actors, and what the scheduler knows of it. A turn is one pass over
 * the actors; its effects happen at once, and then the thread is busy for what the turn cost.
 */
export class VirtualThread {
  readonly index: number;
  readonly plan: ThreadPlan;
  /** None while its VM is not there. */
  actors: readonly Actor[];
  readonly doorbell: Doorbell;
  readonly hardware: boolean;
  readonly cpu: number;
  readonly policy: ThreadPolicy;
  readonly softirq: SoftirqRole | null;
  readonly pollList: PollList;

  state: ThreadState = 'asleep';
  /** Real-time class: above every fair thread. A softirq thread is in it while it is parked or inline. */
  realtime: boolean;
  readonly idleClass: boolean;
  /** Weighted time per time. */
  readonly vruntimeScale: number;
  vruntime = 0;
  /** Cost of the last turn that is still to be paid. */
  remainingNs = 0;
  /** A turn was made whose end has not been looked at. */
  turnOpen = false;
  /** The last turn found nothing and every actor is armed: sleep when it is paid for. */
  parking = false;
  /** It sleeps on its doorbell, and nobody has rung it yet. */
  sleeping = false;
  /** Frames moved in the last turn, and those among them that NAPI polls moved. */
  moved = 0;
  /** Its VM is stopped: whatever wakes it, it does nothing. */
  stopped = false;
  /** It has woken a thread of its own CPU in this softirq visit. */
  wokePeer = false;
  napiFrames = 0;

  runNs = 0;
  waitNs = 0;
  switches = 0;
  /** When it entered its present state. */
  sinceNs = 0;

  private readonly pollNs: Float64Array;
  private readonly frameNs: Float64Array;
  private readonly softirqAt: number;

  constructor(
    index: number,
    plan: ThreadPlan,
    memory: Memory,
    actors: readonly Actor[],
    role: ThreadRole,
    costs: VirtualCosts,
  ) {
    this.index = index;
    this.plan = plan;
    this.actors = actors;
    this.doorbell = new Doorbell(memory, plan.doorbell);
    this.hardware = plan.kind === 'hardware';
    this.cpu = role.cpu;
    this.policy = role.policy;
    this.softirq = softirqRole(index, plan, memory, actors);
    this.pollList = new PollList(memory, plan);
    this.realtime = role.policy.class === 'fifo';
    this.idleClass = role.policy.class === 'idle';
    this.vruntimeScale = NICE_0_WEIGHT / weightOf(role.policy);
    this.softirqAt = plan.actors.findIndex(({ spec }) => spec.kind === 'softirq');
    this.pollNs = Float64Array.from(plan.actors, ({ spec }) => costOf(spec, costs).pollNs);
    this.frameNs = Float64Array.from(plan.actors, ({ spec }) => costOf(spec, costs).frameNs);
  }

  /** One pass over the actors, as on the thread host; returns what it costs, ns. */
  turn(nowNs: number): number {
    if (this.stopped) {
      this.moved = 0;
      this.doorbell.park();
      this.parking = true;
      return 0;
    }
    let costNs = this.pollAll(nowNs);
    if (this.moved > 0 || this.softirq !== null) return costNs;
    this.doorbell.park();
    this.parking = this.armAll();
    if (!this.parking) this.doorbell.unpark();
    costNs += this.takeDebtNs();
    return costNs;
  }

  /** Polls every actor that may have work, in order; returns own and declared cost, ns; leaves the frames in `moved`. */
  pollAll(nowNs: number): number {
    const { actors, pollList } = this;
    const { always } = pollList;
    this.moved = 0;
    if (actors.length === 0) return 0;
    let moved = 0;
    let costNs = 0;
    let at = 0;
    try {
      for (let i = 0; i < always.length; i++) {
        at = always[i];
        const n = actors[at].poll(POLL_BUDGET, nowNs);
        costNs += this.pollNs[at] + n * this.frameNs[at];
        moved += n;
        if (at === this.softirqAt) this.napiFrames = n;
      }
      for (let turns = pollList.collect(); turns > 0; turns--) {
        at = pollList.next();
        const n = actors[at].poll(POLL_BUDGET, nowNs);
        costNs += this.pollNs[at] + n * this.frameNs[at] + actors[at].debtNs;
        actors[at].debtNs = 0;
        moved += n;
        if (n >= POLL_BUDGET) pollList.leftOver(at);
      }
    } catch (error) {
      throw this.failure(at, error);
    }
    this.moved = moved;
    // Hardware has no CPU to declare the cost of.
    return this.hardware ? costNs : costNs + this.takeDebtNs();
  }

  /** Turns every actor's notifications on; true when all of them may sleep. */
  armAll(): boolean {
    const { actors, pollList } = this;
    if (actors.length === 0) return true;
    const { always } = pollList;
    let { quiet } = pollList;
    let i = 0;
    try {
      for (; i < always.length; i++) if (!actors[always[i]].arm()) quiet = false;
    } catch (error) {
      throw this.failure(always[i], error);
    }
    return quiet;
  }

  /** Bottom halves are off: no other thread gets this one's CPU, but for real-time work. */
  get visiting(): boolean {
    return this.softirq !== null && this.softirq.policy.visiting;
  }

  commit(): void {
    for (const actor of this.actors) actor.commit();
  }

  /** What actors declared that are polled in every round. */
  private takeDebtNs(): number {
    const { actors } = this;
    const { always } = this.pollList;
    let debtNs = 0;
    for (let i = 0; i < always.length && actors.length > 0; i++) {
      const actor = actors[always[i]];
      if (actor.debtNs === 0) continue;
      debtNs += actor.debtNs;
      actor.debtNs = 0;
    }
    return debtNs;
  }

  private failure(actor: number, cause: unknown): Error {
    const message = cause instanceof Error ? cause.message : String(cause);
    return new Error(`actor ${this.plan.actors[actor].name} on thread ${this.plan.name}: ${message}`, { cause });
  }
}

function weightOf(policy: ThreadPolicy): number {
  if (policy.class === 'idle') return IDLE_WEIGHT;
  if (policy.class === 'other' || policy.class === 'batch') return NICE_0_WEIGHT * NICE_STEP ** -policy.nice;
  return NICE_0_WEIGHT;
}

function softirqRole(index: number, plan: ThreadPlan, memory: Memory, actors: readonly Actor[]): SoftirqRole | null {
  const actor = actors.find((each) => each instanceof Softirq);
  if (plan.softirq === null || actor === undefined) return null;
  return new SoftirqRole(index, plan.softirq, new SoftirqLine(memory, plan.doorbell), actor);
}
