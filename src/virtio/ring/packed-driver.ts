/**
 * The guest driver's side of a packed virtqueue (VIRTIO 1.x section 2.8; Linux drivers/virtio/virtio_ring.c,
 * virtqueue_add_packed and what follows). The order of calls, the trust in the device, and the sharing by several vCPU
 * threads under a lock are those of split-driver.ts.
 *
 * The device overwrites descriptors, so what the driver must remember of a chain lies in the token table: the token,
 * and how many slots of the ring the chain takes. Buffer ids that are free are linked through the same table.
 */
import { needEvent } from './event-suppression.ts';
import { hasFeature, VIRTIO_F_EVENT_IDX } from '../net/features.ts';
import * as layoutOf from './packed-layout.ts';
import type { DriverQueueOptions } from './split-driver.ts';
import { DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } from './split-layout.ts';

const FLAGS_SHIFT = layoutOf.PACKED_FLAGS_SHIFT;
const NEXT_LINK = DESC_F_NEXT << FLAGS_SHIFT;
const WRITE_LINK = DESC_F_WRITE << FLAGS_SHIFT;
const INDIRECT_LINK = DESC_F_INDIRECT << FLAGS_SHIFT;
const AVAIL = layoutOf.PACKED_AVAIL;
const USED = layoutOf.PACKED_USED;
const AVAIL_USED = layoutOf.PACKED_AVAIL_USED;
const ID_MASK = layoutOf.PACKED_ID_MASK;
const NONE = -1;
const NO_TOKEN = NONE;

/** Words of the token table for each entry of the ring. */
export const PACKED_TOKEN_WORDS = 2;

/** Words that `saveState` and `loadState` use, from their offset on. */
export const PACKED_STATE_WORDS = 8;
const FREE_ID_WORD = 0;
const FREE_COUNT_WORD = 1;
const NEXT_AVAIL_WORD = 2;
const LAST_USED_WORD = 3;
const UNDECIDED_WORD = 4;
const CALLBACK_DISABLED_WORD = 5;
const BROKEN_WORD = 6;

/** One packed virtqueue as its driver sees it. Not safe for two threads at once; see `saveState`. */
export class PackedDriverQueue {
  readonly layout: layoutOf.PackedLayout;
  readonly queueSize: number;
  /** Slots not in use. */
  freeCount = 0;
  /** Bytes the device wrote into the chain that `takeUsed` returned last. */
  usedLen = 0;
  /** Set when the device named a chain that is not outstanding (Linux's BAD_RING). */
  broken = false;

  private readonly i32: Int32Array;
  /** By id the token, -1 when free; then by id below zero: -slots of a chain, or -1 less the next free id. */
  private readonly tokens: Int32Array;
  private readonly eventIdx: boolean;
  private readonly descWord: number;
  private readonly driverEventWord: number;
  private readonly deviceEventWord: number;

  private freeId = 0;
  /** The next slot to fill, and what AVAIL and USED are to be there. */
  private nextAvail = 0;
  private availFlags = AVAIL;
  /** The first descriptor added since the last publish is held back: word and value. */
  private stagedWord = NONE;
  private stagedLink = 0;
  /** Slots added since the last kick decision. */
  private undecidedSlots = 0;
  /** The slot of the next used descriptor to take, and what AVAIL and USED are there once it is used. */
  private lastUsed = 0;
  private usedFlags = AVAIL_USED;
  /** How far `usedAvailable` has looked beyond that. */
  private seen = 0;
  private seenFlags = AVAIL_USED;
  private seenSlots = 0;
  private seenChains = 0;
  private callbackDisabled = false;

  /** Binds to the ring without touching it: follow with `initialise`, or with `loadState` for a ring in use. */
  constructor({ memory, layout, features, tokens }: DriverQueueOptions) {
    const fault = layoutOf.packedLayoutFault(layout, memory.sizeBytes);
    if (fault !== null) throw new RangeError(`packed virtqueue: ${fault}`);
    if (tokens.length < layout.queueSize * PACKED_TOKEN_WORDS) {
      throw new RangeError(`packed virtqueue: ${tokens.length} token words for ${layout.queueSize} descriptors`);
    }
    this.layout = layout;
    this.queueSize = layout.queueSize;
    this.i32 = memory.i32;
    this.tokens = tokens;
    this.eventIdx = hasFeature(features, VIRTIO_F_EVENT_IDX);
    this.descWord = layout.descAddr >> 2;
    this.driverEventWord = layout.availAddr >> 2;
    this.deviceEventWord = layout.usedAddr >> 2;
  }

  /**
   * Makes the ring empty, before the queue is enabled. `base` is where both sides begin: PACKED_START_BASE after a
   * device reset, anything else only where the device is told by VHOST_SET_VRING_BASE; only its lower half is looked
   * at.
   */
  initialise(base: number = layoutOf.PACKED_START_BASE): void {
    const { i32, queueSize, tokens } = this;
    const start = base & layoutOf.EVENT_OFFSET_MASK;
    const wrap = (base & layoutOf.EVENT_WRAP) !== 0;
    layoutOf.clearPackedRing(i32, this.layout, start, wrap);
    tokens.fill(NO_TOKEN, 0, queueSize);
    for (let id = 0; id < queueSize; id++) tokens[queueSize + id] = NO_TOKEN - (id + 1);
    this.freeId = 0;
    this.freeCount = queueSize;
    this.nextAvail = this.lastUsed = start;
    this.availFlags = wrap ? AVAIL : USED;
    this.usedFlags = wrap ? AVAIL_USED : 0;
    this.stagedWord = NONE;
    this.undecidedSlots = 0;
    this.callbackDisabled = false;
    this.broken = false;
    this.forgetLook();
    Atomics.store(i32, this.deviceEventWord, layoutOf.EVENT_FLAGS_ENABLE);
    this.armCallback(0);
  }

  /** Slots of chains the device holds, and of those it has used and the driver has not taken. */
  get outstanding(): number {
    return this.queueSize - this.freeCount;
  }

  /**
   * Adds one device-writable buffer. Nothing is visible to the device before `publish`.
   *
   * @param token a number of zero or more, handed back by `takeUsed`.
   * @returns the buffer id, or -1 when no slot is free.
   */
  addInBuf(addr: number, lenBytes: number, token: number): number {
    return this.addSingle(addr, lenBytes, WRITE_LINK, token);
  }

  /** Adds one device-readable buffer; otherwise as `addInBuf`. */
  addOutBuf(addr: number, lenBytes: number, token: number): number {
    return this.addSingle(addr, lenBytes, 0, token);
  }

  /**
   * Adds a chain of `outCount` device-readable, then `inCount` device-writable buffers, whose addresses and lengths
   * are the first entries of `addrs` and `lens`.
   *
   * @returns the buffer id, or -1 when too few slots are free.
   */
  addChain(addrs: Int32Array, lens: Int32Array, outCount: number, inCount: number, token: number): number {
    const count = outCount + inCount;
    if (count === 0 || this.freeCount < count) return NONE;
    for (let i = 0; i < count; i++) {
      this.place(addrs[i], lens[i], (i < outCount ? 0 : WRITE_LINK) | (i === count - 1 ? 0 : NEXT_LINK));
    }
    return this.makeAvailable(count, token);
  }

  /**
   * Adds the same kind of chain through an indirect table (section 2.8.7), which takes a single slot. The driver keeps
   * `tableAddr`, a multiple of 4, with 16 bytes a buffer untouched until the chain is used. A chain may not be longer
   * than the queue either way.
   *
   * @returns the buffer id, or -1 when no slot is free or the chain is too long.
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
    if (count === 0 || count > this.queueSize || this.freeCount === 0) return NONE;
    const i32 = this.i32;
    for (let i = 0; i < count; i++) {
      const word = (tableAddr >> 2) + i * 4;
      i32[word] = addrs[i]!;
      i32[word + 1] = 0;
      i32[word + 2] = lens[i]!;
      i32[word + 3] = i < outCount ? 0 : WRITE_LINK;
    }
    return this.addSingle(tableAddr, count * 16, INDIRECT_LINK, token);
  }

  private addSingle(addr: number, lenBytes: number, flags: number, token: number): number {
    if (this.freeCount === 0) return NONE;
    this.place(addr, lenBytes, flags);
    return this.makeAvailable(1, token);
  }

  /** Fills the next slot; all descriptors of a list carry its id. The first of a batch gets its flags at `publish`. */
  private place(addr: number, lenBytes: number, flags: number): void {
    const i32 = this.i32;
    const word = this.descWord + this.nextAvail * 4;
    const link = this.freeId | flags | this.availFlags;
    i32[word] = addr;
    i32[word + 1] = 0;
    i32[word + 2] = lenBytes;
    if (this.stagedWord === NONE) {
      this.stagedWord = word + 3;
      this.stagedLink = link;
    } else {
      i32[word + 3] = link;
    }
    if (++this.nextAvail === this.queueSize) {
      this.nextAvail = 0;
      this.availFlags ^= AVAIL_USED;
    }
  }

  private makeAvailable(slots: number, token: number): number {
    const { tokens, freeId: id } = this;
    const metaWord = this.queueSize + id;
    this.freeId = NO_TOKEN - tokens[metaWord];
    tokens[id] = token;
    tokens[metaWord] = -slots;
    this.freeCount -= slots;
    this.undecidedSlots += slots;
    return id;
  }

  /** Makes all chains added so far visible to the device: once a batch, then ask `shouldKick`. */
  publish(): void {
    if (this.stagedWord === NONE) return;
    Atomics.store(this.i32, this.stagedWord, this.stagedLink);
    this.stagedWord = NONE;
  }

  /**
   * Whether the device must be kicked for what was published since this was last asked (virtqueue_kick_prepare_packed).
   * Ask after every `publish`: by sequential consistency either this sees the device's request or it sees the chains.
   */
  shouldKick(): boolean {
    const slots = Math.min(this.undecidedSlots, this.queueSize);
    if (slots === 0) return false;
    this.undecidedSlots = 0;
    const event = Atomics.load(this.i32, this.deviceEventWord);
    const kind = event & layoutOf.EVENT_FLAGS_MASK;
    if (kind !== layoutOf.EVENT_FLAGS_DESC) return kind !== layoutOf.EVENT_FLAGS_DISABLE;
    let at = event & layoutOf.EVENT_OFFSET_MASK;
    if (((event & layoutOf.EVENT_WRAP) !== 0) !== (this.availFlags === AVAIL)) at -= this.queueSize;
    return needEvent(at, this.nextAvail, this.nextAvail - slots);
  }

  /** Chains the device has given back, each looked at once. Then call `takeUsed` at most that many times. */
  usedAvailable(): number {
    if (this.broken) return 0;
    const { i32, tokens, queueSize, descWord } = this;
    while (this.seenSlots < this.outstanding) {
      const link = Atomics.load(i32, descWord + this.seen * 4 + 3);
      if ((link & AVAIL_USED) !== this.seenFlags) break;
      const id = link & ID_MASK;
      if (id >= queueSize || tokens[id] === NO_TOKEN) {
        this.broken = true;
        return 0;
      }
      const slots = -tokens[queueSize + id];
      this.seen += slots;
      if (this.seen >= queueSize) {
        this.seen -= queueSize;
        this.seenFlags ^= AVAIL_USED;
      }
      this.seenSlots += slots;
      this.seenChains++;
    }
    return this.seenChains;
  }

  /**
   * Takes the next used chain and frees its slots; `usedLen` is then what the device wrote. Only for entries that
   * `usedAvailable` counted.
   *
   * @returns the chain's token, or -1 if the device named a chain that is not outstanding (the queue is then `broken`).
   */
  takeUsed(): number {
    const { i32, tokens, queueSize } = this;
    const word = this.descWord + this.lastUsed * 4;
    const link = i32[word + 3];
    const id = link & ID_MASK;
    const token = id < queueSize ? tokens[id] : NO_TOKEN;
    if (token === NO_TOKEN) {
      this.broken = true;
      return NO_TOKEN;
    }
    // The length of a used descriptor without the WRITE flag is reserved (section 2.8.4).
    this.usedLen = (link & WRITE_LINK) === 0 ? 0 : i32[word + 2];
    const slots = this.release(id);
    this.lastUsed += slots;
    if (this.lastUsed >= queueSize) {
      this.lastUsed -= queueSize;
      this.usedFlags ^= AVAIL_USED;
    }
    this.seenSlots -= slots;
    this.seenChains--;
    return token;
  }

  /** Tokens of the chains that `usedAvailable` counts, in order, left where they are: for stock-taking. */
  usedTokens(): number[] {
    let slot = this.lastUsed;
    return Array.from({ length: this.usedAvailable() }, () => {
      const id = this.i32[this.descWord + slot * 4 + 3] & ID_MASK;
      slot = (slot - this.tokens[this.queueSize + id]) % this.queueSize;
      return this.tokens[id];
    });
  }

  /** Puts an id in front of the free list (detach_buf_packed). @returns the slots its chain took. */
  private release(id: number): number {
    const metaWord = this.queueSize + id;
    const slots = -this.tokens[metaWord];
    this.tokens[id] = NO_TOKEN;
    this.tokens[metaWord] = NO_TOKEN - this.freeId;
    this.freeId = id;
    this.freeCount += slots;
    return slots;
  }

  /** Takes back one chain that was never used: its token, or -1 when none is left (virtqueue_detach_unused_buf). */
  detachUnused(): number {
    for (let id = 0; id < this.queueSize; id++) {
      const token = this.tokens[id];
      if (token === NO_TOKEN) continue;
      this.release(id);
      return token;
    }
    return NO_TOKEN;
  }

  /** Asks for no calls: a hint, so a call may still come (virtqueue_disable_cb_packed). */
  disableCallback(): void {
    if (this.callbackDisabled) return;
    this.callbackDisabled = true;
    Atomics.store(this.i32, this.driverEventWord, layoutOf.EVENT_FLAGS_DISABLE);
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
   * Asks for a call when three quarters of the outstanding slots are used (virtqueue_enable_cb_delayed_packed). Without
   * EVENT_IDX the device calls at the next chain all the same.
   *
   * @returns false when that many are used already.
   */
  enableCallbackDelayed(): boolean {
    return this.armCallback((this.outstanding * 3) >> 2);
  }

  private armCallback(delaySlots: number): boolean {
    this.callbackDisabled = false;
    let event = layoutOf.EVENT_FLAGS_ENABLE;
    if (this.eventIdx) {
      const at = this.lastUsed + delaySlots;
      const sameLap = at < this.queueSize;
      const wrap = (this.usedFlags !== 0) === sameLap ? layoutOf.EVENT_WRAP : 0;
      event = layoutOf.EVENT_FLAGS_DESC | wrap | (sameLap ? at : at - this.queueSize);
    }
    Atomics.store(this.i32, this.driverEventWord, event);
    this.usedAvailable();
    return this.seenSlots <= delaySlots;
  }

  private forgetLook(): void {
    this.seen = this.lastUsed;
    this.seenFlags = this.usedFlags;
    this.seenSlots = this.seenChains = 0;
  }

  /** Writes the private state to `words`; the caller holds the ring's lock and has published what it added. */
  saveState(words: Int32Array, offsetWord: number): void {
    words[offsetWord + FREE_ID_WORD] = this.freeId;
    words[offsetWord + FREE_COUNT_WORD] = this.freeCount;
    words[offsetWord + NEXT_AVAIL_WORD] = this.nextAvail | (this.availFlags === AVAIL ? layoutOf.EVENT_WRAP : 0);
    words[offsetWord + LAST_USED_WORD] = this.lastUsed | (this.usedFlags !== 0 ? layoutOf.EVENT_WRAP : 0);
    words[offsetWord + UNDECIDED_WORD] = this.undecidedSlots;
    words[offsetWord + CALLBACK_DISABLED_WORD] = this.callbackDisabled ? 1 : 0;
    words[offsetWord + BROKEN_WORD] = this.broken ? 1 : 0;
  }

  /** Takes over the state that the ring's last user saved; the caller holds the ring's lock. */
  loadState(words: Int32Array, offsetWord: number): void {
    const nextAvail = words[offsetWord + NEXT_AVAIL_WORD];
    const lastUsed = words[offsetWord + LAST_USED_WORD];
    this.freeId = words[offsetWord + FREE_ID_WORD]!;
    this.freeCount = words[offsetWord + FREE_COUNT_WORD]!;
    this.nextAvail = nextAvail & layoutOf.EVENT_OFFSET_MASK;
    this.availFlags = (nextAvail & layoutOf.EVENT_WRAP) !== 0 ? AVAIL : USED;
    this.lastUsed = lastUsed & layoutOf.EVENT_OFFSET_MASK;
    this.usedFlags = (lastUsed & layoutOf.EVENT_WRAP) !== 0 ? AVAIL_USED : 0;
    this.undecidedSlots = words[offsetWord + UNDECIDED_WORD]!;
    this.callbackDisabled = words[offsetWord + CALLBACK_DISABLED_WORD] !== 0;
    this.broken = words[offsetWord + BROKEN_WORD] !== 0;
    this.forgetLook();
  }
}
