/**
 * virtio-net's receive and transmit queue as the guest driver uses them (drivers/net/virtio_net.c, v3.13): receive
 * buffers posted up to the ring's size and refilled below half of it; transmit through a queue discipline of its own,
 * used buffers freed at the next transmission, the queue stopped when descriptors run short.
 */
import type { Memory, Region } from '../../memory/arena.ts';
import { FrameFifo } from '../../memory/frame-fifo.ts';
import type { Magazine } from '../../memory/magazine.ts';
import { SpinLock } from '../../memory/spin-lock.ts';
import { hasFeature, VIRTIO_NET_F_MRG_RXBUF } from './features.ts';
import type { FeatureSet } from './features.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import { NET_HEADER_BYTES, netHeaderBuffers } from './net-header.ts';
import { createDriverQueue, QUEUE_STATE_WORDS } from '../ring/ring-format.ts';
import type { DriverQueue } from '../ring/ring-format.ts';
import type { SplitLayout } from '../ring/split-layout.ts';

/** Room for a full Ethernet frame and its header: VIRTIO 1.x section 5.1.6.3.1, 1,526 bytes without large receive. */
export const RX_BUFFER_BYTES = 1526;
/** A mergeable buffer: MERGE_BUFFER_LEN, drivers/net/virtio_net.c, v3.13. Any frame may take several. */
export const MERGE_BUFFER_BYTES = 1536;
/** Descriptors below which transmission stops: 2 + MAX_SKB_FRAGS (start_xmit, drivers/net/virtio_net.c). */
export const TX_STOP_DESCRIPTORS = 19;

/** Words of a queue's saved state: the driver's; for a transmit queue then how many of its users wait for a call. */
export const RX_STATE_WORDS: number = QUEUE_STATE_WORDS;
export const TX_STATE_WORDS: number = QUEUE_STATE_WORDS + 1;
const WAITERS_WORD = QUEUE_STATE_WORDS;

/** Where a queue lies in guest memory: the ring, and the driver's token table. */
export interface GuestQueueRef {
  readonly layout: SplitLayout;
  readonly tokens: Region;
}

/** A receive queue, with the state that the vCPU which makes the ring empty leaves to the one that serves it. */
export interface GuestRxQueueRef extends GuestQueueRef {
  readonly state: Region;
  /** Bytes from the beginning of one guest buffer to that of the next; what is posted is less. */
  readonly bufferStrideBytes: number;
}

/** A transmit queue that several vCPUs may share: the ring, its lock (__netif_tx_lock) and the saved state. */
export interface GuestTxQueueRef extends GuestQueueRef {
  readonly lock: Region;
  readonly state: Region;
  /** Frames the queue discipline holds while the ring is full: dev->tx_queue_len, ether_setup(): 1,000. */
  readonly qdiscFrames: number;
}

function bind(memory: Memory, guest: GuestMemory, ref: GuestQueueRef, layout: SplitLayout, features: FeatureSet) {
  return createDriverQueue({ memory: guest, layout, features, tokens: memory.words(ref.tokens) });
}

/** Receive side of one queue pair, served by one vCPU. Buffers are named by their guest address. */
export class NetRxQueue {
  readonly queue: DriverQueue;
  /** Bytes of header and frame in the buffer that `take` returned last; -1 when the device must be mistaken. */
  takenBytes = 0;
  private readonly guest: GuestMemory;
  private readonly buffers: Magazine;
  private readonly mergeable: boolean;
  /** Bytes of a buffer that are posted, and that there are. */
  private readonly postedBytes: number;
  private readonly roomBytes: number;
  private readonly refillBelow: number;

  constructor(
    memory: Memory,
    guest: GuestMemory,
    ref: GuestRxQueueRef,
    layout: SplitLayout,
    features: FeatureSet,
    buffers: Magazine,
  ) {
    this.queue = bind(memory, guest, ref, layout, features);
    this.queue.loadState(memory.words(ref.state), 0);
    this.guest = guest;
    this.buffers = buffers;
    this.mergeable = hasFeature(features, VIRTIO_NET_F_MRG_RXBUF);
    this.postedBytes = this.mergeable ? MERGE_BUFFER_BYTES : RX_BUFFER_BYTES;
    this.roomBytes = ref.bufferStrideBytes;
    this.refillBelow = (layout.queueSize + 1) >> 1;
  }

  /** Posts buffers when fewer than half of the ring are posted (virtnet_poll, v3.13). @returns whether to kick. */
  refill(): boolean {
    const queue = this.queue;
    const wanted = queue.freeCount;
    if (!this.starved) return false;
    const n = Math.min(wanted, this.buffers.available(wanted));
    if (n === 0) return false;
    for (let i = 0; i < n; i++) {
      const addr = this.buffers.take();
      queue.addInBuf(addr, this.postedBytes, addr);
    }
    queue.publish();
    return queue.shouldKick();
  }

  /**
   * The next received frame, in one buffer: at most as many as `queue.usedAvailable` counts, since it may have lain in
   * several.
   *
   * @returns the buffer's address, or -1 when there is none or the device broke the ring.
   */
  take(): number {
    const { queue } = this;
    if (this.mergeable && queue.usedAvailable() === 0) return -1;
    const addr = queue.takeUsed();
    this.takenBytes = queue.usedLen <= this.postedBytes ? queue.usedLen : -1;
    if (addr < 0 || !this.mergeable) return addr;
    const count = netHeaderBuffers(this.guest, addr);
    return count === 1 ? addr : this.merge(addr, count - 1);
  }

  /**
   * Puts the rest of a frame, from `more` further buffers, behind its beginning: each guest buffer has room for the
   * longest frame, of which only the first bytes are posted. One copy makes the frame what functions and transmission
   * work on, a single piece. (Linux's receive_mergeable hangs the buffers on the skb as fragments instead.)
   */
  private merge(addr: number, more: number): number {
    const { queue, guest } = this;
    for (let i = 0; i < more; i++) {
      const next = queue.usedAvailable() === 0 ? -1 : queue.takeUsed();
      if (next < 0) {
        this.takenBytes = -1;
        return addr;
      }
      const end = this.takenBytes + queue.usedLen;
      if (this.takenBytes >= 0 && queue.usedLen <= this.postedBytes && end <= this.roomBytes) {
        guest.u8.copyWithin(addr + this.takenBytes, next, next + queue.usedLen);
        this.takenBytes = end;
      } else {
        this.takenBytes = -1;
      }
      this.buffers.put(next);
    }
    return addr;
  }

  /** Frames that wait to be taken, for stock-taking. */
  framesWaiting(): number {
    const tokens = this.queue.usedTokens();
    if (!this.mergeable) return tokens.length;
    let frames = 0;
    for (let i = 0; i < tokens.length; i += Math.max(1, netHeaderBuffers(this.guest, tokens[i]))) frames++;
    return frames;
  }

  /** True while fewer than half of the ring are posted; after `refill`, because buffers were short. */
  get starved(): boolean {
    return this.queue.queueSize - this.queue.freeCount < this.refillBelow;
  }
}

/** Transmit side of one queue pair as one vCPU uses it; vCPUs that share the ring do so under its lock. */
export class NetTxQueue {
  private readonly queue: DriverQueue;
  private readonly guest: GuestMemory;
  private readonly buffers: Magazine;
  private readonly lock: SpinLock;
  private readonly state: Int32Array;
  private readonly qdisc: FrameFifo;
  private waiting = false;
  /** Frames handed to the device since the owner last looked. */
  sent = 0;
  /** Times the lock was found taken by another vCPU. */
  contended = 0;

  constructor(
    memory: Memory,
    guest: GuestMemory,
    ref: GuestTxQueueRef,
    layout: SplitLayout,
    features: FeatureSet,
    buffers: Magazine,
  ) {
    this.queue = bind(memory, guest, ref, layout, features);
    this.guest = guest;
    this.buffers = buffers;
    this.lock = new SpinLock(memory, ref.lock);
    this.state = memory.words(ref.state);
    this.qdisc = new FrameFifo(ref.qdiscFrames);
  }

  /** Frames waiting in the queue discipline. */
  get backlog(): number {
    return this.qdisc.count;
  }

  /** Queues a frame for transmission; false when the queue discipline is full and the caller must drop it. */
  enqueue(addr: number, length: number): boolean {
    return this.qdisc.push(addr, length);
  }

  /**
   * Frees what the device has sent and moves frames to the ring, one batch under the lock. Left-over frames wait for a
   * call at three quarters of the outstanding ones (virtqueue_enable_cb_delayed). @returns whether to kick.
   */
  flush(): boolean {
    if (!this.lock.tryAcquire()) {
      this.contended++;
      return false;
    }
    const { queue, qdisc } = this;
    queue.loadState(this.state, 0);
    this.reclaim();
    let added = 0;
    while (qdisc.count > 0 && queue.freeCount >= TX_STOP_DESCRIPTORS) {
      const { addr } = qdisc;
      // VIRTIO 1.x section 5.1.6.2.1: the driver sets num_buffers to zero; flags and gso_type are zero as received.
      this.guest.i32[(addr >> 2) + 2] = 0;
      queue.addOutBuf(addr, qdisc.bytes + NET_HEADER_BYTES, addr);
      qdisc.shift();
      added++;
    }
    let kick = false;
    if (added > 0) {
      queue.publish();
      kick = queue.shouldKick();
      this.sent += added;
    }
    this.wait(qdisc.count > 0);
    // The ring's other users may wait for a call: only the last one takes the request back.
    if (qdisc.count > 0) queue.enableCallbackDelayed();
    else if (this.state[WAITERS_WORD] === 0) queue.disableCallback();
    queue.saveState(this.state, 0);
    this.lock.release();
    return kick;
  }

  /** Notes under the lock whether this user wants the next call. */
  private wait(waiting: boolean): void {
    if (waiting === this.waiting) return;
    this.waiting = waiting;
    this.state[WAITERS_WORD] += waiting ? 1 : -1;
  }

  /** Frees the buffers of frames the device has sent (free_old_xmit_skbs). */
  private reclaim(): void {
    const queue = this.queue;
    for (let n = queue.usedAvailable(); n > 0; n--) {
      const addr = queue.takeUsed();
      if (addr < 0) return;
      this.buffers.put(addr);
    }
  }

  /**
   * Before sleeping with frames or a receive ring waiting for descriptors or buffers: asks for a call, looks again.
   * @returns false when there is something to do now.
   */
  arm(): boolean {
    if (!this.lock.tryAcquire()) return false;
    const queue = this.queue;
    queue.loadState(this.state, 0);
    const quiet = queue.enableCallbackDelayed();
    this.wait(quiet);
    if (!quiet) this.reclaim();
    queue.saveState(this.state, 0);
    this.lock.release();
    return quiet;
  }

  /** Buffers waiting in the queue discipline, for stock-taking. */
  waitingBuffers(): number[] {
    return this.qdisc.entries();
  }
}

/** Makes a ring empty and saves its state, by the vCPU that sets it up, before any vCPU uses it. */
export function initialiseRing(
  memory: Memory,
  guest: GuestMemory,
  ref: GuestRxQueueRef | GuestTxQueueRef,
  layout: SplitLayout,
  features: FeatureSet,
): void {
  const queue = bind(memory, guest, ref, layout, features);
  queue.initialise();
  queue.saveState(memory.words(ref.state), 0);
}
