// The tag of a replayed IPv4 frame, in the identification field of its header:
//
//   bits 0 to laneBits - 1      lane: which of the streams that end at the same sink
//   the other bits              how many frames of the same content the stream sent before, modulo their number
//
// Capture frames repeat, within the file and with every round, and a router may lose any of them. The count tells equal
// frames apart. Only whole datagrams are tagged: the field tells which fragments belong together (RFC 6864 section 4),
// so fragments keep what they were captured with, and of two equal ones the sink cannot always tell which it is.
import type { Region } from '../../memory/arena.ts';
import type { MacAddress } from '../wire/ethernet.ts';
import type { ReadyFrames } from './replay-frames.ts';
import type { ContentIndex } from './replay-index.ts';

/** One replayed stream, as its source and its sink both know it. Streams whose frames are the same share them. */
export interface ReplayStream {
  readonly frames: ReadyFrames;
  readonly index: ContentIndex;
  /** The vNIC the frames enter by, for all but those to a group address, and the station that sends them. */
  readonly dstMac: MacAddress;
  readonly srcMac: MacAddress;
  /** See reserveReplayStamps. */
  readonly stamps: Region;
  readonly lane: number;
  readonly laneBits: number;
}

/** Lane bits for that many streams to one sink: 0 for one. */
export function laneBitsFor(streams: number): number {
  return Math.ceil(Math.log2(streams));
}
