/**
 * How many of a vNIC's queue pairs are in use, in a word that the VMM writes when the guest says so by VQ_PAIRS_SET and
 * that whoever steers frames reads: QEMU attaches and detaches the queues of a tap for it (TUNSETQUEUE, net/tap.c
 * tap_enable), and tells hardware by its control plane.
 *
 *     word  0   pairs in use, from 1; 0 counts as 1, which is how a device begins (VIRTIO 1.x section 5.1.6.5.5)
 */
import type { Arena, Memory, Region } from '../../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../../memory/arena.ts';

export function reserveActivePairs(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

export class ActivePairs {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  set(pairs: number): void {
    Atomics.store(this.words, 0, pairs);
  }

  /** Once a batch. */
  get(): number {
    return Atomics.load(this.words, 0) || 1;
  }
}
