/** Copies between a frame in host memory and a descriptor chain of any shape and alignment. The slow way round. */
import type { GuestMemory } from './guest-memory.ts';
import { NET_HEADER_BYTES } from './net-header.ts';
import type { SplitDeviceQueue } from './split-device.ts';

/**
 * Writes a plain virtio_net_hdr and then `length` bytes of a frame over the popped chain's writable buffers. The caller
 * has checked that they have room.
 */
export function scatterChain(
  guest: GuestMemory,
  chain: SplitDeviceQueue,
  from: Uint8Array,
  fromByte: number,
  length: number,
): void {
  let at = 0;
  const total = NET_HEADER_BYTES + length;
  for (let b = 0; b < chain.chainCount && at < total; b++) {
    const addr = chain.chainAddr[b];
    const end = Math.min(total, at + chain.chainLen[b]);
    for (let to = addr - at; at < end; at++) {
      guest.u8[to + at] = at < NET_HEADER_BYTES ? headerByte(at) : from[fromByte + at - NET_HEADER_BYTES];
    }
  }
}

/** struct virtio_net_hdr_v1 of a frame without offloads: all zero but num_buffers = 1. */
function headerByte(at: number): number {
  return at === 10 ? 1 : 0;
}

/** Reads `length` bytes of the popped chain's readable buffers, `skip` bytes in. The caller has checked its length. */
export function gatherChain(
  guest: GuestMemory,
  chain: SplitDeviceQueue,
  skip: number,
  to: Uint8Array,
  toByte: number,
  length: number,
): void {
  let at = -skip;
  for (let b = 0; b < chain.chainCount && at < length; b++) {
    const addr = chain.chainAddr[b];
    const bytes = chain.chainLen[b];
    for (let i = 0; i < bytes && at < length; i++, at++) {
      if (at >= 0) to[toByte + at] = guest.u8[addr + i];
    }
  }
}
