/**
 * In QEMU: net/tap.c, the tap behind its file descriptor.
 * In: the tap's queue (../host/tap.ts), a device's frames. Out: the device that reads, the stack (../host/stack-
 * entry.ts).
 * Thread: the VMM's main loop.
 */
import type { Memory } from '../../src/memory/arena.ts';
import { copyWords } from '../../src/memory/copy-words.ts';
import { FramePool, FrameReturns, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer } from '../../src/memory/id-ring.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import type { Census } from '../actor.ts';
import { StackEntry } from '../host/stack-entry.ts';
import type { StackEntryLink } from '../host/stack-entry.ts';
import type { KernelEntry } from './kernel-entry.ts';

const NO_CALLBACK = -1;

export interface TapFileConfig {
  readonly slots: SlotMemoryRef;
  /** Host slots for frames the guest sends (the skbs of tun_get_user). */
  readonly pool: PoolRef;
  /** Frames a CPU's backlog holds: netdev_max_backlog, net/core/dev.c. */
  readonly backlogFrames: number;
  /** Frames one callback reads at most: Infinity in 2013, 50 later (tap_send, net/tap.c). */
  readonly rxBurst: number;
}

/** The tap behind the file descriptor: its queue to read, and the backlog that takes what is written. */
export interface TapFileLink extends StackEntryLink {
  readonly queue: RingRef;
}

/**
 * A tap as a program sees it that holds its file descriptor (QEMU, net/tap.c): one read() a frame out of its queue,
 * into memory of the program's own, and one writev() a frame into the host's stack. Each is a system call.
 */
export class TapFile {
  /** Where `read` puts a frame, from byte 0: NetState's buf in net/tap.c. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly slots: SlotMemory;
  private readonly kernel: KernelEntry;
  private readonly pool: FramePool;
  private readonly returns: FrameReturns;
  private readonly queue: IdRingConsumer;
  private readonly stack: StackEntry;
  private readonly rxBurst: number;
  /** Frames read in the callback that runs, NO_CALLBACK between callbacks. */
  private readCount = NO_CALLBACK;

  constructor(memory: Memory, kernel: KernelEntry, config: TapFileConfig, link: TapFileLink) {
    this.kernel = kernel;
    this.slots = new SlotMemory(memory, config.slots);
    this.words = new Int32Array((config.slots.frameBytesMax + 3) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
    this.pool = new FramePool(memory, this.slots, config.pool);
    this.returns = new FrameReturns(this.slots);
    this.queue = new IdRingConsumer(memory, link.queue);
    this.rxBurst = config.rxBurst;
    this.stack = new StackEntry(memory, this.slots, this.pool, config.backlogFrames, link);
  }

  /** Frames ready to be read, at least `wanted` if there are that many: the descriptor is readable. */
  readable(wanted: number): number {
    return this.queue.readable(wanted);
  }

  /** The main loop calls tap_send when its ppoll() finds the descriptor readable. @returns whether one begins. */
  beginCallback(): boolean {
    if (this.readCount !== NO_CALLBACK || this.queue.readable(1) === 0) return false;
    this.kernel.call();
    this.readCount = 0;
    return true;
  }

  /** Frames that the callback may read now, at most `budget`; 0 without one. */
  readsNow(budget: number): number {
    if (this.readCount === NO_CALLBACK) return 0;
    return Math.min(budget, this.queue.readable(budget), this.rxBurst - this.readCount);
  }

  /** read(): the next frame into `bytes`; the caller has asked `readsNow`. @returns its length in bytes. */
  read(): number {
    this.kernel.call();
    const { slots } = this;
    const id = this.queue.take();
    const length = slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD];
    copyWords(this.words, 0, slots.words, slots.byteOf(id) >> 2, (length + 3) >> 2);
    this.returns.free(id);
    return length;
  }

  /**
   * Gives the kernel back what the `count` reads of one poll took. The callback ends at its burst, or with a read() that
   * finds nothing: EAGAIN.
   */
  endReads(count: number): void {
    if (count > 0) {
      this.queue.release();
      this.returns.flush();
    }
    if (this.readCount === NO_CALLBACK) return;
    this.readCount += count;
    if (this.readCount >= this.rxBurst) {
      this.readCount = NO_CALLBACK;
    } else if (this.queue.readable(1) === 0) {
      this.kernel.call();
      this.readCount = NO_CALLBACK;
    }
  }

  /** The callback returns early: the guest has no room for another frame. */
  leaveCallback(): void {
    this.readCount = NO_CALLBACK;
  }

  /** Before the writes of one poll. */
  beginWrites(): void {
    this.stack.begin();
  }

  /**
   * The first half of a writev() of `length` bytes: the kernel finds an skb for it.
   * @returns the slot to copy the frame into, before `write`; or BACKLOG_FULL or NO_SLOT, a lost frame.
   */
  allocate(length: number): number {
    this.kernel.call();
    return this.stack.allocate(length);
  }

  /** The second half: the frame is in the backlog (netif_rx_ni). */
  write(id: number): void {
    this.stack.put(id);
    // Softirq work that ksoftirqd holds runs here, on this thread's time, after every frame handed over.
    if (this.stack.deferred) this.stack.enter();
  }

  /** The kernel runs what softirq work is pending when bottom halves go on again. */
  endWrites(): void {
    this.stack.enter();
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
  }
}
