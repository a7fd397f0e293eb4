// The tag of a replayed IPv4 frame, in the identification field of its header:
//
//   bits 0 to laneBits - 1      lane: which of the streams that end at the same sink
//   the other bits              how many frames of the same content the stream sent before, modulo their number
//
// Capture frames repeat, within the file and with every loop, and a router may lose any of them. The count tells equal
// frames apart. RFC 6864 section 4.1 takes all meaning from the field in atomic datagrams (DF set, no fragment). In
// others it serves reassembly, and fragments of one datagram would have to agree in it; here nothing fragments or
// reassembles, so they are tagged like the rest.
import type { Region } from '../../memory/arena.ts';
import type { ReplayAddressing } from './replay-addressing.ts';

/** One replayed stream, as its source and its sink both know it. */
export interface ReplayStream {
  readonly addressing: ReplayAddressing;
  /** See reserveReplayStamps. */
  readonly stamps: Region;
  readonly lane: number;
  readonly laneBits: number;
}

/** Lane bits for that many streams to one sink: 0 for one. */
export function laneBitsFor(streams: number): number {
  return Math.ceil(Math.log2(streams));
}
