/**
 * The device's side of a packed virtqueue (VIRTIO 1.x section 2.8; DPDK lib/vhost/virtio_net.c, QEMU
 * hw/virtio/virtio.c virtqueue_packed_pop). The rules of trust and the order of calls are those of split-device.ts:
 * each word is read once, checked and copied out; a guest that breaks the rules breaks this queue and nothing else.
 *
 * What the ring does not hold is kept here: `availCount` copies the id and flags of every descriptor it finds
 * available, and `pop` walks those copies, so that the shape of a chain is decided once. A popped chain goes by a
 * handle below the queue's size: the guest's buffer ids may be any numbers, and chains may be used in any order.
 */
import { needEvent } from './event-suppression.ts';
import { hasFeature, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from '../net/features.ts';
import type { DeviceQueueOptions } from './device-chain.ts';
import { DeviceChain } from './device-chain.ts';
import * as layoutOf from './packed-layout.ts';
import { DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } from './split-layout.ts';
import * as errors from './virtqueue-error.ts';

const WRITE = DESC_F_WRITE;
const FLAGS_SHIFT = layoutOf.PACKED_FLAGS_SHIFT;
const NEXT_LINK = DESC_F_NEXT << FLAGS_SHIFT;
const WRITE_LINK = DESC_F_WRITE << FLAGS_SHIFT;
const INDIRECT_LINK = DESC_F_INDIRECT << FLAGS_SHIFT;
const NEXT_OR_INDIRECT_LINK = NEXT_LINK | INDIRECT_LINK;
const AVAIL = layoutOf.PACKED_AVAIL;
const USED = layoutOf.PACKED_USED;
const AVAIL_USED = layoutOf.PACKED_AVAIL_USED;
const ID_MASK = layoutOf.PACKED_ID_MASK;
const ONE_SLOT = 1 << 16;
const NONE = -1;
const EMPTY = errors.VQ_EMPTY;

/** One packed virtqueue as its device sees it. One thread only. "Slots" are entries of the descriptor ring. */
export class PackedDeviceQueue extends DeviceChain {
  private readonly i32: Int32Array;
  private readonly eventIdx: boolean;
  private readonly indirect: boolean;
  private readonly descWord: number;
  private readonly driverEventWord: number;
  private readonly deviceEventWord: number;

  /** Id and flags of the slots between `lastAvail` and `seen`, as they were when found available. */
  private readonly links: Int32Array;
  /** The next slot to look at, and what AVAIL and USED are there once it is available. */
  private seen = 0;
  private seenFlags = AVAIL;
  private seenSlots = 0;
  private seenChains = 0;
  /** The next slot to pop, and what AVAIL and USED are there. */
  private lastAvail = 0;
  private lastAvailFlags = AVAIL;
  /** Slots of chains popped and not used. */
  private heldSlots = 0;

  /**
   * Free handles in a ring: taken at `handlesTaken`, given back at `handlesBack`; both count modulo the queue's size.
   */
  private readonly handles: Int32Array;
  private handlesTaken = 0;
  private handlesBack = 0;
  /** By handle: buffer id, and the chain's slots above it. */
  private readonly handleLink: Int32Array;

  /** Where the next used descriptor goes, and what AVAIL and USED are to be there. */
  private usedSlot = 0;
  private usedFlags = AVAIL_USED;
  /** The first used descriptor since the last publish is held back: word and value. */
  private stagedWord = NONE;
  private stagedLink = 0;
  private stagedSlots = 0;
  /** Slots published since the last call decision. */
  private undecidedSlots = 0;
  /** Whether a call was ever decided on by event: the first one is always sent (vhost_notify). */
  private signalled = false;
  private notifyDisabled = false;

  /** @throws RangeError when the ring or the regions lie outside the memory: set-up has to refuse that before. */
  constructor(options: DeviceQueueOptions) {
    const { memory, layout, features } = options;
    super(options, layoutOf.packedLayoutFault(layout, memory.sizeBytes));
    this.i32 = memory.i32;
    this.eventIdx = hasFeature(features, VIRTIO_F_EVENT_IDX);
    this.indirect = hasFeature(features, VIRTIO_F_INDIRECT_DESC);
    this.descWord = layout.descAddr >> 2;
    this.driverEventWord = layout.availAddr >> 2;
    this.deviceEventWord = layout.usedAddr >> 2;
    this.links = new Int32Array(layout.queueSize);
    this.handles = new Int32Array(layout.queueSize);
    this.handleLink = new Int32Array(layout.queueSize);
  }

  /**
   * Begins service at `base` (VHOST_SET_VRING_BASE, see PACKED_START_BASE), with kicks asked for. Chains made available
   * before this moment may have been kicked for already, so poll once after it.
   */
  start(base: number): void {
    this.broken = 0;
    this.brokenDetail = 0;
    this.lastAvail = this.seen = base & layoutOf.EVENT_OFFSET_MASK;
    this.lastAvailFlags = this.seenFlags = (base & layoutOf.EVENT_WRAP) !== 0 ? AVAIL : USED;
    this.usedSlot = (base >>> 16) & layoutOf.EVENT_OFFSET_MASK;
    this.usedFlags = base >>> 31 !== 0 ? AVAIL_USED : 0;
    this.seenSlots = this.seenChains = this.heldSlots = 0;
    for (let handle = 0; handle < this.queueSize; handle++) this.handles[handle] = handle;
    this.handlesTaken = this.handlesBack = 0;
    this.stagedWord = NONE;
    this.stagedSlots = this.undecidedSlots = 0;
    this.signalled = false;
    this.notifyDisabled = true;
    this.enableNotify();
  }

  /** Where the ring stands, with wrap counters: what VHOST_GET_VRING_BASE answers. Unsigned. */
  get lastAvailIdx(): number {
    const avail = this.lastAvail | (this.lastAvailFlags === AVAIL ? layoutOf.EVENT_WRAP : 0);
    const used = this.usedSlot | (this.usedFlags !== 0 ? layoutOf.EVENT_WRAP : 0);
    return (avail | (used << 16)) >>> 0;
  }

  /** Chains that wait to be popped, each descriptor looked at once; or the code that broke the queue. */
  availCount(): number {
    if (this.broken !== 0) return this.broken;
    const fault = this.look();
    // What came before a chain that is wrong is served first.
    if (fault !== 0 && this.seenChains === 0) return this.fail(fault, this.seen);
    return this.seenChains;
  }

  /** Chains the driver has made available and nobody has popped, broken or not. */
  get waiting(): number {
    this.look();
    return this.seenChains;
  }

  /** Goes on from the last look as far as descriptors are available; zero, or the code of the chain it stopped at. */
  private look(): number {
    const { i32, links, queueSize, descWord } = this;
    const room = queueSize - this.heldSlots;
    let at = this.seen;
    let flags = this.seenFlags;
    let slots = this.seenSlots;
    let chained = false;
    for (;;) {
      const link = Atomics.load(i32, descWord + at * 4 + 3);
      if ((link & AVAIL_USED) !== flags) return chained ? errors.VQ_ERR_CHAIN_TORN : 0;
      if (slots === room) return errors.VQ_ERR_AVAIL_OVERRUN;
      links[at] = link;
      slots++;
      if (++at === queueSize) {
        at = 0;
        flags ^= AVAIL_USED;
      }
      chained = (link & NEXT_LINK) !== 0;
      if (chained) continue;
      this.seen = at;
      this.seenFlags = flags;
      this.seenSlots = slots;
      this.seenChains++;
    }
  }

  /**
   * Walks the next chain that `availCount` saw into the `chain` fields.
   *
   * @returns the chain's handle for `pushUsed`; VQ_EMPTY; or the VQ_ERR_ code that broke the queue.
   */
  pop(): number {
    if (this.broken !== 0) return this.broken;
    if (this.seenChains === 0) return EMPTY;
    const at = this.lastAvail;
    const i32 = this.i32;
    const word = this.descWord + at * 4;
    const addr = i32[word];
    const high = i32[word + 1];
    const len = i32[word + 2];
    const link = this.links[at];
    const facing = (link >> FLAGS_SHIFT) & WRITE;
    const simple =
      (link & NEXT_OR_INDIRECT_LINK) === 0 &&
      high === 0 &&
      len > 0 &&
      addr >= this.firstStart &&
      addr <= this.firstEnd - len &&
      facing === this.direction;
    if (!simple) return this.popChain(at, addr, high, len, link);
    this.chainAddr[0] = addr;
    this.chainLen[0] = len;
    this.chainFlags[0] = facing;
    this.chainCount = 1;
    if (facing === 0) {
      this.readableBytes = len;
      this.writableBytes = 0;
    } else {
      this.readableBytes = 0;
      this.writableBytes = len;
    }
    return this.take((link & ID_MASK) | ONE_SLOT, 1);
  }

  /** The chain's slots are popped: it goes by a handle from here on. */
  private take(handleLink: number, slots: number): number {
    const { queueSize } = this;
    let at = this.handlesTaken;
    const handle = this.handles[at];
    this.handlesTaken = ++at === queueSize ? 0 : at;
    this.handleLink[handle] = handleLink;
    this.chainHead = handle;
    this.lastAvail += slots;
    if (this.lastAvail >= queueSize) {
      this.lastAvail -= queueSize;
      this.lastAvailFlags ^= AVAIL_USED;
    }
    this.seenSlots -= slots;
    this.seenChains--;
    this.heldSlots += slots;
    return handle;
  }

  /** The general case, for chains and indirect tables and everything wrong; the first descriptor's words are read. */
  private popChain(first: number, addr: number, high: number, len: number, link: number): number {
    const { i32, links, queueSize } = this;
    let at = first;
    let slots = 1;
    this.beginChain(first);
    for (;;) {
      const code =
        (link & INDIRECT_LINK) !== 0
          ? this.walkIndirect(addr, high, len, slots > 1 || (link & NEXT_LINK) !== 0)
          : this.append(addr, high, len, (link >> FLAGS_SHIFT) & WRITE);
      if (code !== 0) return code;
      if ((link & NEXT_LINK) === 0) break;
      if (++at === queueSize) at = 0;
      slots++;
      const word = this.descWord + at * 4;
      addr = i32[word]!;
      high = i32[word + 1]!;
      len = i32[word + 2]!;
      link = links[at]!;
    }
    // The buffer id is that of the last descriptor in the list (section 2.8.6).
    return this.take((link & ID_MASK) | (slots << 16), slots);
  }

  /**
   * A list is either one indirect table or a chain of descriptors (section 2.8.5). In a table only the WRITE flag
   * counts, and on the descriptor that names it that flag is ignored (section 2.8.7).
   */
  private walkIndirect(tableAddr: number, high: number, tableBytes: number, chained: boolean): number {
    if (!this.indirect) return this.fail(errors.VQ_ERR_INDIRECT_NOT_NEGOTIATED, this.chainHead);
    if (chained) return this.fail(errors.VQ_ERR_INDIRECT_WITH_NEXT, this.chainHead);
    const fault = this.checkTable(tableAddr, high, tableBytes);
    if (fault !== 0) return fault;
    for (let desc = tableAddr; desc < tableAddr + tableBytes; desc += 16) {
      const writeFlag = (this.word(desc + 12) >> FLAGS_SHIFT) & WRITE;
      const code = this.append(this.word(desc), this.word(desc + 4), this.word(desc + 8), writeFlag);
      if (code !== 0) return code;
    }
    return 0;
  }

  /** Gives back the last `count` popped chains, none of them used, to be popped again (vhost_discard_vq_desc). */
  discard(count: number): void {
    const { queueSize } = this;
    for (let i = 0; i < count; i++) {
      this.handlesTaken = this.handlesTaken === 0 ? queueSize - 1 : this.handlesTaken - 1;
      const slots = this.handleLink[this.handles[this.handlesTaken]] >>> 16;
      this.lastAvail -= slots;
      if (this.lastAvail < 0) {
        this.lastAvail += queueSize;
        this.lastAvailFlags ^= AVAIL_USED;
      }
      this.seenSlots += slots;
      this.seenChains++;
      this.heldSlots -= slots;
    }
  }

  /**
   * Stages a popped chain as used, `lenBytes` having been written to it: one used descriptor for the whole chain, then
   * on by as many slots (section 2.8.6). The driver looks at the first one staged, which is written last.
   */
  pushUsed(handle: number, lenBytes: number): void {
    const i32 = this.i32;
    const handleLink = this.handleLink[handle];
    const slots = handleLink >>> 16;
    const word = this.descWord + this.usedSlot * 4;
    const link = (handleLink & ID_MASK) | this.usedFlags | (lenBytes > 0 ? WRITE_LINK : 0);
    i32[word + 2] = lenBytes;
    if (this.stagedWord === NONE) {
      this.stagedWord = word + 3;
      this.stagedLink = link;
    } else {
      i32[word + 3] = link;
    }
    this.usedSlot += slots;
    if (this.usedSlot >= this.queueSize) {
      this.usedSlot -= this.queueSize;
      this.usedFlags ^= AVAIL_USED;
    }
    let at = this.handlesBack;
    this.handles[at] = handle;
    this.handlesBack = ++at === this.queueSize ? 0 : at;
    this.heldSlots -= slots;
    this.stagedSlots += slots;
  }

  /** Makes all staged chains visible to the driver: once a batch, then ask `shouldCall`. */
  publishUsed(): void {
    if (this.stagedWord === NONE) return;
    Atomics.store(this.i32, this.stagedWord, this.stagedLink);
    this.stagedWord = NONE;
    this.undecidedSlots += this.stagedSlots;
    this.stagedSlots = 0;
  }

  /**
   * Whether the driver must be called for what was published since the last time this was asked: what its event
   * suppression structure says, under EVENT_IDX whether the descriptor it names was passed, the first time always. Ask
   * after every `publishUsed`.
   */
  shouldCall(): boolean {
    const event = Atomics.load(this.i32, this.driverEventWord);
    const slots = Math.min(this.undecidedSlots, this.queueSize);
    const kind = event & layoutOf.EVENT_FLAGS_MASK;
    this.undecidedSlots = 0;
    if (kind !== layoutOf.EVENT_FLAGS_DESC || !this.eventIdx) return kind !== layoutOf.EVENT_FLAGS_DISABLE;
    const first = !this.signalled;
    this.signalled = true;
    if (first) return true;
    let at = event & layoutOf.EVENT_OFFSET_MASK;
    if (((event & layoutOf.EVENT_WRAP) !== 0) !== (this.usedFlags !== 0)) at -= this.queueSize;
    return needEvent(at, this.usedSlot, this.usedSlot - slots);
  }

  /** Asks for no kicks: a hint, so one may still come. */
  disableNotify(): void {
    if (this.notifyDisabled) return;
    this.notifyDisabled = true;
    Atomics.store(this.i32, this.deviceEventWord, layoutOf.EVENT_FLAGS_DISABLE);
  }

  /**
   * Asks for a kick at the next chain made available beyond those `availCount` has seen, then looks again. The store
   * and the load are sequentially consistent: either this look sees a new chain, or the driver sees the request.
   *
   * @returns true when more arrived meanwhile: poll again instead of sleeping. A broken queue says false.
   */
  enableNotify(): boolean {
    if (this.broken !== 0) return false;
    this.notifyDisabled = false;
    const wrap = this.seenFlags === AVAIL ? layoutOf.EVENT_WRAP : 0;
    const event = this.eventIdx ? layoutOf.EVENT_FLAGS_DESC | wrap | this.seen : layoutOf.EVENT_FLAGS_ENABLE;
    Atomics.store(this.i32, this.deviceEventWord, event);
    return (Atomics.load(this.i32, this.descWord + this.seen * 4 + 3) & AVAIL_USED) === this.seenFlags;
  }
}
