import type { Memory } from '../../memory/arena.ts';
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import { copyWords } from '../../memory/copy-words.ts';
import type { Capture } from './capture.ts';
import { updateChecksum16, foldSum } from '../wire/checksum.ts';
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { IPV4_CHECKSUM_BYTE, IPV4_ID_BYTE, ipv4Checksum } from '../wire/ipv4.ts';
import { readU16, writeU16 } from '../wire/network-order.ts';
import { ReplayFrames } from './replay-frames.ts';
import { REPLAY_UNKNOWN, ReplayIndex } from './replay-index.ts';
import { ReplayStamps } from './replay-stamps.ts';
import type { ReplayStream } from './replay-tag.ts';
import type { TrafficSource } from '../traffic/traffic-source.ts';

const ID: number = ETH_HEADER_BYTES + IPV4_ID_BYTE;
const CHECKSUM: number = ETH_HEADER_BYTES + IPV4_CHECKSUM_BYTE;
const KEPT_MAX = FRAME_BYTES_STANDARD;
/** In place of a header sum, for frames that carry no tag. */
const NO_TAG = -1;

/**
 * The frames of a capture, round and round: frame `seq` is frame seq mod N of loop floor(seq / N), N being the frames
 * that can be sent. Whatever was captured is sent, also what the function will not forward; where such a frame ends, it
 * is counted by its reason. IPv4 frames carry a tag (replay-tag.ts) by which the sink knows them again.
 *
 * Of a frame longer than FRAME_BYTES_STANDARD only the beginning is written, the length returned is the true one; the
 * NIC drops it unread.
 */
export class ReplayTraffic implements TrafficSource {
  private readonly frames: ReplayFrames;
  private readonly stamps: ReplayStamps;
  /** One's complement sum of everything in the header but tag and checksum, as the old checksum tells it, or NO_TAG. */
  private readonly headerSums: Int32Array;
  /** Tag in loop 0, and what each loop adds, both modulo 2^16. */
  private readonly firstTags: Uint16Array;
  private readonly tagSteps: Uint16Array;
  private nextSeq = 0;
  private frame = 0;
  private loop = 0;

  constructor(memory: Memory, capture: Capture, stream: ReplayStream) {
    const frames = new ReplayFrames(capture, stream.addressing);
    const index = new ReplayIndex(frames);
    this.frames = frames;
    this.stamps = new ReplayStamps(memory, stream.stamps);
    this.headerSums = new Int32Array(frames.count).fill(NO_TAG);
    this.firstTags = new Uint16Array(frames.count);
    this.tagSteps = new Uint16Array(frames.count);
    for (let frame = 0; frame < frames.count; frame += 1) {
      const group = index.groupOf[frame];
      if (group === REPLAY_UNKNOWN) continue;
      const at = frames.firstWord[frame] * 4;
      const checksum = ipv4Checksum(frames.bytes, at + ETH_HEADER_BYTES);
      this.headerSums[frame] = updateChecksum16(checksum, readU16(frames.bytes, at + ID), 0) ^ 0xffff;
      this.firstTags[frame] = (index.occurrenceOf[frame] << stream.laneBits) | stream.lane;
      this.tagSteps[frame] = index.groupSize(group) << stream.laneBits;
    }
  }

  write(bytes: Uint8Array, words: Int32Array, offset: number, seq: number, sendNs: number): number {
    if (seq !== this.nextSeq) this.seek(seq);
    const frames = this.frames;
    const frame = this.frame;
    const length = frames.lengths[frame];
    const kept = length < KEPT_MAX ? length : KEPT_MAX;
    copyWords(words, offset >> 2, frames.words, frames.firstWord[frame], (kept + 3) >> 2);
    const headerSum = this.headerSums[frame];
    if (headerSum !== NO_TAG) {
      const tag = (this.firstTags[frame] + Math.imul(this.loop, this.tagSteps[frame])) & 0xffff;
      writeU16(bytes, offset + ID, tag);
      writeU16(bytes, offset + CHECKSUM, foldSum(headerSum + tag) ^ 0xffff);
    }
    this.stamps.note(seq, sendNs);
    this.nextSeq = seq + 1;
    if (frame + 1 < frames.count) {
      this.frame = frame + 1;
    } else {
      this.frame = 0;
      // Only the loop's low 16 bits count in a tag.
      this.loop = (this.loop + 1) & 0xffff;
    }
    return length;
  }

  private seek(seq: number): void {
    const loop = Math.floor(seq / this.frames.count);
    this.frame = seq - loop * this.frames.count;
    this.loop = loop & 0xffff;
  }
}
