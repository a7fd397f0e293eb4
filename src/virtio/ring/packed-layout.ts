/**
 * Memory layout of a packed virtqueue of N entries (VIRTIO 1.x section 2.8, "Packed Virtqueues"): offsets only.
 *
 *   descriptor ring (align 16, 16 N bytes; written by both sides)
 *     +0  le64 addr | +8 le32 len | +12 le16 id | +14 le16 flags          once for each of the N descriptors
 *
 *   driver event suppression (align 4, 4 bytes; written by the driver, says when it wants to be called)
 *   device event suppression (align 4, 4 bytes; written by the device, says when it wants to be kicked)
 *     +0  le16 desc_event_off : 15, desc_event_wrap : 1 | +2 le16 desc_event_flags : 2
 *
 * There are no indices in memory: a descriptor says by two of its flags, held against a counter of one bit that flips
 * with every lap of the ring and starts at 1, whether it is available, used, or neither yet (section 2.8.1). `id` and
 * `flags` share a 32-bit word, so that one store sets both; the constants below are of that word.
 */
import type { SplitLayout, VringPart } from './split-layout.ts';
import { partsFault } from './split-layout.ts';

export const PACKED_QUEUE_SIZE_MAX = 32768;

export const PACKED_DESC_BYTES = 16;
export const PACKED_DESC_ALIGN_BYTES = 16;
export const EVENT_SUPPRESS_BYTES = 4;

/** Of a descriptor's third word: the buffer id, below the flags. */
export const PACKED_ID_MASK = 0xffff;
export const PACKED_FLAGS_SHIFT = 16;
/** VIRTQ_DESC_F_AVAIL (bit 7) and VIRTQ_DESC_F_USED (bit 15) of `flags`, where they lie in the word. */
export const PACKED_AVAIL: number = 1 << 23;
export const PACKED_USED: number = 1 << 31;
export const PACKED_AVAIL_USED: number = PACKED_AVAIL | PACKED_USED;

/** Values of desc_event_flags (section 2.8.10), where they lie in an event suppression structure read as one word. */
export const EVENT_FLAGS_MASK: number = 3 << 16;
export const EVENT_FLAGS_ENABLE = 0;
export const EVENT_FLAGS_DISABLE: number = 1 << 16;
/** Only with VIRTIO_F_EVENT_IDX. */
export const EVENT_FLAGS_DESC: number = 2 << 16;
export const EVENT_OFFSET_MASK = 0x7fff;
export const EVENT_WRAP = 0x8000;

/**
 * Where a new ring begins, as VHOST_SET_VRING_BASE carries it: index of the next descriptor to take in bits 0 to 14
 * with its wrap counter in bit 15, index and wrap counter of the next used descriptor above (drivers/vhost/vhost.c,
 * vhost_vring_ioctl since 6.4; QEMU hw/virtio/virtio.c, virtio_queue_packed_get_last_avail_idx).
 */
export const PACKED_START_BASE = 0x8000_8000;

/**
 * Where one packed virtqueue lies: guest-physical byte addresses. The event suppression structures go by the names that
 * struct vhost_vring_addr has for their places: `availAddr` is the driver's, `usedAddr` the device's.
 */
export type PackedLayout = SplitLayout;

/** Packed virtqueues have any size of at most 32768 (section 2.8.10.1). */
export function isPackedQueueSize(queueSize: number): boolean {
  return Number.isInteger(queueSize) && queueSize > 0 && queueSize <= PACKED_QUEUE_SIZE_MAX;
}

/**
 * The three parts one after another from `baseAddr`, a multiple of 16. An `eventAlignBytes` of a cache line or more
 * keeps each structure off the ring and off the other side's.
 */
export function packedLayoutAt(
  baseAddr: number,
  queueSize: number,
  eventAlignBytes: number = EVENT_SUPPRESS_BYTES,
): PackedLayout {
  const ringEnd = baseAddr + PACKED_DESC_BYTES * queueSize;
  const availAddr = Math.ceil(ringEnd / eventAlignBytes) * eventAlignBytes;
  return { queueSize, descAddr: baseAddr, availAddr, usedAddr: availAddr + eventAlignBytes };
}

/** Bytes that `packedLayoutAt` takes from a base address that is a multiple of `eventAlignBytes` and of 16. */
export function packedRingBytes(queueSize: number, eventAlignBytes: number = EVENT_SUPPRESS_BYTES): number {
  return packedLayoutAt(0, queueSize, eventAlignBytes).usedAddr + EVENT_SUPPRESS_BYTES;
}

/** The three parts with their sizes and alignments (table of section 2.8.10.1). */
export function packedParts({ queueSize, descAddr, availAddr, usedAddr }: PackedLayout): readonly VringPart[] {
  const event = { sizeBytes: EVENT_SUPPRESS_BYTES, alignBytes: EVENT_SUPPRESS_BYTES };
  return [
    {
      name: 'descriptor ring',
      addr: descAddr,
      sizeBytes: PACKED_DESC_BYTES * queueSize,
      alignBytes: PACKED_DESC_ALIGN_BYTES,
    },
    { name: 'driver event suppression', addr: availAddr, ...event },
    { name: 'device event suppression', addr: usedAddr, ...event },
  ];
}

/** Why this layout cannot be used in a memory of `memoryBytes`, or null when it can. */
export function packedLayoutFault(layout: PackedLayout, memoryBytes: number): string | null {
  if (!isPackedQueueSize(layout.queueSize)) {
    return `queue size ${layout.queueSize} is not between 1 and ${PACKED_QUEUE_SIZE_MAX}`;
  }
  return partsFault(packedParts(layout), memoryBytes);
}

/** Every descriptor as if used in the lap before `start`: for a ring that begins at its beginning all zero (2.8.13). */
export function clearPackedRing(i32: Int32Array, layout: PackedLayout, start: number, wrap: boolean): void {
  for (let slot = 0; slot < layout.queueSize; slot++) {
    const word = (layout.descAddr >> 2) + slot * 4;
    i32.fill(0, word, word + 3);
    i32[word + 3] = slot < start === wrap ? PACKED_AVAIL_USED : 0;
  }
}
