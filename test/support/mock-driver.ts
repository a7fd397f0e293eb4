/**
 * A guest that writes its virtqueue byte by byte, with offsets worked out by hand from VIRTIO 1.x section 2.7 and no
 * code of src/virtio/ring/split-layout.ts: what a device is tested against, and what may be as wrong as the test likes.
 */
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import type { SplitLayout } from '../../src/virtio/ring/split-layout.ts';

/** Queue of eight: descriptors at 0x1000, available ring at 0x1100, used ring at 0x1200; 64 KiB of memory. */
export const MOCK_QUEUE_SIZE = 8;
export const MOCK_LAYOUT: SplitLayout = { queueSize: 8, descAddr: 0x1000, availAddr: 0x1100, usedAddr: 0x1200 };
export const MOCK_MEMORY_BYTES = 0x10000;

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

export class MockDriver {
  readonly memory = new GuestMemory(new SharedArrayBuffer(MOCK_MEMORY_BYTES));
  private readonly view = new DataView(this.memory.buffer);
  private idx: number;

  constructor(startIdx = 0) {
    this.idx = startIdx;
    this.view.setUint16(0x1102, startIdx, true);
    this.view.setUint16(0x1202, startIdx, true);
  }

  /** Writes a descriptor at any address: 16 bytes, little-endian. */
  descAt(at: number, addr: number, len: number, flags: number, next = 0, high = 0): void {
    this.view.setUint32(at, addr, true);
    this.view.setUint32(at + 4, high, true);
    this.view.setUint32(at + 8, len, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }

  desc(id: number, addr: number, len: number, flags: number, next = 0, high = 0): void {
    this.descAt(0x1000 + 16 * id, addr, len, flags, next, high);
  }

  /** Makes a chain available, by head. */
  offer(head: number): void {
    this.view.setUint16(0x1104 + 2 * (this.idx & 7), head, true);
    this.moveAvailIdx((this.idx + 1) & 0xffff);
  }

  moveAvailIdx(idx: number): void {
    this.idx = idx;
    this.view.setUint16(0x1102, idx, true);
  }

  setAvailFlags(flags: number): void {
    this.view.setUint16(0x1100, flags, true);
  }

  /** used_event follows the eight entries of the available ring. */
  setUsedEvent(idx: number): void {
    this.view.setUint16(0x1100 + 4 + 16, idx, true);
  }

  usedFlags(): number {
    return this.view.getUint16(0x1200, true);
  }

  usedIdx(): number {
    return this.view.getUint16(0x1202, true);
  }

  used(slot: number): { id: number; len: number } {
    return { id: this.view.getUint32(0x1204 + 8 * slot, true), len: this.view.getUint32(0x1208 + 8 * slot, true) };
  }

  /** avail_event follows the eight entries of the used ring. */
  availEvent(): number {
    return this.view.getUint16(0x1200 + 4 + 64, true);
  }
}
