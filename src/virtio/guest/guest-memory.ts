/**
 * The physical memory of one virtual machine: a single SharedArrayBuffer, in which a guest-physical address is a byte
 * offset. Driver, device, VMM and vhost each hold their own `GuestMemory` over the same buffer; the views are bound
 * once, because binding one costs more than a frame does.
 */

/**
 * Two GiB less a page: every valid address, and every end of a buffer, then fits a signed 32-bit word, so that a
 * descriptor is checked in integer arithmetic and any address with bit 31 set reads as negative.
 */
export const GUEST_MEMORY_BYTES_MAX = 0x7fff_f000;

/** A range of guest-physical memory, as one entry of VHOST_SET_MEM_TABLE. Address and size in bytes. */
export interface MemoryRegion {
  readonly addr: number;
  readonly sizeBytes: number;
}

/**
 * Typed views over a virtual machine's whole memory. VIRTIO is little-endian (section 1.4), and so must the host be.
 */
export class GuestMemory {
  readonly buffer: SharedArrayBuffer;
  readonly sizeBytes: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;

  /** @throws RangeError if the size is not a positive multiple of 4 up to GUEST_MEMORY_BYTES_MAX. */
  constructor(buffer: SharedArrayBuffer) {
    const sizeBytes = buffer.byteLength;
    if (sizeBytes === 0 || sizeBytes % 4 !== 0 || sizeBytes > GUEST_MEMORY_BYTES_MAX) {
      throw new RangeError(
        `guest memory of ${sizeBytes} bytes: must be a positive multiple of 4, at most ${GUEST_MEMORY_BYTES_MAX}`,
      );
    }
    if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) {
      throw new Error('guest memory needs a little-endian host: virtqueues are laid out little-endian');
    }
    this.buffer = buffer;
    this.sizeBytes = sizeBytes;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
  }

  /** The one region that covers all of this memory. */
  wholeRegion(): MemoryRegion {
    return { addr: 0, sizeBytes: this.sizeBytes };
  }
}

/**
 * Sorted [start, end) pairs of the regions, adjacent ones merged, so that a buffer may span a seam of the table as it
 * may in vhost (drivers/vhost/vhost.c, translate_desc).
 *
 * @returns the pairs, or a sentence saying which region is unusable.
 */
export function regionBounds(regions: readonly MemoryRegion[], memoryBytes: number): Int32Array | string {
  const sorted = [...regions].sort((a, b) => a.addr - b.addr);
  const pairs: number[] = [];
  for (const { addr, sizeBytes } of sorted) {
    const end = addr + sizeBytes;
    if (addr < 0 || sizeBytes <= 0 || end > memoryBytes) {
      return `region ${hex(addr)}+${hex(sizeBytes)} lies outside the ${hex(memoryBytes)} bytes of guest memory`;
    }
    const previousEnd = pairs.length === 0 ? -1 : pairs[pairs.length - 1];
    if (addr < previousEnd)
      return `region ${hex(addr)}+${hex(sizeBytes)} overlaps the one that ends at ${hex(previousEnd)}`;
    if (addr === previousEnd) pairs[pairs.length - 1] = end;
    else pairs.push(addr, end);
  }
  return Int32Array.from(pairs);
}

/** Whether [addr, addr + sizeBytes) lies inside one pair of `regionBounds`. */
export function boundsContain(bounds: Int32Array, addr: number, sizeBytes: number): boolean {
  for (let pair = 0; pair < bounds.length; pair += 2) {
    if (addr >= bounds[pair] && addr + sizeBytes <= bounds[pair + 1]) return true;
  }
  return false;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
