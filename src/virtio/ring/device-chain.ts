/**
 * What a device-side virtqueue of either format does alike: the checked buffers of the chain it took last, and the code
 * that broke it. Nothing a guest writes is trusted (Linux drivers/vhost/vhost.c): a guest that breaks the rules breaks
 * its queue and nothing else; nothing here throws once built.
 */
import type { FeatureSet } from '../net/features.ts';
import { regionBounds } from '../guest/guest-memory.ts';
import type { GuestMemory, MemoryRegion } from '../guest/guest-memory.ts';
import type { SplitLayout } from './split-layout.ts';
import { DESC_F_WRITE } from './split-layout.ts';
import * as errors from './virtqueue-error.ts';

/** Which way a queue's buffers must face. */
export const DIRECTION_ANY = -1;
/** Transmit: the device reads every buffer. */
export const DIRECTION_DEVICE_READS = 0;
/** Receive: the device writes every buffer. */
export const DIRECTION_DEVICE_WRITES: number = DESC_F_WRITE;

/** What a device-side virtqueue is built from. `regions` defaults to all of the memory. */
export interface DeviceQueueOptions {
  readonly memory: GuestMemory;
  readonly layout: SplitLayout;
  readonly features: FeatureSet;
  /** DIRECTION_ANY, DIRECTION_DEVICE_READS or DIRECTION_DEVICE_WRITES. */
  readonly direction: number;
  readonly regions?: readonly MemoryRegion[];
}

export class DeviceChain {
  readonly layout: SplitLayout;
  readonly queueSize: number;

  /** The chain that `pop` returned last: buffers 0 to chainCount - 1, device-readable ones first. */
  readonly chainAddr: Int32Array;
  readonly chainLen: Int32Array;
  /** DESC_F_WRITE for a device-writable buffer, else 0. */
  readonly chainFlags: Int32Array;
  chainCount = 0;
  chainHead = 0;
  readableBytes = 0;
  writableBytes = 0;

  /** Zero while the queue serves; else the VQ_ERR_ code that broke it. */
  broken = 0;
  /** The number that goes with `broken`; see `virtqueueErrorText`. */
  brokenDetail = 0;

  protected readonly direction: number;
  protected readonly firstStart: number;
  protected readonly firstEnd: number;
  private readonly u8: Uint8Array;
  private readonly bounds: Int32Array;

  /**
   * @param fault why the layout cannot be used, or null.
   * @throws RangeError when the ring or the regions lie outside the memory: set-up has to refuse that before.
   */
  constructor({ memory, layout, direction, regions }: DeviceQueueOptions, fault: string | null) {
    if (fault !== null) throw new RangeError(`virtqueue: ${fault}`);
    const bounds = regionBounds(regions ?? [memory.wholeRegion()], memory.sizeBytes);
    if (typeof bounds === 'string') throw new RangeError(`virtqueue: ${bounds}`);
    if (bounds.length === 0) throw new RangeError('virtqueue: no memory region');
    this.layout = layout;
    this.queueSize = layout.queueSize;
    this.chainAddr = new Int32Array(layout.queueSize);
    this.chainLen = new Int32Array(layout.queueSize);
    this.chainFlags = new Int32Array(layout.queueSize);
    this.u8 = memory.u8;
    this.direction = direction;
    this.bounds = bounds;
    this.firstStart = bounds[0]!;
    this.firstEnd = bounds[1]!;
  }

  /** Begins a chain of no buffers yet. */
  protected beginChain(head: number): void {
    this.chainCount = 0;
    this.chainHead = head;
    this.readableBytes = 0;
    this.writableBytes = 0;
  }

  /** Adds one checked buffer to the chain; zero, or the code that broke the queue. A loop ends at the queue's size. */
  protected append(addr: number, high: number, len: number, writeFlag: number): number {
    const head = this.chainHead;
    const at = this.chainCount;
    if (at === this.queueSize) return this.fail(errors.VQ_ERR_CHAIN_LOOP, head);
    if (high !== 0) return this.fail(errors.VQ_ERR_ADDRESS_HIGH, head);
    if (len === 0) return this.fail(errors.VQ_ERR_ZERO_LENGTH, head);
    if (!this.inMemory(addr, len)) return this.fail(errors.VQ_ERR_ADDRESS_RANGE, head);
    if (this.direction !== DIRECTION_ANY && writeFlag !== this.direction) {
      return this.fail(errors.VQ_ERR_DIRECTION, head);
    }
    if (writeFlag !== 0) this.writableBytes += len;
    else if (this.writableBytes !== 0) return this.fail(errors.VQ_ERR_READABLE_AFTER_WRITABLE, head);
    else this.readableBytes += len;
    this.chainAddr[at] = addr;
    this.chainLen[at] = len;
    this.chainFlags[at] = writeFlag;
    this.chainCount = at + 1;
    return 0;
  }

  /** Zero when an indirect table of `tableBytes` may be read, or the code that broke the queue. */
  protected checkTable(tableAddr: number, high: number, tableBytes: number): number {
    if (tableBytes === 0 || (tableBytes & 15) !== 0) return this.fail(errors.VQ_ERR_INDIRECT_LENGTH, tableBytes);
    if (high !== 0) return this.fail(errors.VQ_ERR_ADDRESS_HIGH, this.chainHead);
    if (!this.inMemory(tableAddr, tableBytes)) return this.fail(errors.VQ_ERR_ADDRESS_RANGE, this.chainHead);
    return 0;
  }

  /** A 32-bit word at any byte address: the specification asks no alignment of indirect tables. */
  protected word(addr: number): number {
    const u8 = this.u8;
    return u8[addr] | (u8[addr + 1] << 8) | (u8[addr + 2] << 16) | (u8[addr + 3] << 24);
  }

  /** Words read as signed: a negative length or address is one of 2 GiB or more, and no guest has that much. */
  private inMemory(addr: number, len: number): boolean {
    if (len <= 0) return false;
    const bounds = this.bounds;
    for (let pair = 0; pair < bounds.length; pair += 2) {
      if (addr >= bounds[pair] && addr <= bounds[pair + 1] - len) return true;
    }
    return false;
  }

  protected fail(code: number, detail: number): number {
    this.broken = code;
    this.brokenDetail = detail;
    return code;
  }
}
