/**
 * The driver's rings (Linux drivers/net/ethernet/intel/e1000/e1000_main.c, v3.13): which buffer is in which descriptor,
 * what the hardware has finished, and when a tail register must be written. The rings and the buffers' addresses lie in
 * guest memory; frames lie NET_HEADER_BYTES into their buffers, where a virtio-net device would put them too.
 */
import type { Arena, Memory, Region } from '../../memory/arena.ts';
import type { Magazine } from '../../memory/magazine.ts';
import { SpinLock, reserveLock } from '../../memory/spin-lock.ts';
import type { GuestMemory } from '../../virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES } from '../../virtio/net/net-header.ts';
import * as desc from '../descriptors.ts';

const WORDS = desc.DESCRIPTOR_WORDS;
const EMPTY = -1;
const FCS_BYTES = 4;
/** The hardware wants rings on 16 bytes; the guest keeps them off the cache lines of its own data. */
const RING_ALIGN_BYTES = 128;

/** Receive descriptors refilled at a time: E1000_RX_BUFFER_WRITE. */
export const RX_BUFFER_WRITE = 16;
/** Free descriptors below which transmission stops: MAX_SKB_FRAGS + 2 (e1000_xmit_frame). */
export const TX_STOP_DESCRIPTORS = 19;
/** Free descriptors at which it goes on: TX_WAKE_THRESHOLD. */
const TX_WAKE_DESCRIPTORS = 32;

const TX_COMMAND: number = desc.COMMAND_EOP | desc.COMMAND_IFCS | desc.COMMAND_RS | desc.COMMAND_IDE;

/** Where one ring lies: its descriptors, and the buffer in each, one word a descriptor. */
export interface DriverRingRef {
  readonly descriptors: Region;
  readonly buffers: Region;
  readonly count: number;
}

/** The transmit ring, which all vCPUs of the guest share: with its lock (netif_tx_lock) and what stands for its fields. */
export interface DriverTxRingRef extends DriverRingRef {
  readonly lock: Region;
  readonly nextToUse: Region;
  readonly nextToClean: Region;
  /** How many vCPUs wait for descriptors or buffers. */
  readonly waiters: Region;
}

export function reserveDriverRing(guest: Arena, count: number): DriverRingRef {
  const descriptors = guest.reserve(count * desc.DESCRIPTOR_BYTES, RING_ALIGN_BYTES);
  return { descriptors, buffers: guest.reserve(count * 4), count };
}

export function reserveDriverTxRing(guest: Arena, count: number): DriverTxRingRef {
  const word = (): Region => guest.reserve(4);
  const ring = reserveDriverRing(guest, count);
  return { ...ring, lock: reserveLock(guest), nextToUse: word(), nextToClean: word(), waiters: word() };
}

/** Receive ring, in the hands of the vCPU that owns the vNIC. */
export class E1000RxRing {
  /** Bytes of the frame that `take` gave last. */
  frameBytes = 0;
  /** Buffers were short at the last refill. */
  short = false;
  private readonly i32: Int32Array;
  private readonly word: number;
  private readonly held: Int32Array;
  private readonly count: number;
  private readonly buffers: Magazine;
  private nextToUse = 0;
  private nextToClean = 0;

  constructor(memory: Memory, guest: GuestMemory, ref: DriverRingRef, buffers: Magazine) {
    this.i32 = guest.i32;
    this.word = ref.descriptors.offsetBytes >> 2;
    this.held = memory.words(ref.buffers);
    this.count = ref.count;
    this.buffers = buffers;
    this.held.fill(EMPTY);
  }

  /** Frames that the hardware has finished, at most `most`; looks no further. */
  ready(most: number): number {
    const { count, i32, word } = this;
    let n = 0;
    for (let i = this.nextToClean; n < most && this.held[i] !== EMPTY; n++) {
      const status = Atomics.load(i32, word + i * WORDS + desc.STATUS_WORD);
      if ((status & desc.STATUS_DD) === 0) break;
      i = i + 1 === count ? 0 : i + 1;
    }
    return n;
  }

  /** The next finished buffer; only for what `ready` counted. A frame in pieces, which has no use for it, is empty. */
  take(): number {
    const i = this.nextToClean;
    const word = this.word + i * WORDS;
    const whole = (this.i32[word + desc.STATUS_WORD] & desc.STATUS_EOP) !== 0;
    this.frameBytes = whole ? (this.i32[word + desc.LENGTH_WORD] & desc.LENGTH_MASK) - FCS_BYTES : 0;
    this.i32[word + desc.STATUS_WORD] = 0;
    const addr = this.held[i];
    this.held[i] = EMPTY;
    this.nextToClean = i + 1 === this.count ? 0 : i + 1;
    return addr;
  }

  /** Descriptors without a buffer that may have one: E1000_DESC_UNUSED. */
  private get unused(): number {
    const { nextToClean, nextToUse, count } = this;
    return (nextToClean > nextToUse ? 0 : count) + nextToClean - nextToUse - 1;
  }

  /**
   * Posts buffers (e1000_alloc_rx_buffers) when a batch of them is missing, or any with `all`.
   * @returns what RDT is to be, the last descriptor with a buffer; -1 when nothing was posted.
   */
  refill(all: boolean): number {
    const wanted = this.unused;
    if (wanted < (all ? 1 : RX_BUFFER_WRITE)) return -1;
    const n = Math.min(wanted, this.buffers.available(wanted));
    this.short = n < wanted;
    if (n === 0) return -1;
    for (let left = n; left > 0; left--) {
      const i = this.nextToUse;
      const addr = this.buffers.take();
      const word = this.word + i * WORDS;
      this.i32[word + desc.ADDRESS_LOW_WORD] = addr + NET_HEADER_BYTES;
      this.i32[word + desc.ADDRESS_HIGH_WORD] = 0;
      this.i32[word + desc.STATUS_WORD] = 0;
      this.held[i] = addr;
      this.nextToUse = i + 1 === this.count ? 0 : i + 1;
    }
    return this.nextToUse === 0 ? this.count - 1 : this.nextToUse - 1;
  }

  /** Buffers in the ring, and frames among them, for stock-taking. */
  entries(): number[] {
    return Array.from(this.held).filter((addr) => addr !== EMPTY);
  }
}

/** Transmit ring as one vCPU uses it: `put` under the lock, `clean` by the vCPU that owns the vNIC alone. */
export class E1000TxRing {
  readonly lock: SpinLock;
  /** Frames and bytes that `clean` has taken back; whoever looks sets them to zero. */
  cleanedFrames = 0;
  cleanedBytes = 0;
  private readonly i32: Int32Array;
  private readonly word: number;
  private readonly held: Int32Array;
  private readonly count: number;
  private readonly buffers: Magazine;
  private readonly nextToUse: Int32Array;
  private readonly nextToClean: Int32Array;
  private readonly waiters: Int32Array;
  private waiting = false;

  constructor(memory: Memory, guest: GuestMemory, ref: DriverTxRingRef, buffers: Magazine) {
    this.lock = new SpinLock(memory, ref.lock);
    this.i32 = guest.i32;
    this.word = ref.descriptors.offsetBytes >> 2;
    this.held = memory.words(ref.buffers);
    this.count = ref.count;
    this.buffers = buffers;
    this.nextToUse = memory.words(ref.nextToUse);
    this.nextToClean = memory.words(ref.nextToClean);
    this.waiters = memory.words(ref.waiters);
  }

  /** By the vCPU that probes, before any other uses the ring. */
  initialise(): void {
    this.held.fill(EMPTY);
  }

  /** Free descriptors: E1000_DESC_UNUSED. */
  get unused(): number {
    const clean = Atomics.load(this.nextToClean, 0);
    const use = Atomics.load(this.nextToUse, 0);
    return (clean > use ? 0 : this.count) + clean - use - 1;
  }

  /** Fills one descriptor; the caller holds the lock and has checked `unused`. @returns what TDT is to be. */
  put(addr: number, bytes: number): number {
    const i = Atomics.load(this.nextToUse, 0);
    const word = this.word + i * WORDS;
    this.i32[word + desc.ADDRESS_LOW_WORD] = addr + NET_HEADER_BYTES;
    this.i32[word + desc.ADDRESS_HIGH_WORD] = 0;
    this.i32[word + desc.LENGTH_WORD] = bytes | TX_COMMAND;
    Atomics.store(this.i32, word + desc.STATUS_WORD, 0);
    this.held[i] = addr;
    const tail = i + 1 === this.count ? 0 : i + 1;
    Atomics.store(this.nextToUse, 0, tail);
    return tail;
  }

  /**
   * Takes back the buffers of sent frames (e1000_clean_tx_irq).
   * @returns whether somebody waits and may go on: ring the guest's vCPUs.
   */
  clean(): boolean {
    const end = Atomics.load(this.nextToUse, 0);
    const first = Atomics.load(this.nextToClean, 0);
    let i = first;
    while (i !== end) {
      if ((Atomics.load(this.i32, this.word + i * WORDS + desc.STATUS_WORD) & desc.STATUS_DD) === 0) break;
      this.buffers.put(this.held[i]);
      this.held[i] = EMPTY;
      this.cleanedFrames++;
      this.cleanedBytes += this.i32[this.word + i * WORDS + desc.LENGTH_WORD] & desc.LENGTH_MASK;
      i = i + 1 === this.count ? 0 : i + 1;
    }
    if (i === first) return false;
    Atomics.store(this.nextToClean, 0, i);
    return this.awaited && this.unused >= TX_WAKE_DESCRIPTORS;
  }

  /** Notes whether this vCPU waits for `clean` or for the lock; whoever gives either back looks at it afterwards. */
  wait(waiting: boolean): void {
    if (waiting === this.waiting) return;
    this.waiting = waiting;
    Atomics.add(this.waiters, 0, waiting ? 1 : -1);
  }

  get awaited(): boolean {
    return Atomics.load(this.waiters, 0) !== 0;
  }

  /** Buffers in the ring, for stock-taking by the owner. */
  entries(): number[] {
    return Array.from(this.held).filter((addr) => addr !== EMPTY);
  }
}
