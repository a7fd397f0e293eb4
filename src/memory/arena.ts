/**
 * Where everything lies in shared memory. An arena is carved while a run is planned, before the buffer exists; the
 * plan then travels to the threads as plain offsets, and each thread binds views on just the buffers it was given.
 */

import type { DeviceCalls } from './device-calls.ts';

/** Cache lines are 64 bytes and prefetched in pairs, so words of different writers stay 128 bytes apart. */
export const WRITER_STRIDE_BYTES = 128;

/** A piece of one named SharedArrayBuffer. Plain data: it travels in thread plans. */
export interface Region {
  readonly buffer: string;
  readonly offsetBytes: number;
  readonly bytes: number;
}

/** Carves one buffer. Reservations never move and are never returned. */
export class Arena {
  readonly name: string;
  private usedBytes = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Reserves `bytes`, aligned to `alignBytes` (a power of two). */
  reserve(bytes: number, alignBytes: number = WRITER_STRIDE_BYTES): Region {
    const offsetBytes = Math.ceil(this.usedBytes / alignBytes) * alignBytes;
    this.usedBytes = offsetBytes + bytes;
    return { buffer: this.name, offsetBytes, bytes };
  }

  /** Bytes reserved so far, rounded up to the writer stride. */
  get bytes(): number {
    return Math.ceil(this.usedBytes / WRITER_STRIDE_BYTES) * WRITER_STRIDE_BYTES;
  }
}

/**
 * The buffers one thread may touch. A region of any other buffer cannot be bound: the memory plan decides what a
 * thread reaches (the role of page tables and the IOMMU), and asking for more is a fault in the plan.
 */
export class Memory {
  /**
   * Puts another thread, by the kernel's number, into interrupt class at once: what an interrupt does to softirq work
   * that waits for ksoftirqd. Given by the host; null where it may not be done or the modelled kernel does not.
   */
  lift: ((tid: number) => void) | null = null;
  /**
   * Enters the kernel and comes back, for components that are ordinary programs: a real system call. Given by the host;
   * null where there is none to be had, and then the scenario's declared cost stands for it.
   */
  enterKernel: (() => void) | null = null;
  /** Devices of this machine's own kernel. Given by the kernel host; null on every other. */
  devices: DeviceCalls | null = null;
  private readonly owner: string;
  private readonly buffers: Map<string, SharedArrayBuffer>;

  constructor(owner: string, buffers: Iterable<readonly [string, SharedArrayBuffer]>) {
    this.owner = owner;
    this.buffers = new Map(buffers);
  }

  /** @throws when this thread was not given the buffer. */
  buffer(name: string): SharedArrayBuffer {
    const found = this.buffers.get(name);
    if (found === undefined) throw new Error(`${this.owner} was given no access to memory "${name}"`);
    return found;
  }

  /** True while this thread holds a window on the buffer. */
  holds(name: string): boolean {
    return this.buffers.has(name);
  }

  /** Opens a window on one more buffer, as mapping it through the IOMMU would. */
  grant(name: string, buffer: SharedArrayBuffer): void {
    this.buffers.set(name, buffer);
  }

  /** Closes the window. Views bound earlier must be dropped by their actor in the same step. */
  revoke(name: string): void {
    this.buffers.delete(name);
  }

  /** 32-bit words of a region. */
  words(region: Region): Int32Array {
    return new Int32Array(this.buffer(region.buffer), region.offsetBytes, region.bytes >> 2);
  }

  /** 64-bit floats of a region. */
  doubles(region: Region): Float64Array {
    return new Float64Array(this.buffer(region.buffer), region.offsetBytes, region.bytes >> 3);
  }
}
