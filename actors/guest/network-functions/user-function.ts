import { inspect } from 'node:util';
import type { RoutingConfig } from './ip-forward.ts';
import type { DropReason, FunctionContext, FunctionTimers, NetworkFunction } from './network-function.ts';
import { CONSUMED, dropped } from './network-function.ts';
import { NO_SUCH_PORT } from './user-frames.ts';
import type { UserFrames } from './user-frames.ts';

export const EXCEPTION_REASON: DropReason = { name: 'nf_exceptions', reason: 'exception in the network function' };

/** As much of a wrong answer as fits a line. */
const ANSWER_SHOWN = { depth: 0, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 40 };
const REPORT_LINES_MAX = 100;

/** What a factory is told of the guest it builds for: its vNICs, its forwarding table, and which vCPU this is. */
export interface GuestContext extends RoutingConfig {
  readonly vcpu: number;
  readonly vcpus: number;
}

/**
 * The default export of a user's module. What it builds handles frames in `process`, and may have `timers`. With `frames`
 * it sends frames of its own, in either: `claim` a buffer, write the frame there, `send` it out of a vNIC before the call
 * ends; a claim that is not sent by then is taken back. A module is also built once beforehand, to find out what it
 * counts: until the first call `claim` answers -1.
 */
export type NetworkFunctionFactory = (guest: GuestContext, frames: FunctionContext) => NetworkFunction;

/** A module ready to be evaluated. */
export interface FunctionModule {
  /** Absolute path of its source. */
  readonly path: string;
  /** CommonJS, all it imports included. */
  readonly code: string;
  /** From `code` back to the sources, as JSON. */
  readonly sourceMap: string;
}

export interface UserFunctionConfig extends GuestContext {
  readonly kind: 'module';
  readonly module: FunctionModule;
  /** CPU time that a frame takes more in it than one that is forwarded, on virtual time. */
  readonly frameCostNs: number;
  /** What it counts, and whether it has timers, as it said when the run was planned. */
  readonly counters: Pick<NetworkFunction, 'drops' | 'events'>;
  readonly keepsTime: boolean;
}

/**
 * Runs a function of the user's own and takes its faults: a frame on which it throws is dropped and counted, the first
 * exception is kept for the report, and an answer that is none goes to the driver as a vNIC that is not there. Timers
 * that throw are stopped: they would be due again at once.
 */
export class UserFunction implements NetworkFunction, FunctionTimers {
  readonly name: string;
  readonly drops: readonly DropReason[];
  readonly events: readonly string[];
  readonly counts: Float64Array;
  readonly timers?: FunctionTimers;
  private readonly inner: NetworkFunction;
  private readonly frames: UserFrames;
  private readonly describe: (error: unknown) => string;
  private readonly exception: number;
  private firstException: string | null = null;
  private timersStopped = false;

  /**
   * @param frames what `inner` was built with.
   * @param describe message and stack of what was thrown, for people.
   */
  constructor(inner: NetworkFunction, frames: UserFrames, describe: (error: unknown) => string) {
    this.inner = inner;
    this.frames = frames;
    this.describe = describe;
    this.name = inner.name;
    this.drops = [...inner.drops, EXCEPTION_REASON];
    this.events = inner.events ?? [];
    this.counts = inner.counts ?? new Float64Array(0);
    if (inner.timers !== undefined) this.timers = this;
    this.exception = dropped(inner.drops.length);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    this.frames.beginCall();
    try {
      const verdict = this.inner.process(bytes, offset, length, port, nowNs);
      const known = (verdict | 0) === verdict && (verdict > this.exception || verdict === CONSUMED);
      return known ? verdict : this.misanswered(verdict);
    } catch (error) {
      this.note(error);
      return this.exception;
    } finally {
      this.frames.endCall();
    }
  }

  /** An answer that is none: the first is told of, and a promise may still reject. */
  private misanswered(answer: unknown): number {
    if (answer instanceof Promise) answer.catch(this.note);
    this.firstException ??= `process answered ${inspect(answer, ANSWER_SHOWN)}, allowed: a vNIC's number or a drop's`;
    return NO_SUCH_PORT;
  }

  get nextDeadlineNs(): number {
    if (this.timersStopped) return Infinity;
    try {
      const deadlineNs = this.inner.timers!.nextDeadlineNs;
      return typeof deadlineNs === 'number' && !Number.isNaN(deadlineNs) ? deadlineNs : Infinity;
    } catch (error) {
      this.stopTimers(error);
      return Infinity;
    }
  }

  expire(nowNs: number): void {
    this.frames.beginCall();
    try {
      this.inner.timers!.expire(nowNs);
    } catch (error) {
      this.stopTimers(error);
    } finally {
      this.frames.endCall();
    }
  }

  private stopTimers(error: unknown): void {
    this.note(error);
    this.timersStopped = true;
  }

  private readonly note = (error: unknown): void => {
    this.firstException ??= this.describe(error);
  };

  /** What the function says, as far as it is a list of lines, and the first thing that it did wrong. */
  report(): readonly string[] {
    const own = this.ownReport();
    return this.firstException === null ? own : [...own, this.firstException];
  }

  private ownReport(): readonly string[] {
    if (this.inner.report === undefined) return [];
    try {
      const lines: unknown = this.inner.report();
      if (Array.isArray(lines) && lines.every((line) => typeof line === 'string'))
        return lines.slice(0, REPORT_LINES_MAX);
      this.firstException ??= `report answered ${inspect(lines, ANSWER_SHOWN)}, allowed: a list of lines`;
    } catch (error) {
      this.note(error);
    }
    return [];
  }
}
