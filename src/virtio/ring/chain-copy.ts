/**
 * Copies between a frame in host memory and a descriptor chain. Host memory is given as words and bytes of one buffer;
 * the frame begins at a byte that is a multiple of four. A chain of one buffer on a word boundary, which is what a
 * driver of today posts, is copied by words; any other shape and alignment the slow way.
 */
import { copyWords } from '../../memory/copy-words.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import { NET_HEADER_BYTES, netHeaderByte, writeNetHeader } from '../net/net-header.ts';
import type { DeviceQueue } from './ring-format.ts';

/**
 * Writes a plain virtio_net_hdr and then `length` bytes of a frame over the popped chain's writable buffers. The caller
 * has checked that they have room.
 */
function scatterChain(
  guest: GuestMemory,
  chain: DeviceQueue,
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
      guest.u8[to + at] = at < NET_HEADER_BYTES ? netHeaderByte(at, 1) : from[fromByte + at - NET_HEADER_BYTES];
    }
  }
}

/** Reads `length` bytes of the popped chain's readable buffers, `skip` bytes in. The caller has checked its length. */
function gatherChain(
  guest: GuestMemory,
  chain: DeviceQueue,
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

/** virtio_net_hdr and a frame of `length` bytes into the popped chain, which has room for both. */
export function writeFrameToChain(
  guest: GuestMemory,
  chain: DeviceQueue,
  words: Int32Array,
  bytes: Uint8Array,
  fromByte: number,
  length: number,
): void {
  const addr = chain.chainAddr[0];
  if (chain.chainCount !== 1 || (addr & 3) !== 0) return scatterChain(guest, chain, bytes, fromByte, length);
  writeNetHeader(guest, addr);
  const to = addr + NET_HEADER_BYTES;
  const whole = length & ~3;
  copyWords(guest.i32, to >> 2, words, fromByte >> 2, whole >> 2);
  for (let at = whole; at < length; at++) guest.u8[to + at] = bytes[fromByte + at];
}

/** The frame of `length` bytes behind the popped chain's header. Host memory has room for the last word in full. */
export function readFrameFromChain(
  guest: GuestMemory,
  chain: DeviceQueue,
  words: Int32Array,
  bytes: Uint8Array,
  toByte: number,
  length: number,
): void {
  const addr = chain.chainAddr[0];
  if (chain.chainCount !== 1 || (addr & 3) !== 0) {
    return gatherChain(guest, chain, NET_HEADER_BYTES, bytes, toByte, length);
  }
  copyWords(words, toByte >> 2, guest.i32, (addr + NET_HEADER_BYTES) >> 2, (length + 3) >> 2);
}
