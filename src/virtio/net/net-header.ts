/**
 * struct virtio_net_hdr_v1 (VIRTIO 1.x section 5.1.6), in front of every frame in both directions:
 *
 *   +0 u8 flags | +1 u8 gso_type | +2 le16 hdr_len | +4 le16 gso_size | +6 le16 csum_start | +8 le16 csum_offset
 *   +10 le16 num_buffers
 */
import type { GuestMemory } from '../guest/guest-memory.ts';

export const NET_HEADER_BYTES = 12;

export const NET_HEADER_GSO_NONE = 0;
const NUM_BUFFERS_BYTE = 10;

/** Without VIRTIO_NET_F_MRG_RXBUF a received frame takes exactly one buffer (section 5.1.6.4.1). */
const NUM_BUFFERS_ONE_WORD = 1 << 16;

/**
 * Writes the header of a frame that needs no offload: flags 0, GSO none, num_buffers 1. The caller has checked that 12
 * bytes at `addr` are its own; the address may have any alignment, since a guest chooses it.
 */
export function writeNetHeader(memory: GuestMemory, addr: number): void {
  if ((addr & 3) === 0) {
    const i32 = memory.i32;
    const word = addr >> 2;
    i32[word] = 0;
    i32[word + 1] = 0;
    i32[word + 2] = NUM_BUFFERS_ONE_WORD;
    return;
  }
  const u8 = memory.u8;
  for (let byte = 0; byte < 12; byte++) u8[addr + byte] = 0;
  u8[addr + 10] = 1;
}

/** Byte `at` of the header of a frame that needs no offload and lies in `numBuffers` buffers. */
export function netHeaderByte(at: number, numBuffers: number): number {
  if (at === NUM_BUFFERS_BYTE) return numBuffers & 0xff;
  return at === NUM_BUFFERS_BYTE + 1 ? numBuffers >> 8 : 0;
}

/** num_buffers of the header at `addr`, a multiple of four. */
export function netHeaderBuffers(memory: GuestMemory, addr: number): number {
  return memory.i32[(addr + NUM_BUFFERS_BYTE) >> 2] >>> 16;
}

/** Whether the header at `addr` asks the device for nothing it was not offered: no checksum and no segmentation. */
export function netHeaderIsPlain(memory: GuestMemory, addr: number): boolean {
  return memory.u8[addr] === 0 && memory.u8[addr + 1] === NET_HEADER_GSO_NONE;
}
