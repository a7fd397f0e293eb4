// What a sink knows of the frames that should arrive: ours by their test header, replayed ones by their content.
import { ETH_HEADER_BYTES } from './ethernet.ts';
import { ipv4ChecksumOk } from './checksum.ts';
import { IPV4_HEADER_MIN_BYTES } from './ipv4.ts';
import { payloadIntact } from './payload-pattern.ts';
import { isTestFrame, readSendNs, readSeq, readStream } from './test-header.ts';
import { udpChecksumOk } from './udp.ts';

export const FRAME_GOOD = 0;
/** Not one of the frames this sink expects. */
export const FRAME_FOREIGN = 1;
/** Ours, but a checksum or the content is wrong. */
export const FRAME_CORRUPT = 2;
/** Received before. */
export const FRAME_DUPLICATE = 3;
/** Overtaken by a later frame of its flow. */
export const FRAME_REORDERED = 4;

/**
 * Judges one received frame: one of the FRAME_ values. For a frame that is neither foreign nor corrupt `sentNs` is then
 * the time it was due at its source, and `streamIndex` the place of its stream among those expected here.
 */
export interface TrafficCheck {
  readonly sentNs: number;
  readonly streamIndex: number;
  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number;
}

/** Sequence numbers looked back for duplicates, a power of two and a multiple of 32. */
const WINDOW = 65_536;

/** What has arrived of one stream. */
class Arrivals {
  /** Highest sequence seen, -1 before the first. */
  private highest = -1;
  /** One bit for each of the last WINDOW sequence numbers up to `highest`. */
  private readonly seen = new Int32Array(WINDOW / 32);
  private readonly lastOfFlow: Float64Array;
  readonly index: number;

  constructor(index: number, flowCount: number) {
    this.index = index;
    this.lastOfFlow = new Float64Array(flowCount).fill(-1);
  }

  note(seq: number): number {
    if (seq > this.highest) this.advance(seq);
    else if (this.highest - seq >= WINDOW || this.isSeen(seq)) return FRAME_DUPLICATE;
    this.seen[(seq % WINDOW) >> 5] |= 1 << (seq & 31);
    // Flows are sent in turn, so a frame's flow follows from its sequence.
    const flow = seq % this.lastOfFlow.length;
    const last = this.lastOfFlow[flow];
    if (seq < last) return FRAME_REORDERED;
    this.lastOfFlow[flow] = seq;
    return FRAME_GOOD;
  }

  private isSeen(seq: number): boolean {
    return (this.seen[(seq % WINDOW) >> 5] & (1 << (seq & 31))) !== 0;
  }

  private advance(seq: number): void {
    const seen = this.seen;
    if (seq - this.highest >= WINDOW) seen.fill(0);
    else for (let s = this.highest + 1; s <= seq; s++) seen[(s % WINDOW) >> 5] &= ~(1 << (s & 31));
    this.highest = seq;
  }
}

/** A stream this sink expects: its number and how many flows it has. */
export interface ExpectedStream {
  readonly stream: number;
  readonly flowCount: number;
}

/** Checks generated frames. */
export class GeneratedCheck implements TrafficCheck {
  sentNs = 0;
  streamIndex = 0;
  private readonly arrivals: (Arrivals | null)[] = [];

  constructor(streams: readonly ExpectedStream[]) {
    streams.forEach(({ stream, flowCount }, index) => {
      while (this.arrivals.length <= stream) this.arrivals.push(null);
      this.arrivals[stream] = new Arrivals(index, flowCount);
    });
  }

  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    if (!isTestFrame(bytes, offset, length)) return FRAME_FOREIGN;
    const stream = readStream(bytes, offset);
    const arrivals = stream < this.arrivals.length ? this.arrivals[stream] : null;
    if (arrivals === null) return FRAME_FOREIGN;
    const ip = offset + ETH_HEADER_BYTES;
    if (!ipv4ChecksumOk(bytes, ip, IPV4_HEADER_MIN_BYTES) || !udpChecksumOk(bytes, ip)) return FRAME_CORRUPT;
    if (!payloadIntact(bytes, words, offset, length)) return FRAME_CORRUPT;
    this.sentNs = readSendNs(bytes, offset);
    this.streamIndex = arrivals.index;
    return arrivals.note(readSeq(bytes, offset));
  }
}
