import type { Memory } from '../../../src/memory/arena.ts';

/** The answer "the frame was for me and has done its job": it ends here, and is no loss. */
export const CONSUMED = -0x8000_0000;

/** A reason frames end at a function: the name of its counter, and in words. */
export interface DropReason {
  readonly name: string;
  readonly reason: string;
}

/**
 * What a guest runs on the frames it receives. One instance per vCPU: nothing is shared between instances but what a
 * function puts into guest memory itself, where the vCPUs run at the same time.
 */
export interface NetworkFunction {
  /** Name for reports: `ip-forward`. */
  readonly name: string;
  /** Why frames end here: the index is what `process` answers. */
  readonly drops: readonly DropReason[];
  /** What it counts besides, by counter name. Default: nothing. */
  readonly events?: readonly string[];
  /** How often each of `events` has happened; the function adds to it. */
  readonly counts?: Float64Array;
  /** For a function that keeps time. */
  readonly timers?: FunctionTimers;
  /**
   * Handles one frame in place. `bytes[offset]` is the first byte of the Ethernet header; the frame is `length` bytes
   * long, without FCS; `port` is the index of the vNIC it came in by; `nowNs` is the monotonic clock, the same for all
   * frames of a batch.
   * @returns the index of the vNIC to send it out by, `dropped(i)` for reason i, or CONSUMED.
   */
  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number;
  /** What happened that a person should read, oldest first: a line each, or a message and the stack below it. */
  report?(): readonly string[];
}

/** Something a function counts besides drops: the name of its counter, and in words. */
export interface EventCounter {
  readonly name: string;
  readonly meaning: string;
}

/** What a function counts, known before it is built: what `drops` and `events` of it will be. */
export interface FunctionCounters {
  readonly drops: readonly DropReason[];
  readonly events?: readonly EventCounter[];
}

/** What is known of a built-in function beside its code; functions.ts lists them all. */
export interface BuiltInFunction<Kind extends string, Config extends { readonly kind: Kind }> {
  readonly kind: Kind;
  counters(config: Config): FunctionCounters;
  /** CPU time that a frame takes more in it than one that is forwarded, ns; measured. Default: none. */
  moreFrameNs?(config: Config): number;
  /** Builds a vCPU's own instance, on the thread that will run it. */
  create(memory: Memory, config: Config, context: FunctionContext): NetworkFunction;
}

/** Work that is due at a time and not when a frame comes. */
export interface FunctionTimers {
  /** When `expire` is to be called next, ns; Infinity for never. */
  readonly nextDeadlineNs: number;
  /** Does what is due by now. */
  expire(nowNs: number): void;
}

/** What the vCPU gives a function at its construction, for frames of its own. */
export interface FunctionContext {
  /** The guest's memory. */
  readonly bytes: Uint8Array;
  /** Longest frame that a buffer has room for, without FCS. */
  readonly frameBytesMax: number;
  /** First byte of a free buffer, where a frame may be written; -1 when the guest has none. It must be sent or released. */
  claim(): number;
  /** Sends the frame at `at`, as `claim` gave it, out of vNIC `port`; `lengthBytes` is without FCS. */
  send(at: number, lengthBytes: number, port: number): void;
  /** Gives the buffer at `at` back unsent. */
  release(at: number): void;
}

/** The answer "drop, for reason i of `drops`". */
export function dropped(reason: number): number {
  return -1 - reason;
}
