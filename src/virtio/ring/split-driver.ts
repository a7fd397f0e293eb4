/**
 * The guest driver's side of a split virtqueue (VIRTIO 1.x section 2.7; Linux drivers/virtio/virtio_ring.c). Buffers
 * are added, the available index is published once a batch, and one kick decision follows; used buffers come back in
 * batches. The driver trusts its device no further than not to be led outside its own tables.
 *
 * Free descriptors are linked through the `next` field of the descriptor table, as Linux links them, and tokens lie in
 * guest memory, so the whole state is guest memory plus the few words of `saveState`: several vCPU threads of one guest
 * may each hold a SplitDriverQueue over the same ring and use it in turn under a lock.
 */
import { needEvent } from './event-suppression.ts';
import { hasFeature, VIRTIO_F_EVENT_IDX } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import * as layoutOf from './split-layout.ts';

const NEXT = layoutOf.DESC_F_NEXT;
const WRITE = layoutOf.DESC_F_WRITE;
const INDIRECT = layoutOf.DESC_F_INDIRECT;
const NEXT_MASK = 0xffff0000 | 0;
const NO_TOKEN = -1;

/** Words that `saveState` and `loadState` use, from their offset on. */
export const DRIVER_STATE_WORDS = 8;
const FREE_HEAD_WORD = 0;
const FREE_COUNT_WORD = 1;
const AVAIL_IDX_WORD = 2;
const LAST_USED_IDX_WORD = 3;
const KICK_DECIDED_IDX_WORD = 4;
const CALLBACK_DISABLED_WORD = 5;
const BROKEN_WORD = 6;

/**
 * What a driver-side virtqueue is built from. `tokens` is shared with the ring's other users and has one word a
 * descriptor here, PACKED_TOKEN_WORDS in a packed ring.
 */
export interface DriverQueueOptions {
  readonly memory: GuestMemory;
  readonly layout: layoutOf.SplitLayout;
  readonly features: FeatureSet;
  readonly tokens: Int32Array;
}

/** One split virtqueue as its driver sees it. Not safe for two threads at once; see `saveState`. */
export class SplitDriverQueue {
  readonly layout: layoutOf.SplitLayout;
  readonly queueSize: number;
  /** Descriptors not in use. */
  freeCount = 0;
  /** Bytes the device wrote into the chain that `takeUsed` returned last. */
  usedLen = 0;
  /** Set when the device named a chain that is not outstanding, or moved its index too far (Linux's BAD_RING). */
  broken = false;

  private readonly u16: Uint16Array;
  private readonly i32: Int32Array;
  private readonly tokens: Int32Array;
  private readonly eventIdx: boolean;
  private readonly mask: number;
  private readonly descWord: number;
  private readonly availHalf: number;
  private readonly availIdxHalf: number;
  private readonly availRingHalf: number;
  private readonly usedEventHalf: number;
  private readonly usedFlagsHalf: number;
  private readonly usedIdxHalf: number;
  private readonly usedRingWord: number;
  private readonly availEventHalf: number;

  private freeHead = 0;
  private availIdx = 0;
  private lastUsedIdx = 0;
  /** Available index at the last kick decision: the `old` of vring_need_event. */
  private kickDecidedIdx = 0;
  private callbackDisabled = false;

  /** Binds to the ring without touching it: follow with `initialise`, or with `loadState` for a ring in use. */
  constructor({ memory, layout, features, tokens }: DriverQueueOptions) {
    const fault = layoutOf.splitLayoutFault(layout, memory.sizeBytes);
    if (fault !== null) throw new RangeError(`split virtqueue: ${fault}`);
    if (tokens.length < layout.queueSize) {
      throw new RangeError(`split virtqueue: ${tokens.length} tokens for ${layout.queueSize} descriptors`);
    }
    this.layout = layout;
    this.queueSize = layout.queueSize;
    this.u16 = memory.u16;
    this.i32 = memory.i32;
    this.tokens = tokens;
    this.eventIdx = hasFeature(features, VIRTIO_F_EVENT_IDX);
    this.mask = layout.queueSize - 1;
    this.descWord = layout.descAddr >> 2;
    this.availHalf = layout.availAddr >> 1;
    this.availIdxHalf = this.availHalf + (layoutOf.AVAIL_IDX_BYTE >> 1);
    this.availRingHalf = this.availHalf + (layoutOf.AVAIL_RING_BYTE >> 1);
    this.usedEventHalf = this.availHalf + (layoutOf.usedEventByte(layout.queueSize) >> 1);
    this.usedFlagsHalf = layout.usedAddr >> 1;
    this.usedIdxHalf = this.usedFlagsHalf + (layoutOf.USED_IDX_BYTE >> 1);
    this.usedRingWord = (layout.usedAddr + layoutOf.USED_RING_BYTE) >> 2;
    this.availEventHalf = this.usedFlagsHalf + (layoutOf.availEventByte(layout.queueSize) >> 1);
  }

  /**
   * Makes the ring empty, before the queue is enabled. Both indices start at `startIdx`: zero after a device reset,
   * anything else only where the device is told by VHOST_SET_VRING_BASE.
   */
  initialise(startIdx = 0): void {
    const { u16, i32, queueSize, descWord } = this;
    for (let id = 0; id < queueSize; id++) {
      const word = descWord + id * 4;
      i32.fill(0, word, word + 3);
      i32[word + 3] = ((id + 1) & this.mask) << 16;
    }
    this.tokens.fill(NO_TOKEN, 0, queueSize);
    u16.fill(0, this.availHalf, this.usedEventHalf + 1);
    u16.fill(0, this.usedFlagsHalf, this.availEventHalf + 1);
    this.freeHead = 0;
    this.freeCount = queueSize;
    this.availIdx = this.lastUsedIdx = this.kickDecidedIdx = startIdx & 0xffff;
    this.callbackDisabled = false;
    this.broken = false;
    Atomics.store(u16, this.usedEventHalf, this.eventIdx ? this.availIdx : 0);
    Atomics.store(u16, this.usedIdxHalf, this.availIdx);
    Atomics.store(u16, this.availIdxHalf, this.availIdx);
  }

  /** Chains the device holds, plus those it has used and the driver has not taken. */
  get outstanding(): number {
    return (this.availIdx - this.lastUsedIdx) & 0xffff;
  }

  /**
   * Adds one device-writable buffer. Nothing is visible to the device before `publish`.
   *
   * @param token a number of zero or more, handed back by `takeUsed`.
   * @returns the descriptor id, or -1 when no descriptor is free.
   */
  addInBuf(addr: number, lenBytes: number, token: number): number {
    return this.addSingle(addr, lenBytes, WRITE, token);
  }

  /** Adds one device-readable buffer; otherwise as `addInBuf`. */
  addOutBuf(addr: number, lenBytes: number, token: number): number {
    return this.addSingle(addr, lenBytes, 0, token);
  }

  /**
   * Adds a chain of `outCount` device-readable, then `inCount` device-writable buffers, whose addresses and lengths
   * are the first entries of `addrs` and `lens`.
   *
   * @returns the head's descriptor id, or -1 when too few descriptors are free.
   */
  addChain(addrs: Int32Array, lens: Int32Array, outCount: number, inCount: number, token: number): number {
    const count = outCount + inCount;
    if (count === 0 || this.freeCount < count) return -1;
    const { i32, descWord } = this;
    const head = this.freeHead;
    let id = head;
    for (let i = 0; i < count; i++) {
      const word = descWord + id * 4;
      const link = i32[word + 3];
      i32[word] = addrs[i]!;
      i32[word + 1] = 0;
      i32[word + 2] = lens[i]!;
      i32[word + 3] = (link & NEXT_MASK) | (i < outCount ? 0 : WRITE) | (i === count - 1 ? 0 : NEXT);
      id = link >>> 16;
    }
    this.freeHead = id;
    this.freeCount -= count;
    this.makeAvailable(head, token);
    return head;
  }

  /**
   * Adds the same kind of chain through an indirect table (section 2.7.5.3), which takes a single descriptor. The
   * driver keeps `tableAddr`, a multiple of 4, with 16 bytes a buffer untouched until the chain is used. A chain may
   * not be longer than the queue either way (section 2.7.5.3.1).
   *
   * @returns the descriptor id, or -1 when no descriptor is free or the chain is too long.
   */
  addIndirect(
    tableAddr: number,
    addrs: Int32Array,
    lens: Int32Array,
    outCount: number,
    inCount: number,
    token: number,
  ): number {
    const count = outCount + inCount;
    if (count === 0 || count > this.queueSize || this.freeCount === 0) return -1;
    const i32 = this.i32;
    for (let i = 0; i < count; i++) {
      const word = (tableAddr >> 2) + i * 4;
      const last = i === count - 1;
      i32[word] = addrs[i]!;
      i32[word + 1] = 0;
      i32[word + 2] = lens[i]!;
      i32[word + 3] = (i < outCount ? 0 : WRITE) | (last ? 0 : NEXT | ((i + 1) << 16));
    }
    return this.addSingle(tableAddr, count * 16, INDIRECT, token);
  }

  private addSingle(addr: number, lenBytes: number, flags: number, token: number): number {
    if (this.freeCount === 0) return -1;
    const i32 = this.i32;
    const id = this.freeHead;
    const word = this.descWord + id * 4;
    const link = i32[word + 3];
    i32[word] = addr;
    i32[word + 1] = 0;
    i32[word + 2] = lenBytes;
    i32[word + 3] = (link & NEXT_MASK) | flags;
    this.freeHead = link >>> 16;
    this.freeCount--;
    this.makeAvailable(id, token);
    return id;
  }

  private makeAvailable(head: number, token: number): void {
    this.tokens[head] = token;
    this.u16[this.availRingHalf + (this.availIdx & this.mask)] = head;
    this.availIdx = (this.availIdx + 1) & 0xffff;
  }

  /** Makes all chains added so far visible to the device: once a batch, then ask `shouldKick`. */
  publish(): void {
    Atomics.store(this.u16, this.availIdxHalf, this.availIdx);
  }

  /**
   * Whether the device must be kicked for what was published since the last time this was asked
   * (virtqueue_kick_prepare). Ask after every `publish`: the store there and the load here are sequentially consistent,
   * so that either this side sees the device's request for a kick or the device's second look sees the chains.
   */
  shouldKick(): boolean {
    const old = this.kickDecidedIdx;
    this.kickDecidedIdx = this.availIdx;
    if (old === this.availIdx) return false;
    if (this.eventIdx) return needEvent(Atomics.load(this.u16, this.availEventHalf), this.availIdx, old);
    return (Atomics.load(this.u16, this.usedFlagsHalf) & layoutOf.USED_F_NO_NOTIFY) === 0;
  }

  /** Chains the device has given back: one atomic load. Then call `takeUsed` at most that many times. */
  usedAvailable(): number {
    if (this.broken) return 0;
    const count = (Atomics.load(this.u16, this.usedIdxHalf) - this.lastUsedIdx) & 0xffff;
    if (count <= this.outstanding) return count;
    this.broken = true;
    return 0;
  }

  /**
   * Takes the next used chain and frees its descriptors; `usedLen` is then what the device wrote. Only for entries that
   * `usedAvailable` counted.
   *
   * @returns the chain's token, or -1 if the device named a chain that is not outstanding (the queue is then `broken`).
   */
  takeUsed(): number {
    const i32 = this.i32;
    const slotWord = this.usedRingWord + (this.lastUsedIdx & this.mask) * 2;
    const head = i32[slotWord];
    const token = head >= 0 && head < this.queueSize ? this.tokens[head] : NO_TOKEN;
    if (token === NO_TOKEN) {
      this.broken = true;
      return NO_TOKEN;
    }
    this.usedLen = i32[slotWord + 1]!;
    this.lastUsedIdx = (this.lastUsedIdx + 1) & 0xffff;
    this.release(head);
    return token;
  }

  /** Tokens of the chains that `usedAvailable` counts, in order, left where they are: for stock-taking. */
  usedTokens(): number[] {
    return Array.from({ length: this.usedAvailable() }, (_, i) => {
      const head = this.i32[this.usedRingWord + ((this.lastUsedIdx + i) & this.mask) * 2];
      return this.tokens[head] ?? NO_TOKEN;
    });
  }

  /** Puts a chain's descriptors in front of the free list (detach_buf). */
  private release(head: number): void {
    const i32 = this.i32;
    this.tokens[head] = NO_TOKEN;
    let linkWord = this.descWord + head * 4 + 3;
    let link = i32[linkWord];
    let count = 1;
    while ((link & NEXT) !== 0) {
      linkWord = this.descWord + (link >>> 16) * 4 + 3;
      link = i32[linkWord]!;
      count++;
    }
    i32[linkWord] = (this.freeHead << 16) | (link & 0xffff);
    this.freeHead = head;
    this.freeCount += count;
  }

  /**
   * Takes back one chain that was never used, once the device is reset or detached (virtqueue_detach_unused_buf).
   *
   * @returns its token, or -1 when none is left; then `initialise` before the ring is used again.
   */
  detachUnused(): number {
    for (let head = 0; head < this.queueSize; head++) {
      const token = this.tokens[head];
      if (token === NO_TOKEN) continue;
      this.release(head);
      return token;
    }
    return NO_TOKEN;
  }

  /**
   * Asks for no calls: a hint, so a call may still come (sections 2.7.7.1). Under EVENT_IDX the stale event says it.
   */
  disableCallback(): void {
    if (this.callbackDisabled) return;
    this.callbackDisabled = true;
    if (!this.eventIdx) Atomics.store(this.u16, this.availHalf, layoutOf.AVAIL_F_NO_INTERRUPT);
  }

  /**
   * Asks for a call at the next used chain, then looks again.
   *
   * @returns true when the driver may sleep; false when chains are already waiting, and it should poll instead.
   */
  enableCallback(): boolean {
    return this.armCallback(0);
  }

  /**
   * Asks for a call when three quarters of the outstanding chains are used (virtqueue_enable_cb_delayed in Linux 3.13).
   * Without EVENT_IDX the device calls at the next chain all the same.
   *
   * @returns false when that many are used already.
   */
  enableCallbackDelayed(): boolean {
    return this.armCallback((this.outstanding * 3) >> 2);
  }

  private armCallback(delay: number): boolean {
    this.callbackDisabled = false;
    if (this.eventIdx) Atomics.store(this.u16, this.usedEventHalf, (this.lastUsedIdx + delay) & 0xffff);
    else Atomics.store(this.u16, this.availHalf, 0);
    return ((Atomics.load(this.u16, this.usedIdxHalf) - this.lastUsedIdx) & 0xffff) <= delay;
  }

  /** Writes the private state to `words`; the caller holds the ring's lock and has published what it added. */
  saveState(words: Int32Array, offsetWord: number): void {
    words[offsetWord + FREE_HEAD_WORD] = this.freeHead;
    words[offsetWord + FREE_COUNT_WORD] = this.freeCount;
    words[offsetWord + AVAIL_IDX_WORD] = this.availIdx;
    words[offsetWord + LAST_USED_IDX_WORD] = this.lastUsedIdx;
    words[offsetWord + KICK_DECIDED_IDX_WORD] = this.kickDecidedIdx;
    words[offsetWord + CALLBACK_DISABLED_WORD] = this.callbackDisabled ? 1 : 0;
    words[offsetWord + BROKEN_WORD] = this.broken ? 1 : 0;
  }

  /** Takes over the state that the ring's last user saved; the caller holds the ring's lock. */
  loadState(words: Int32Array, offsetWord: number): void {
    this.freeHead = words[offsetWord + FREE_HEAD_WORD]!;
    this.freeCount = words[offsetWord + FREE_COUNT_WORD]!;
    this.availIdx = words[offsetWord + AVAIL_IDX_WORD]!;
    this.lastUsedIdx = words[offsetWord + LAST_USED_IDX_WORD]!;
    this.kickDecidedIdx = words[offsetWord + KICK_DECIDED_IDX_WORD]!;
    this.callbackDisabled = words[offsetWord + CALLBACK_DISABLED_WORD] !== 0;
    this.broken = words[offsetWord + BROKEN_WORD] !== 0;
  }
}
