/**
 * Receive-side scaling: which of several queues a frame goes to, such that a flow's frames all go to the same. The hash
 * of what identifies the flow, modulo the size of the indirection table, finds the queue there (VIRTIO 1.x section
 * 5.1.6.5.6.4; Linux Documentation/networking/scaling.rst).
 */
import { ipv4HeaderByte } from '../wire/ethernet.ts';
import { IPV4_SRC_BYTE, ipv4PortsByte } from '../wire/ipv4.ts';
import { RSS_KEY, Toeplitz } from '../wire/toeplitz.ts';

const SRC_BYTE = IPV4_SRC_BYTE;

/** What a device has to support at least (VIRTIO 1.x section 5.1.6.5.6: rss_max_indirection_table_length). */
export const INDIRECTION_ENTRIES_MIN = 128;
/** Where frames without an IPv4 header go (unclassified_queue). */
const UNCLASSIFIED_QUEUE = 0;

/**
 * The queues in turn over `entries` table entries (ethtool_rxfh_indir_default); more entries when there are more
 * queues.
 */
export function evenIndirection(queues: number, entries: number = INDIRECTION_ENTRIES_MIN): number[] {
  let size = entries;
  while (size < queues) size *= 2;
  return Array.from({ length: size }, (_, entry) => entry % queues);
}

/** A hash key and an indirection table. */
export class ReceiveSideScaling {
  private readonly toeplitz: Toeplitz;
  private table!: Uint16Array;
  private mask = 0;

  /** @throws as `setIndirection` and Toeplitz do. */
  constructor(table: readonly number[], key: Uint8Array = RSS_KEY) {
    this.toeplitz = new Toeplitz(key);
    this.setIndirection(table);
  }

  /**
   * Distributes by another table from now on.
   *
   * @throws RangeError when its size is no power of two of at least INDIRECTION_ENTRIES_MIN.
   */
  setIndirection(table: readonly number[]): void {
    const entries = table.length;
    if (entries < INDIRECTION_ENTRIES_MIN || (entries & (entries - 1)) !== 0) {
      throw new RangeError(
        `indirection table of ${entries} entries: must be a power of two, at least ${INDIRECTION_ENTRIES_MIN}`,
      );
    }
    this.table = Uint16Array.from(table);
    this.mask = entries - 1;
  }

  /** The queue for the frame of `frameBytes` bytes at `offset`. */
  queueOf(bytes: Uint8Array, offset: number, frameBytes: number): number {
    const ip = ipv4HeaderByte(bytes, offset, frameBytes);
    return ip < 0 ? UNCLASSIFIED_QUEUE : this.table[this.hashOf(bytes, ip, offset + frameBytes) & this.mask];
  }

  /**
   * Hash of the IPv4 packet at `ip` in a frame that ends before byte `end`, as int32: over addresses and ports of TCP
   * and UDP, over the addresses alone of everything else and of fragments, since only the first of them has ports.
   */
  hashOf(bytes: Uint8Array, ip: number, end: number): number {
    const addresses = this.toeplitz.hashAddresses(bytes, ip + SRC_BYTE);
    const ports = ipv4PortsByte(bytes, ip, end);
    return ports < 0 ? addresses : addresses ^ this.toeplitz.hashPorts(bytes, ports);
  }
}
