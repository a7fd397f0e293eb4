/** What crosses between the bench and its worker threads: what to do, and what came of it. */
import type { Region } from '../../src/memory/arena.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import type { Plan } from '../../src/runtime/plan.ts';

export interface RingTask {
  readonly kind: 'produce-ids' | 'consume-ids' | 'produce-frames' | 'consume-frames';
  readonly ring: RingRef;
  readonly cells: Region;
  readonly strideBytes: number;
  readonly batch: number;
  readonly count: number;
}

export interface VirtqueueTask {
  readonly kind: 'virtqueue-device' | 'virtqueue-driver';
  readonly format: 'split' | 'packed';
  readonly queueSize: number;
  readonly batch: number;
  readonly count: number;
}

export interface CacheLineTask {
  readonly kind: 'cache-line-near' | 'cache-line-far';
  readonly turn: Region;
  readonly cells: Region;
  readonly roundTrips: number;
  readonly passes: number;
  readonly lines: number;
  readonly strideBytes: number;
}

export interface WakeTask {
  readonly kind: 'wake-caller' | 'wake-answerer';
  /** One's own, and the other's. */
  readonly doorbells: readonly [Region, Region];
  /** Word 0 counts calls, word 1 answers; double 1 is the time of the last answer. */
  readonly stamps: Region;
  readonly count: number;
}

export interface ActorsTask {
  readonly kind: 'actors';
  readonly plan: Plan;
  readonly cycles: number;
}

export interface TablesTask {
  readonly kind: 'tables';
  readonly entries: number;
  readonly lookups: number;
}

/** Measures the function of the plan's first vCPU on the flows of its first generator. */
export interface FunctionTask {
  readonly kind: 'function';
  readonly plan: Plan;
  readonly frames: number;
}

export type BenchTask = RingTask | VirtqueueTask | CacheLineTask | WakeTask | ActorsTask | TablesTask | FunctionTask;

/** One task for one thread. The buffers are all it sees; `meeting` is where both threads of a pair begin together. */
export interface BenchJob {
  readonly task: BenchTask;
  readonly buffers: readonly (readonly [string, SharedArrayBuffer])[];
  readonly meeting: Region;
}

/** What a task measured. Times are CLOCK_MONOTONIC. */
export interface BenchReport {
  readonly startNs: number;
  readonly endNs: number;
  /** Time the thread was runnable without a core, between beginning and end. */
  readonly waitNs: number;
  readonly values: Readonly<Record<string, number>>;
}

export type BenchAnswer = { readonly report: BenchReport } | { readonly failure: string };
