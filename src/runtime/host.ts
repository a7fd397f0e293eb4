import type { Joint, Socket } from '../../actors/actor.ts';
import type { Memory } from '../memory/arena.ts';
import type { CoreDistance } from './os/core-distance.ts';
import type { ThreadKind } from './os/core-plan.ts';
import type { Plan, ThreadPlan } from './plan.ts';

/** Real threads and the wall clock; one thread and virtual time; real threads around this machine's own kernel. */
export const HOST_KINDS = ['threads', 'virtual', 'kernel'] as const;
export type HostKind = (typeof HOST_KINDS)[number];

/** What a result was made on, in words. */
export const HOST_WORDS: Readonly<Record<HostKind, string>> = {
  threads: 'real threads',
  virtual: 'virtual time',
  kernel: "this machine's kernel",
};

/** What a host has counted for one of its threads since it started. */
export interface ThreadUse {
  readonly name: string;
  /** CPU time, and time runnable without a CPU; null where the kernel does not say. */
  readonly runNs: number;
  readonly waitNs: number | null;
  /** Times it was put on a CPU. */
  readonly switches: number | null;
}

/** One thread's place, for the header and the screen. */
export interface ThreadPlace {
  readonly name: string;
  readonly core: number;
  /** Scheduling class as obtained: `nice 0`, `SCHED_FIFO 1`. */
  readonly policy: string;
  /** What it does, where no plan says so: it is the kernel's. */
  readonly kind?: ThreadKind;
}

/** What all actors of one thread hold privately while every thread is parked. */
export interface Stock {
  readonly slots: readonly number[];
  readonly frames: number;
  /** Frames found in queues of this machine's kernel, which are empty now. */
  readonly framesInKernel?: number;
  readonly guestBuffers: readonly { readonly vm: string; readonly addresses: readonly number[] }[];
}

/** An end of a wire as somebody who wants to use it has to know it. */
export interface EndPlace {
  readonly port: string;
  /** What `ip netns exec` is to be given. */
  readonly namespace: string;
  /** With prefix length. */
  readonly address: string;
  /** Whom to send to, and the end that is there, if one is. */
  readonly target: { readonly address: string; readonly port: string | null } | null;
}

/** Runs a plan: real threads and the wall clock, or one thread and virtual time. Everything above works with either. */
export interface Host {
  readonly kind: HostKind;
  readonly plan: Plan;
  /** All buffers of the run. */
  readonly memory: Memory;
  readonly places: readonly ThreadPlace[];
  /** What the run's results depend on: machine, placement, priorities, in lines for the header. */
  readonly header: readonly string[];
  /**
   * Between the hardware's core and the modelled host's; null before the start, on virtual time, and where the two are
   * one core or did not answer.
   */
  readonly coreDistance: CoreDistance | null;
  /** Whether system calls of components that are ordinary programs are made, and not only paid for as declared. */
  readonly makesSystemCalls: boolean;
  /** Why rates of this run must not be judged; empty when they may be. */
  readonly oversubscribed: readonly string[];
  /** Builds the actors and sets the threads going. */
  start(): Promise<void>;
  /** The clock of the run, ns. */
  nowNs(): number;
  /** Lets `ns` of the run's time pass, or less when `interrupted` settles first. */
  advance(ns: number, interrupted?: Promise<unknown>): Promise<void>;
  /** Brings the counters up to date that actors do not count themselves, before they are read. */
  refreshCounters?(): void;
  /** CPU use of every thread so far. */
  threadUse(): readonly ThreadUse[];
  /** Numbers of threads of this machine's kernel that work for this run alone: their time is the run's own. */
  readonly kernelThreads?: readonly number[];
  /** Where real programs are at the ends of wires, and how they are found. */
  readonly ends?: readonly EndPlace[];
  /** Keeps those programs from sending any more; what is under way still arrives. */
  stopEnds?(): void;
  /** Parks every thread at a batch boundary; afterwards memory stands still. */
  pause(): Promise<void>;
  /** Lets them run again. */
  resume(): Promise<void>;
  /** What the actors hold. Only while paused. */
  takeStock(): Promise<Stock>;
  /**
   * Connects or disconnects one port of an actor while the rest of the run goes on. A link into a VM's memory opens the
   * thread's window on it, and closes it again.
   */
  attach(actor: string, joint: Joint): Promise<void>;
  detach(actor: string, socket: Socket): Promise<void>;
  /** Stops a VM's vCPUs between two polls, or lets them go on: `stop` and `cont` of the QEMU monitor. */
  setStopped(vm: string, stopped: boolean): Promise<void>;
  /** VMs that are not there: none of their threads runs. */
  readonly absent: ReadonlySet<string>;
  /**
   * Starts the threads of a VM that is not there; their actors are connected as planned. What of other threads leads to
   * it is the caller's to attach. @throws when it is there.
   */
  startVm(vm: string): Promise<void>;
  /**
   * Ends the threads of a VM, whatever they are doing. Every actor retires first; guest memory is as new afterwards.
   * The caller has detached what puts frames into it. @throws when it is not there.
   */
  endVm(vm: string): Promise<void>;
  /** What an actor has to say about its control path. */
  report(actor: string): Promise<readonly string[]>;
  /** Ends the threads. Nothing is left running. */
  stop(): Promise<void>;
}

/** Threads whose VM is there, and those that are of no VM. */
export function threadsThere({ plan, absent }: Pick<Host, 'plan' | 'absent'>): ThreadPlan[] {
  return plan.threads.filter(({ vm }) => vm === null || !absent.has(vm));
}
