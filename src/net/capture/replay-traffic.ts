import type { Memory } from '../../memory/arena.ts';
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import { copyWords } from '../../memory/copy-words.ts';
import { updateChecksum16, foldSum } from '../wire/checksum.ts';
import { ETH_FCS_BYTES, ETH_HEADER_BYTES, VLAN_TAG_BYTES, writeMac } from '../wire/ethernet.ts';
import { IPV4_CHECKSUM_BYTE, IPV4_ID_BYTE, ipv4Checksum, ipv4IsFragment } from '../wire/ipv4.ts';
import { readU16, writeU16 } from '../wire/network-order.ts';
import { insertTag } from '../wire/vlan.ts';
import type { ReadyFrames } from './replay-frames.ts';
import { REPLAY_UNKNOWN } from './replay-index.ts';
import { ReplayStamps } from './replay-stamps.ts';
import type { ReplayStream } from './replay-tag.ts';
import { FrameSchedule } from '../traffic/frame-schedule.ts';
import type { TrafficSource } from '../traffic/traffic-source.ts';

const ID: number = ETH_HEADER_BYTES + IPV4_ID_BYTE;
const CHECKSUM: number = ETH_HEADER_BYTES + IPV4_CHECKSUM_BYTE;
const KEPT_MAX = FRAME_BYTES_STANDARD;
const TAG_BYTES = VLAN_TAG_BYTES;
/** In place of a header sum, for frames that carry no tag. */
const NO_TAG = -1;
/** The I/G bit of a destination address as it lies in the first word of a frame. */
const GROUP_BIT = 1;

/**
 * The frames of a capture, round and round: frame `seq` is frame seq mod N of loop floor(seq / N), N being the frames
 * that can be sent. Whatever was captured is sent, also what the function will not forward; where such a frame ends, it
 * is counted by its reason. IPv4 frames carry a tag (replay-tag.ts) by which the sink knows them again. All frames come
 * from the station; one for a single host, whichever it was, is now for the vNIC, and one for a group stays for it.
 *
 * Of a frame longer than FRAME_BYTES_STANDARD only the beginning is written, the length returned is the true one; the
 * NIC drops it unread.
 */
export class ReplayTraffic implements TrafficSource {
  readonly schedule: FrameSchedule;
  private readonly frames: ReadyFrames;
  private readonly stamps: ReplayStamps;
  /** The addresses as they lie in a frame: three words, and the first two for a frame to a group. */
  private readonly macWords = new Int32Array(3);
  /** Whether priority tags are sent: the tag of a VLAN takes the place of one. */
  private readonly sendsPriorities: boolean;
  /** One's complement sum of everything in the header but tag and checksum, as the old checksum tells it, or NO_TAG. */
  private readonly headerSums: Int32Array;
  /** Tag in loop 0, and what each loop adds, both modulo 2^16. */
  private readonly firstTags: Uint16Array;
  private readonly tagSteps: Uint16Array;
  private nextSeq = 0;
  private frame = 0;
  private loop = 0;

  /** @param addedBytes the tag of a VLAN that frames get on top before they are sent, or 0. */
  constructor(memory: Memory, stream: ReplayStream, addedBytes = 0) {
    const { frames, index } = stream;
    this.frames = frames;
    this.stamps = new ReplayStamps(memory, stream.stamps);
    this.sendsPriorities = addedBytes === 0;
    this.headerSums = new Int32Array(frames.count).fill(NO_TAG);
    this.firstTags = new Uint16Array(frames.count);
    this.tagSteps = new Uint16Array(frames.count);
    const macs = new Uint8Array(this.macWords.buffer);
    writeMac(macs, 0, stream.dstMac.high, stream.dstMac.low);
    writeMac(macs, 6, stream.srcMac.high, stream.srcMac.low);
    const frameBytes = new Float64Array(frames.count);
    for (let frame = 0; frame < frames.count; frame += 1) {
      const tagBytes = this.tagged(frame) ? TAG_BYTES : addedBytes;
      frameBytes[frame] = frames.lengths[frame] + ETH_FCS_BYTES + tagBytes;
      const group = index.groupOf[frame];
      const at = frames.firstWord[frame] * 4;
      if (group === REPLAY_UNKNOWN || ipv4IsFragment(frames.bytes, at + ETH_HEADER_BYTES)) continue;
      const checksum = ipv4Checksum(frames.bytes, at + ETH_HEADER_BYTES);
      const size = index.firstMember[group + 1] - index.firstMember[group];
      this.headerSums[frame] = updateChecksum16(checksum, readU16(frames.bytes, at + ID), 0) ^ 0xffff;
      this.firstTags[frame] = (index.occurrenceOf[frame] << stream.laneBits) | stream.lane;
      this.tagSteps[frame] = size << stream.laneBits;
    }
    this.schedule = new FrameSchedule(frameBytes, frames.offsetsNs, frames.roundNs);
  }

  write(bytes: Uint8Array, words: Int32Array, offset: number, seq: number, sendNs: number): number {
    if (seq !== this.nextSeq) this.seek(seq);
    const frame = this.frame;
    const isTagged = this.tagged(frame);
    const length = this.put(words, (offset >> 2) + (isTagged ? 1 : 0), frame);
    const headerSum = this.headerSums[frame];
    if (headerSum !== NO_TAG) {
      const at = isTagged ? offset + TAG_BYTES : offset;
      const tag = (this.firstTags[frame] + Math.imul(this.loop, this.tagSteps[frame])) & 0xffff;
      writeU16(bytes, at + ID, tag);
      writeU16(bytes, at + CHECKSUM, foldSum(headerSum + tag) ^ 0xffff);
    }
    this.stamps.note(seq, sendNs);
    this.nextSeq = seq + 1;
    if (frame + 1 < this.frames.count) {
      this.frame = frame + 1;
    } else {
      this.frame = 0;
      // Only the loop's low 16 bits count in a tag.
      this.loop = (this.loop + 1) & 0xffff;
    }
    if (!isTagged) return length;
    insertTag(words, offset >> 2, this.frames.priorities[frame] & 0xf000);
    return length + TAG_BYTES;
  }

  private tagged(frame: number): boolean {
    return this.sendsPriorities && this.frames.priorities[frame] !== 0;
  }

  /** The frame at word `at`, as it was captured but for its addresses; what was not captured is zeros. */
  private put(words: Int32Array, at: number, frame: number): number {
    const { words: own, firstWord, lengths } = this.frames;
    const from = firstWord[frame];
    const kept = firstWord[frame + 1] - from;
    const length = lengths[frame];
    const end = ((length < KEPT_MAX ? length : KEPT_MAX) + 3) >> 2;
    copyWords(words, at, own, from, kept);
    for (let i = kept; i < end; i += 1) words[at + i] = 0;
    const { macWords } = this;
    if ((own[from] & GROUP_BIT) === 0) {
      words[at] = macWords[0];
      words[at + 1] = macWords[1];
    } else {
      words[at + 1] = (words[at + 1] & 0xffff) | (macWords[1] & ~0xffff);
    }
    words[at + 2] = macWords[2];
    return length;
  }

  private seek(seq: number): void {
    const loop = Math.floor(seq / this.frames.count);
    this.frame = seq - loop * this.frames.count;
    this.loop = loop & 0xffff;
  }
}
