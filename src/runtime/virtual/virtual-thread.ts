import type { Actor } from '../../../actors/actor.ts';
import type { Softirq } from '../../../actors/host/softirq.ts';
import type { Memory } from '../../memory/arena.ts';
import { Doorbell } from '../../memory/doorbell.ts';
import { CONTEXT_TICK, SoftirqLine } from '../../kernel/softirq-line.ts';
import type { ThreadPolicy } from '../os/os-threads.ts';
import type { SoftirqThreadPlan, ThreadPlan } from '../plan.ts';
import { PollList } from '../poll-list.ts';
import { PollRound } from '../poll-round.ts';
import { inlineContext } from '../softirq-context.ts';
import { Reschedule } from '../reschedule.ts';
import { SoftirqPolicy } from '../softirq-policy.ts';
import type { SoftirqVerdict } from '../softirq-policy.ts';
import { VirtualAccounts } from './virtual-accounts.ts';
import type { VirtualCosts } from './virtual-costs.ts';

/** Weight of nice 0, of each step of nice, and of SCHED_IDLE: NICE_0_LOAD, sched_prio_to_weight, WEIGHT_IDLEPRIO. */
const NICE_0_WEIGHT = 1024;
const NICE_STEP = 1.25;
const IDLE_WEIGHT = 3;

/** Where a thread is. `interrupted`: it holds its CPU's fair slice and waits for real-time work to end. */
export type RunState = 'asleep' | 'queued' | 'interrupted' | 'running';

/** A thread's place: its virtual CPU and its scheduling class. */
export interface VirtualSeat {
  readonly cpu: number;
  readonly policy: ThreadPolicy;
}

/** What a thread that does softirq work has besides. */
class SoftirqRole {
  readonly threaded: boolean;
  readonly policy: SoftirqPolicy;
  readonly reschedule: Reschedule;
  private readonly line: SoftirqLine;
  private readonly actor: Softirq;

  /** @param index the thread's number, by which raisers lift it. */
  constructor(index: number, plan: SoftirqThreadPlan, line: SoftirqLine, actor: Softirq) {
    line.tid = index;
    this.threaded = plan.threaded;
    this.policy = new SoftirqPolicy(plan.limits);
    this.reschedule = new Reschedule(plan.sliceNs, plan.limits.hz);
    this.line = line;
    this.actor = actor;
  }

  /**
   * Opens a visit on the exit of a timer tick, or for what the line's raisers asked; false when the guard refuses it.
   */
  beginInline(nowNs: number, tick: boolean): boolean {
    const contexts = this.line.takeContexts() | (tick ? CONTEXT_TICK : 0);
    if (!this.policy.begin(inlineContext(contexts), this.actor.scheduled, nowNs)) {
      this.line.defer();
      return false;
    }
    this.line.undefer();
    this.reschedule.begin(contexts);
    return true;
  }

  /** Opens a visit at the level of ordinary threads. */
  beginFair(nowNs: number): void {
    this.line.undefer();
    this.reschedule.begin(0);
    this.policy.begin(this.threaded ? 'threaded' : 'ksoftirqd', this.actor.scheduled, nowNs);
  }

  /** Work is left to ksoftirqd, which waits for the CPU: raisers may lift it. */
  defer(): void {
    if (!this.threaded) this.line.defer();
  }

  /** @param peerWaits the thread is an ordinary one now, and the scheduler would have another run. */
  afterPoll(napiFrames: number, scheduled: number, peerWaits: boolean, nowNs: number): SoftirqVerdict {
    const verdict = this.policy.afterPoll(napiFrames, scheduled, this.reschedule.wanted || peerWaits, nowNs);
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
  actors: readonly Actor[] = [];
  readonly doorbell: Doorbell;
  readonly hardware: boolean;
  readonly cpu: number;
  readonly policy: ThreadPolicy;
  readonly softirq: SoftirqRole | null;
  readonly pollList: PollList;

  state: RunState = 'asleep';
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
  /** Frames moved in the last turn. */
  moved = 0;
  /** Its VM is stopped: whatever wakes it, it does nothing. */
  stopped = false;

  runNs = 0;
  waitNs = 0;
  switches = 0;
  /** When it entered its present state. */
  sinceNs = 0;

  private readonly accounts: VirtualAccounts;
  /** Null while its VM is not there. */
  private round: PollRound | null = null;

  constructor(
    index: number,
    plan: ThreadPlan,
    memory: Memory,
    actors: readonly Actor[],
    seat: VirtualSeat,
    costs: VirtualCosts,
  ) {
    this.index = index;
    this.plan = plan;
    this.doorbell = new Doorbell(memory, plan.doorbell);
    this.hardware = plan.kind === 'hardware';
    this.cpu = seat.cpu;
    this.policy = seat.policy;
    this.pollList = new PollList(memory, plan);
    this.accounts = new VirtualAccounts(plan, costs);
    this.setActors(actors);
    this.softirq = softirqRole(index, plan, memory, this.round?.softirq ?? null);
    this.realtime = seat.policy.class === 'fifo';
    this.idleClass = seat.policy.class === 'idle';
    this.vruntimeScale = NICE_0_WEIGHT / weightOf(seat.policy);
  }

  /** Its VM comes, or with none goes. */
  setActors(actors: readonly Actor[]): void {
    this.actors = actors;
    this.round = actors.length === 0 ? null : new PollRound(this.plan.name, actors, this.pollList, this.accounts);
  }

  /** One pass over the actors, as on the thread host; returns what it costs, ns. */
  turn(nowNs: number): number {
    if (this.stopped) {
      this.moved = 0;
      this.doorbell.park();
      this.parking = true;
      return 0;
    }
    const costNs = this.pollAll(nowNs);
    if (this.moved > 0 || this.softirq !== null) return costNs;
    if (this.round === null) this.doorbell.park();
    this.parking = this.round === null || this.round.park(this.doorbell);
    return costNs + this.accounts.takeNs();
  }

  /** One pass over the actors. @returns what it costs, ns; leaves the frames in `moved`. */
  pollAll(nowNs: number): number {
    const { round } = this;
    this.moved = round === null ? 0 : round.poll(nowNs);
    return this.accounts.takeNs();
  }

  /** After a softirq turn: what the visit is to do. */
  afterSoftirqTurn(peerWaits: boolean, nowNs: number): SoftirqVerdict {
    const round = this.round!;
    return this.softirq!.afterPoll(round.napiFrames, round.scheduled(), peerWaits, nowNs);
  }

  /** Bottom halves are off: no other thread gets this one's CPU, but for real-time work. */
  get visiting(): boolean {
    return this.softirq !== null && this.softirq.policy.visiting;
  }

  commit(): void {
    for (const actor of this.actors) actor.commit();
  }
}

function weightOf(policy: ThreadPolicy): number {
  if (policy.class === 'idle') return IDLE_WEIGHT;
  if (policy.class === 'other' || policy.class === 'batch') return NICE_0_WEIGHT * NICE_STEP ** -policy.nice;
  return NICE_0_WEIGHT;
}

function softirqRole(index: number, plan: ThreadPlan, memory: Memory, actor: Softirq | null): SoftirqRole | null {
  if (plan.softirq === null || actor === null) return null;
  return new SoftirqRole(index, plan.softirq, new SoftirqLine(memory, plan.doorbell), actor);
}
