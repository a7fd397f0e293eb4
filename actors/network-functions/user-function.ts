import type { RoutingConfig } from './ip-forward.ts';
import type { DropReason, FunctionCounters, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

/** What a factory is told of the guest it builds for: its vNICs, its forwarding table, and which vCPU this is. */
export interface GuestContext extends RoutingConfig {
  readonly vcpu: number;
  readonly vcpus: number;
}

/** The default export of a user's module. */
export type NetworkFunctionFactory = (guest: GuestContext) => NetworkFunction;

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
  /** What it counts, as it said when the run was planned. */
  readonly counters: FunctionCounters;
}

export const EXCEPTION_REASON: DropReason = { name: 'nf_exceptions', reason: 'exception in the network function' };
/** A vNIC that is not there: the driver counts the frame as nf_errors. */
const NO_SUCH_PORT = 0x7fff_ffff;

/**
 * Runs a function of the user's own and takes its faults: a frame on which it throws is dropped and counted, the first
 * exception is kept for the report, and an answer that is none goes to the driver as a vNIC that is not there.
 */
export class UserFunction implements NetworkFunction {
  readonly name: string;
  readonly drops: readonly DropReason[];
  readonly events: readonly string[];
  readonly counts: Float64Array;
  private readonly inner: NetworkFunction;
  private readonly describe: (error: unknown) => string;
  private readonly exception: number;
  private firstException: string | null = null;

  /** @param describe message and stack of what was thrown, for people. */
  constructor(inner: NetworkFunction, describe: (error: unknown) => string) {
    this.inner = inner;
    this.describe = describe;
    this.name = inner.name;
    this.drops = [...inner.drops, EXCEPTION_REASON];
    this.events = inner.events ?? [];
    this.counts = inner.counts ?? new Float64Array(0);
    this.exception = dropped(inner.drops.length);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    try {
      const verdict = this.inner.process(bytes, offset, length, port, nowNs);
      return (verdict | 0) === verdict && verdict > this.exception ? verdict : NO_SUCH_PORT;
    } catch (error) {
      this.firstException ??= this.describe(error);
      return this.exception;
    }
  }

  report(): readonly string[] {
    const own = this.inner.report?.() ?? [];
    return this.firstException === null ? own : [...own, ...this.firstException.split('\n')];
  }
}
