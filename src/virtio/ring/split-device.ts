/**
 * The device's side of a split virtqueue (VIRTIO 1.x section 2.7; Linux drivers/vhost/vhost.c). Nothing in guest memory
 * is trusted: each word is read once, checked, and copied out, because the guest may rewrite it meanwhile. A guest that
 * breaks the rules breaks this queue (`broken` holds the code) and nothing else; nothing here throws once built.
 *
 * A batch is: `availCount`, that many `pop`, `pushUsed` for each, one `publishUsed`, one `shouldCall`. Before sleeping:
 * `enableNotify`, and poll again when it answers true.
 */
import { needEvent } from './event-suppression.ts';
import { hasFeature, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_NOTIFY_ON_EMPTY } from '../net/features.ts';
import type { DeviceQueueOptions } from './device-chain.ts';
import { DeviceChain } from './device-chain.ts';
import * as layoutOf from './split-layout.ts';
import * as errors from './virtqueue-error.ts';

const NEXT = layoutOf.DESC_F_NEXT;
const WRITE = layoutOf.DESC_F_WRITE;
const INDIRECT = layoutOf.DESC_F_INDIRECT;
const NEXT_OR_INDIRECT = NEXT | INDIRECT;
const EMPTY = errors.VQ_EMPTY;

/** One split virtqueue as its device sees it. One thread only. */
export class SplitDeviceQueue extends DeviceChain {
  private readonly u16: Uint16Array;
  private readonly i32: Int32Array;
  private readonly eventIdx: boolean;
  private readonly indirect: boolean;
  private readonly notifyOnEmpty: boolean;
  private readonly mask: number;
  private readonly descWord: number;
  private readonly availFlagsHalf: number;
  private readonly availIdxHalf: number;
  private readonly availRingHalf: number;
  private readonly usedEventHalf: number;
  private readonly usedFlagsHalf: number;
  private readonly usedIdxHalf: number;
  private readonly usedRingWord: number;
  private readonly availEventHalf: number;

  /** The driver's index as last looked at; may lag it. */
  private availIdxSeen = 0;
  private lastAvail = 0;
  private usedIdx = 0;
  private publishedUsedIdx = 0;
  /** Used index at the last call decision, meaningful only while `signalledUsedValid`. */
  private signalledUsed = 0;
  private signalledUsedValid = false;
  private notifyDisabled = false;

  /** @throws RangeError when the ring or the regions lie outside the memory: set-up has to refuse that before. */
  constructor(options: DeviceQueueOptions) {
    const { memory, layout, features } = options;
    super(options, layoutOf.splitLayoutFault(layout, memory.sizeBytes));
    this.u16 = memory.u16;
    this.i32 = memory.i32;
    this.eventIdx = hasFeature(features, VIRTIO_F_EVENT_IDX);
    this.indirect = hasFeature(features, VIRTIO_F_INDIRECT_DESC);
    this.notifyOnEmpty = hasFeature(features, VIRTIO_F_NOTIFY_ON_EMPTY);
    this.mask = layout.queueSize - 1;
    this.descWord = layout.descAddr >> 2;
    this.availFlagsHalf = layout.availAddr >> 1;
    this.availIdxHalf = this.availFlagsHalf + (layoutOf.AVAIL_IDX_BYTE >> 1);
    this.availRingHalf = this.availFlagsHalf + (layoutOf.AVAIL_RING_BYTE >> 1);
    this.usedEventHalf = this.availFlagsHalf + (layoutOf.usedEventByte(layout.queueSize) >> 1);
    this.usedFlagsHalf = layout.usedAddr >> 1;
    this.usedIdxHalf = this.usedFlagsHalf + (layoutOf.USED_IDX_BYTE >> 1);
    this.usedRingWord = (layout.usedAddr + layoutOf.USED_RING_BYTE) >> 2;
    this.availEventHalf = this.usedFlagsHalf + (layoutOf.availEventByte(layout.queueSize) >> 1);
  }

  /**
   * Begins service at `baseIdx` (VHOST_SET_VRING_BASE), continuing the used index that lies in the ring, with kicks
   * asked for (vhost_vq_init_access). Chains made available before this moment may have been kicked for already, so
   * poll once after it.
   */
  start(baseIdx: number): void {
    this.broken = 0;
    this.brokenDetail = 0;
    this.lastAvail = this.availIdxSeen = baseIdx & 0xffff;
    this.usedIdx = this.publishedUsedIdx = Atomics.load(this.u16, this.usedIdxHalf);
    this.signalledUsedValid = false;
    Atomics.store(this.u16, this.usedFlagsHalf, 0);
    if (this.eventIdx) Atomics.store(this.u16, this.availEventHalf, this.lastAvail);
    this.notifyDisabled = false;
  }

  /** Index of the next chain to pop: what VHOST_GET_VRING_BASE answers. */
  get lastAvailIdx(): number {
    return this.lastAvail;
  }

  /** Chains that wait to be popped, after one atomic load of the driver's index; or the code that broke the queue. */
  availCount(): number {
    if (this.broken !== 0) return this.broken;
    const seen = Atomics.load(this.u16, this.availIdxHalf);
    const count = (seen - this.lastAvail) & 0xffff;
    if (count > this.queueSize) return this.fail(errors.VQ_ERR_AVAIL_IDX_JUMP, seen);
    this.availIdxSeen = seen;
    return count;
  }

  /** Chains the driver has made available and nobody has popped, broken or not. */
  get waiting(): number {
    const count = (Atomics.load(this.u16, this.availIdxHalf) - this.lastAvail) & 0xffff;
    return count <= this.queueSize ? count : 0;
  }

  /**
   * Walks the next chain that `availCount` saw into the `chain` fields.
   *
   * @returns the chain's head for `pushUsed`; VQ_EMPTY; or the VQ_ERR_ code that broke the queue.
   */
  pop(): number {
    if (this.broken !== 0) return this.broken;
    const lastAvail = this.lastAvail;
    if (lastAvail === this.availIdxSeen) return EMPTY;
    const head = this.u16[this.availRingHalf + (lastAvail & this.mask)];
    if (head >= this.queueSize) return this.fail(errors.VQ_ERR_HEAD_RANGE, head);
    const i32 = this.i32;
    const word = this.descWord + head * 4;
    const addr = i32[word];
    const high = i32[word + 1];
    const len = i32[word + 2];
    const link = i32[word + 3];
    const simple =
      (link & NEXT_OR_INDIRECT) === 0 &&
      high === 0 &&
      len > 0 &&
      addr >= this.firstStart &&
      addr <= this.firstEnd - len &&
      (link & WRITE) === this.direction;
    if (!simple) return this.popChain(head, addr, high, len, link);
    this.chainAddr[0] = addr;
    this.chainLen[0] = len;
    this.chainFlags[0] = link & WRITE;
    this.chainCount = 1;
    this.chainHead = head;
    if ((link & WRITE) === 0) {
      this.readableBytes = len;
      this.writableBytes = 0;
    } else {
      this.readableBytes = 0;
      this.writableBytes = len;
    }
    this.lastAvail = (lastAvail + 1) & 0xffff;
    return head;
  }

  /** The general case, for chains and indirect tables and everything wrong; the head descriptor's words are read. */
  private popChain(head: number, addr: number, high: number, len: number, link: number): number {
    this.beginChain(head);
    for (;;) {
      if ((link & INDIRECT) !== 0) {
        const code = this.walkIndirect(addr, high, len, link);
        if (code !== 0) return code;
        break;
      }
      const code = this.append(addr, high, len, link & WRITE);
      if (code !== 0) return code;
      if ((link & NEXT) === 0) break;
      const next = link >>> 16;
      if (next >= this.queueSize) return this.fail(errors.VQ_ERR_NEXT_RANGE, next);
      const word = this.descWord + next * 4;
      addr = this.i32[word]!;
      high = this.i32[word + 1]!;
      len = this.i32[word + 2]!;
      link = this.i32[word + 3]!;
    }
    this.lastAvail = (this.lastAvail + 1) & 0xffff;
    return head;
  }

  /** An indirect table ends its chain; WRITE on the descriptor that names it is ignored (section 2.7.5.3.2). */
  private walkIndirect(tableAddr: number, high: number, tableBytes: number, link: number): number {
    if (!this.indirect) return this.fail(errors.VQ_ERR_INDIRECT_NOT_NEGOTIATED, this.chainHead);
    if ((link & NEXT) !== 0) return this.fail(errors.VQ_ERR_INDIRECT_WITH_NEXT, this.chainHead);
    const fault = this.checkTable(tableAddr, high, tableBytes);
    if (fault !== 0) return fault;
    const tableCount = tableBytes >> 4;
    let index = 0;
    for (;;) {
      const desc = tableAddr + index * 16;
      const entryLink = this.word(desc + 12);
      if ((entryLink & INDIRECT) !== 0) return this.fail(errors.VQ_ERR_INDIRECT_NESTED, this.chainHead);
      const code = this.append(this.word(desc), this.word(desc + 4), this.word(desc + 8), entryLink & WRITE);
      if (code !== 0) return code;
      if ((entryLink & NEXT) === 0) return 0;
      index = entryLink >>> 16;
      if (index >= tableCount) return this.fail(errors.VQ_ERR_NEXT_RANGE, index);
    }
  }

  /** Gives back the last `count` popped chains, none of them used, to be popped again (vhost_discard_vq_desc). */
  discard(count: number): void {
    this.lastAvail = (this.lastAvail - count) & 0xffff;
  }

  /** Stages a popped chain as used, `lenBytes` having been written to it. The driver sees it after `publishUsed`. */
  pushUsed(head: number, lenBytes: number): void {
    const i32 = this.i32;
    const word = this.usedRingWord + (this.usedIdx & this.mask) * 2;
    i32[word] = head;
    i32[word + 1] = lenBytes;
    this.usedIdx = (this.usedIdx + 1) & 0xffff;
  }

  /** Makes all staged chains visible to the driver: once a batch, then ask `shouldCall`. */
  publishUsed(): void {
    const newIdx = this.usedIdx;
    const staged = (newIdx - this.publishedUsedIdx) & 0xffff;
    // A driver that asks for no calls for 2^16 chains makes the remembered index ambiguous (vhost_add_used_n).
    if (((newIdx - this.signalledUsed) & 0xffff) < staged) this.signalledUsedValid = false;
    this.publishedUsedIdx = newIdx;
    Atomics.store(this.u16, this.usedIdxHalf, newIdx);
  }

  /**
   * Whether the driver must be called for what was published since the last time this was asked (vhost_notify): with
   * EVENT_IDX the first time always, then whenever its `used_event` was passed. Ask after every `publishUsed`.
   */
  shouldCall(): boolean {
    if (this.notifyOnEmpty && this.availIdxSeen === this.lastAvail) return true;
    if (!this.eventIdx) {
      return (Atomics.load(this.u16, this.availFlagsHalf) & layoutOf.AVAIL_F_NO_INTERRUPT) === 0;
    }
    const old = this.signalledUsed;
    const valid = this.signalledUsedValid;
    const now = this.publishedUsedIdx;
    this.signalledUsed = now;
    this.signalledUsedValid = true;
    return !valid || needEvent(Atomics.load(this.u16, this.usedEventHalf), now, old);
  }

  /**
   * Asks for no kicks: a hint, so one may still come. Under EVENT_IDX the stale event says it (vhost_disable_notify).
   */
  disableNotify(): void {
    if (this.notifyDisabled) return;
    this.notifyDisabled = true;
    if (!this.eventIdx) Atomics.store(this.u16, this.usedFlagsHalf, layoutOf.USED_F_NO_NOTIFY);
  }

  /**
   * Asks for a kick at the next chain made available beyond those `availCount` has seen, then looks again
   * (vhost_enable_notify). The store and the load are sequentially consistent: either this look sees a new chain, or
   * the driver sees the request.
   *
   * @returns true when more arrived meanwhile: poll again instead of sleeping. A broken queue says false.
   */
  enableNotify(): boolean {
    if (this.broken !== 0) return false;
    this.notifyDisabled = false;
    if (this.eventIdx) Atomics.store(this.u16, this.availEventHalf, this.availIdxSeen);
    else Atomics.store(this.u16, this.usedFlagsHalf, 0);
    return Atomics.load(this.u16, this.availIdxHalf) !== this.availIdxSeen;
  }
}
