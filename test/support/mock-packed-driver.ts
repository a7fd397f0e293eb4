/**
 * A guest that writes its packed virtqueue byte by byte, with offsets and flags worked out by hand from VIRTIO 1.x
 * section 2.8 and no code of src/virtio/ring/packed-layout.ts: what a device is tested against, and what may be as wrong as
 * the test likes.
 */
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import type { PackedLayout } from '../../src/virtio/ring/packed-layout.ts';

/** Queue of eight: ring at 0x1000, the driver's event suppression at 0x1080, the device's at 0x1084; 64 KiB. */
export const MOCK_PACKED_LAYOUT: PackedLayout = {
  queueSize: 8,
  descAddr: 0x1000,
  availAddr: 0x1080,
  usedAddr: 0x1084,
};
export const MOCK_PACKED_MEMORY_BYTES = 0x10000;

/** VIRTQ_DESC_F_AVAIL and VIRTQ_DESC_F_USED. */
export const AVAIL = 1 << 7;
export const USED = 1 << 15;

export class MockPackedDriver {
  readonly memory = new GuestMemory(new SharedArrayBuffer(MOCK_PACKED_MEMORY_BYTES));
  private readonly view = new DataView(this.memory.buffer);
  private slot: number;
  private wrap: boolean;

  constructor(slot = 0, wrap = true) {
    this.slot = slot;
    this.wrap = wrap;
  }

  /** Writes a descriptor at any address: 16 bytes, little-endian. */
  descAt(at: number, addr: number, len: number, id: number, flags: number, high = 0): void {
    this.view.setUint32(at, addr, true);
    this.view.setUint32(at + 4, high, true);
    this.view.setUint32(at + 8, len, true);
    this.view.setUint16(at + 12, id, true);
    this.view.setUint16(at + 14, flags, true);
  }

  /** Makes the next descriptor of the ring available with flags of its own besides. */
  offer(addr: number, len: number, id: number, flags: number, high = 0): void {
    this.descAt(0x1000 + 16 * this.slot, addr, len, id, flags | (this.wrap ? AVAIL : USED), high);
    this.slot++;
    if (this.slot < 8) return;
    this.slot = 0;
    this.wrap = !this.wrap;
  }

  /** The descriptor at a slot as it lies there. */
  at(slot: number): { id: number; len: number; flags: number } {
    const byte = 0x1000 + 16 * slot;
    return {
      id: this.view.getUint16(byte + 12, true),
      len: this.view.getUint32(byte + 8, true),
      flags: this.view.getUint16(byte + 14, true),
    };
  }

  /** The driver's event suppression: offset, wrap counter, and flags 0 enable, 1 disable, 2 descriptor. */
  setDriverEvent(offset: number, wrap: number, flags: number): void {
    this.view.setUint16(0x1080, offset | (wrap << 15), true);
    this.view.setUint16(0x1082, flags, true);
  }

  /** What the device asked for. */
  deviceEvent(): { offset: number; wrap: number; flags: number } {
    const where = this.view.getUint16(0x1084, true);
    return { offset: where & 0x7fff, wrap: where >> 15, flags: this.view.getUint16(0x1086, true) };
  }
}
