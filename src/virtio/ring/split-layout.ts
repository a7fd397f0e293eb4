/**
 * Memory layout of a split virtqueue of N entries (VIRTIO 1.x section 2.7, "Split Virtqueues"): offsets only.
 *
 *   descriptor table (align 16, 16 N bytes; written by the driver)
 *     +0  le64 addr | +8 le32 len | +12 le16 flags | +14 le16 next        once for each of the N descriptors
 *
 *   available ring (align 2, 6 + 2 N bytes; written by the driver)
 *     +0  le16 flags | +2 le16 idx | +4 le16 ring[N] | +4+2N le16 used_event
 *
 *   used ring (align 4, 6 + 8 N bytes; written by the device)
 *     +0  le16 flags | +2 le16 idx | +4 { le32 id, le32 len } ring[N] | +4+8N le16 avail_event
 *
 * Both `idx` run freely modulo 2^16; a ring slot is `idx & (N - 1)`.
 */

export const QUEUE_SIZE_MAX = 32768;

export const DESC_BYTES = 16;
export const DESC_ALIGN_BYTES = 16;

export const DESC_F_NEXT = 1;
export const DESC_F_WRITE = 2;
export const DESC_F_INDIRECT = 4;

export const AVAIL_IDX_BYTE = 2;
export const AVAIL_RING_BYTE = 4;
export const AVAIL_ALIGN_BYTES = 2;
/** avail.flags: the driver asks for no calls. Only without VIRTIO_F_EVENT_IDX (section 2.7.7). */
export const AVAIL_F_NO_INTERRUPT = 1;

export const USED_IDX_BYTE = 2;
export const USED_RING_BYTE = 4;
export const USED_ELEM_BYTES = 8;
export const USED_ALIGN_BYTES = 4;
/** used.flags: the device asks for no kicks. Only without VIRTIO_F_EVENT_IDX (section 2.7.10). */
export const USED_F_NO_NOTIFY = 1;

/** Where one split virtqueue lies: guest-physical byte addresses of its three parts. */
export interface SplitLayout {
  readonly queueSize: number;
  readonly descAddr: number;
  readonly availAddr: number;
  readonly usedAddr: number;
}

/** Bytes of the descriptor table. */
export function descTableBytes(queueSize: number): number {
  return DESC_BYTES * queueSize;
}

/** Bytes of the available ring, `used_event` included. */
export function availRingBytes(queueSize: number): number {
  return 6 + 2 * queueSize;
}

/** Bytes of the used ring, `avail_event` included. */
export function usedRingBytes(queueSize: number): number {
  return 6 + USED_ELEM_BYTES * queueSize;
}

/** Byte offset of `used_event` within the available ring. */
export function usedEventByte(queueSize: number): number {
  return AVAIL_RING_BYTE + 2 * queueSize;
}

/** Byte offset of `avail_event` within the used ring. */
export function availEventByte(queueSize: number): number {
  return USED_RING_BYTE + USED_ELEM_BYTES * queueSize;
}

/** Split virtqueues have a power-of-two size of at most 32768 (section 2.7). */
export function isQueueSize(queueSize: number): boolean {
  return queueSize > 0 && queueSize <= QUEUE_SIZE_MAX && (queueSize & (queueSize - 1)) === 0;
}

/**
 * The three parts one after another from `baseAddr`, a multiple of 16. A `usedAlignBytes` of a cache line or more keeps
 * what the device writes away from what the driver writes.
 */
export function splitLayoutAt(baseAddr: number, queueSize: number, usedAlignBytes = USED_ALIGN_BYTES): SplitLayout {
  const availAddr = baseAddr + descTableBytes(queueSize);
  const availEnd = availAddr + availRingBytes(queueSize);
  const usedAddr = Math.ceil(availEnd / usedAlignBytes) * usedAlignBytes;
  return { queueSize, descAddr: baseAddr, availAddr, usedAddr };
}

/** Bytes that `splitLayoutAt` takes from a base address that is a multiple of `usedAlignBytes` and of 16. */
export function splitRingBytes(queueSize: number, usedAlignBytes = USED_ALIGN_BYTES): number {
  return splitLayoutAt(0, queueSize, usedAlignBytes).usedAddr + usedRingBytes(queueSize);
}

/** A part of a virtqueue, for checks against a memory table. */
export interface VringPart {
  readonly name: string;
  readonly addr: number;
  readonly sizeBytes: number;
  readonly alignBytes: number;
}

/** The three parts with their sizes and alignments (table of section 2.7). */
export function vringParts(layout: SplitLayout): readonly VringPart[] {
  const { queueSize, descAddr, availAddr, usedAddr } = layout;
  return [
    { name: 'descriptor table', addr: descAddr, sizeBytes: descTableBytes(queueSize), alignBytes: DESC_ALIGN_BYTES },
    { name: 'available ring', addr: availAddr, sizeBytes: availRingBytes(queueSize), alignBytes: AVAIL_ALIGN_BYTES },
    { name: 'used ring', addr: usedAddr, sizeBytes: usedRingBytes(queueSize), alignBytes: USED_ALIGN_BYTES },
  ];
}

/** Why this layout cannot be used in a memory of `memoryBytes`, or null when it can. */
export function splitLayoutFault(layout: SplitLayout, memoryBytes: number): string | null {
  if (!isQueueSize(layout.queueSize)) {
    return `queue size ${layout.queueSize} is not a power of two up to ${QUEUE_SIZE_MAX}`;
  }
  return partsFault(vringParts(layout), memoryBytes);
}

/** Why the parts of a virtqueue cannot lie where they do in a memory of `memoryBytes`, or null when they can. */
export function partsFault(parts: readonly VringPart[], memoryBytes: number): string | null {
  for (const part of parts) {
    if (part.addr % part.alignBytes !== 0) {
      return `${part.name} at 0x${part.addr.toString(16)} is not aligned to ${part.alignBytes} bytes`;
    }
    if (part.addr < 0 || part.addr + part.sizeBytes > memoryBytes) {
      return `${part.name} at 0x${part.addr.toString(16)}+${part.sizeBytes} lies outside guest memory`;
    }
  }
  return null;
}
