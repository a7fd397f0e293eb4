/**
 * The flow hash of the Linux network stack, the same for both directions of a flow (net/core/flow_dissector.c,
 * __skb_get_hash_symmetric; skb_flow_get_rxhash in v3.13): the two ends are put in order, then addresses and ports are
 * mixed as jhash_3words does (include/linux/jhash.h, Jenkins's lookup3). Linux draws the initial value at boot; here it
 * is constant, so that a run can be repeated.
 */
import { ipv4HeaderByte } from './ethernet.ts';
import { IPV4_DST_BYTE, IPV4_SRC_BYTE, ipv4PortsByte } from './ipv4.ts';
import { readI32 } from './network-order.ts';

const SRC_BYTE = IPV4_SRC_BYTE;
const DST_BYTE = IPV4_DST_BYTE;
/** JHASH_INITVAL, which jhash_3words adds to three words' length, and a hashrnd. */
const INITIAL = (0xdeadbeef + (3 << 2) + 0x9e3779b9) | 0;

/** No flow: the frame has no IPv4 header. A flow's hash is never zero. */
export const NO_FLOW = 0;

/** Hash of the flow that the frame of `frameBytes` bytes at `offset` belongs to, as int32, or NO_FLOW. */
export function flowHash(bytes: Uint8Array, offset: number, frameBytes: number): number {
  const ip = ipv4HeaderByte(bytes, offset, frameBytes);
  if (ip < 0) return NO_FLOW;
  const ports = ipv4PortsByte(bytes, ip, offset + frameBytes);
  const src = readI32(bytes, ip + SRC_BYTE);
  const dst = readI32(bytes, ip + DST_BYTE);
  const pair = ports < 0 ? 0 : readI32(bytes, ports);
  const swappedPair = (pair << 16) | (pair >>> 16);
  // In order by address, and between equal addresses by port.
  const swap = dst >>> 0 < src >>> 0 || (dst === src && (pair & 0xffff) < pair >>> 16);
  const hash = swap ? jhash3(src, dst, swappedPair) : jhash3(dst, src, pair);
  return hash === NO_FLOW ? 1 : hash;
}

/** __jhash_final over three words. */
function jhash3(first: number, second: number, third: number): number {
  let a = (first + INITIAL) | 0;
  let b = (second + INITIAL) | 0;
  let c = (third + INITIAL) | 0;
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  return ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
}
