/**
 * In Linux: tun_get_user and netif_rx_ni, how a frame written to a tap enters the stack.
 * In: frames of a writer (vhost-worker.ts, ../vmm/tap-file.ts). Out: the backlog of its CPU (softirq.ts).
 * Thread: the writer's.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { BacklogLength } from '../../src/kernel/backlog-length.ts';
import type { FramePool, SlotMemory } from '../../src/memory/frame-pool.ts';
import { SLOT_LENGTH_WORD } from '../../src/memory/frame-pool.ts';
import { IdRingProducer } from '../../src/memory/id-ring.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { CONTEXT_BH_ENABLE, SoftirqRaiser } from '../../src/kernel/softirq-line.ts';

/** Why the stack takes no frame: this CPU's backlog is full, or there is no slot for it. */
export const BACKLOG_FULL = -1;
export const NO_SLOT = -2;

/** Behind a tap: the backlog that takes what is written to it. */
export interface StackEntryLink {
  readonly backlog: RingRef;
  /** Of the same CPU, all its taps' backlogs together: netdev_max_backlog counts them so. */
  readonly backlogLength: Region;
  /** Softirq line of the CPU the writing thread runs on. */
  readonly softirqLine: Region;
}

/**
 * How a frame that is written to a tap enters the host's stack (tun_get_user, netif_rx_ni): a host slot for it, the
 * backlog of the CPU that the writer runs on, and then whatever softirq is pending there.
 */
export class StackEntry {
  private readonly slots: SlotMemory;
  private readonly pool: FramePool;
  private readonly backlog: IdRingProducer;
  private readonly backlogFrames: number;
  private readonly backlogLength: BacklogLength;
  private readonly softirq: SoftirqRaiser;
  private room = 0;
  /** Frames put since the last `enter`. */
  private entering = 0;

  /** @param backlogFrames that a CPU's backlog holds: netdev_max_backlog, net/core/dev.c. */
  constructor(memory: Memory, slots: SlotMemory, pool: FramePool, backlogFrames: number, link: StackEntryLink) {
    this.slots = slots;
    this.pool = pool;
    this.backlogFrames = backlogFrames;
    this.backlog = new IdRingProducer(memory, link.backlog);
    this.backlogLength = new BacklogLength(memory, link.backlogLength);
    this.softirq = new SoftirqRaiser(memory, link.softirqLine);
  }

  /**
   * Before the frames of one poll. enqueue_to_backlog tests `qlen <= netdev_max_backlog`, and all taps of the CPU share
   * the one queue. The kernel tests under a lock: writers on several cores may together go a batch each over the limit.
   */
  begin(): void {
    this.pool.reclaim();
    this.room = this.backlogFrames + 1 - this.backlogLength.frames;
  }

  /** @returns a slot for a frame of `length` bytes, to be filled and `put`; or BACKLOG_FULL or NO_SLOT, a lost frame. */
  allocate(length: number): number {
    if (this.room <= 0) return BACKLOG_FULL;
    if (this.pool.available(1) === 0) return NO_SLOT;
    const id = this.pool.acquire();
    this.slots.words[this.slots.wordOf(id) + SLOT_LENGTH_WORD] = length;
    return id;
  }

  put(id: number): void {
    this.backlog.put(id);
    this.room--;
    this.entering++;
  }

  /** Softirq work that ksoftirqd holds: it runs on the writer's time, at every `enter`. */
  get deferred(): boolean {
    return this.softirq.deferred;
  }

  /** Frames into the backlog, then whatever softirq is pending: netif_rx_ni, or BH-enable after netif_receive_skb. */
  enter(): void {
    if (this.entering > 0) {
      this.backlogLength.add(this.entering);
      this.entering = 0;
      this.backlog.publish();
    }
    this.softirq.raise(CONTEXT_BH_ENABLE);
  }
}
