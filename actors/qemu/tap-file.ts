import type { Memory, Region } from '../../src/memory/arena.ts';
import { copyWords } from '../../src/memory/copy-words.ts';
import { FramePool, FrameReturns, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer, IdRingGauge, IdRingProducer } from '../../src/memory/id-ring.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { CONTEXT_BH_ENABLE, SoftirqRaiser } from '../../src/memory/softirq-line.ts';
import type { Census } from '../actor.ts';
import type { KernelEntry } from './kernel-entry.ts';

/** Why the kernel did not take a frame that was written. */
export const WRITE_BACKLOG_FULL = -1;
export const WRITE_NO_BUFFER = -2;

export interface TapFileConfig {
  readonly slots: SlotMemoryRef;
  /** Host slots for frames the guest sends (the skbs of tun_get_user). */
  readonly pool: PoolRef;
  /** Frames a CPU's backlog holds: netdev_max_backlog, net/core/dev.c. */
  readonly backlogFrames: number;
}

/** The tap behind the file descriptor: its queue to read, and the backlog that takes what is written. */
export interface TapFileLink {
  readonly queue: RingRef;
  readonly backlog: RingRef;
  /** Backlogs of the same CPU's other taps: netdev_max_backlog counts all of them. */
  readonly otherBacklogs: readonly RingRef[];
  /** Softirq line of the CPU this thread runs on. */
  readonly softirqLine: Region;
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
  private readonly backlog: IdRingProducer;
  private readonly backlogFrames: number;
  private readonly otherBacklogs: readonly IdRingGauge[];
  private readonly softirq: SoftirqRaiser;
  private room = 0;

  constructor(memory: Memory, kernel: KernelEntry, config: TapFileConfig, link: TapFileLink) {
    this.kernel = kernel;
    this.slots = new SlotMemory(memory, config.slots);
    this.words = new Int32Array((config.slots.frameBytesMax + 3) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
    this.pool = new FramePool(memory, this.slots, config.pool);
    this.returns = new FrameReturns(this.slots);
    this.queue = new IdRingConsumer(memory, link.queue);
    this.backlog = new IdRingProducer(memory, link.backlog);
    this.backlogFrames = config.backlogFrames;
    this.otherBacklogs = link.otherBacklogs.map((ring) => new IdRingGauge(memory, ring));
    this.softirq = new SoftirqRaiser(memory, link.softirqLine);
  }

  /** Frames ready to be read, at least `wanted` if there are that many: the descriptor is readable. */
  readable(wanted: number): number {
    return this.queue.readable(wanted);
  }

  /** read(): the next frame into `bytes`; the caller has checked `readable`. @returns its length in bytes. */
  read(): number {
    this.kernel.call();
    const { slots } = this;
    const id = this.queue.take();
    const length = slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD];
    copyWords(this.words, 0, slots.words, slots.byteOf(id) >> 2, (length + 3) >> 2);
    this.returns.free(id);
    return length;
  }

  /** The read() that finds nothing: EAGAIN. */
  readNothing(): void {
    this.kernel.call();
  }

  /** Gives the kernel back what the reads of one poll took. */
  endReads(): void {
    this.queue.release();
    this.returns.flush();
  }

  /** Before the writes of one poll. enqueue_to_backlog tests `qlen <= netdev_max_backlog`, over all taps of the CPU. */
  beginWrites(): void {
    this.pool.reclaim();
    let room = this.backlogFrames + 1 - this.backlog.depth();
    for (let i = 0; i < this.otherBacklogs.length; i++) room -= this.otherBacklogs[i].depth();
    this.room = room;
  }

  /**
   * The first half of a writev() of `length` bytes: the kernel finds an skb for it.
   * @returns the slot to copy the frame into, before `write`; or WRITE_BACKLOG_FULL or WRITE_NO_BUFFER, a lost frame.
   */
  allocate(length: number): number {
    this.kernel.call();
    if (this.room <= 0) return WRITE_BACKLOG_FULL;
    if (this.pool.available(1) === 0) return WRITE_NO_BUFFER;
    const id = this.pool.acquire();
    this.slots.words[this.slots.wordOf(id) + SLOT_LENGTH_WORD] = length;
    return id;
  }

  /** The second half: the frame is in the backlog (netif_rx_ni). */
  write(id: number): void {
    this.backlog.put(id);
    this.room--;
    // Softirq work that ksoftirqd holds runs here, on this thread's time, after every frame handed over.
    if (this.softirq.deferred) this.endWrites();
  }

  /** The kernel runs what softirq work is pending when bottom halves go on again. */
  endWrites(): void {
    this.backlog.publish();
    this.softirq.raise(CONTEXT_BH_ENABLE);
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
  }
}
