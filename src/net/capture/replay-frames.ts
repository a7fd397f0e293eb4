// The frames of a capture as they will be sent: readdressed, at their full length, ready to be copied word by word.
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import { CaptureFileError } from './capture.ts';
import type { Capture } from './capture.ts';
import { ETH_FCS_BYTES, ETH_FRAME_MIN_BYTES, ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { hasIpv4Header, ReplayAddresser } from './replay-addressing.ts';
import type { ReplayAddressing } from './replay-addressing.ts';

/** Most bytes of frames one stream may keep ready. Every stream and every sink has its own. */
const READY_BYTES_MAX = 2 ** 30;
/** Longest frame believed, as in the reader: the original length is a number in the file and nothing vouches for it. */
const FRAME_BYTES_MAX = 262_144;

/** What a capture offers for replay. */
export interface ReplaySurvey {
  readonly frameCount: number;
  /** Frames without so much as an Ethernet header: they cannot be sent and are left out. */
  readonly runtCount: number;
  /** Frames the capture does not hold in full. They are sent at their full length, the missing end as zeros. */
  readonly cutCount: number;
  /** Frames longer than a host slot: the NIC drops them for their length. */
  readonly oversizeCount: number;
  /** Mean size on the wire, FCS included. */
  readonly meanFrameBytes: number;
}

/** Looks a capture through. Throws CaptureFileError when there is nothing to replay, or more than can be kept. */
export function surveyReplay(capture: Capture): ReplaySurvey {
  let frameCount = 0;
  let cutCount = 0;
  let oversizeCount = 0;
  let wireBytes = 0;
  let readyBytes = 0;
  for (let i = 0; i < capture.frameCount; i += 1) {
    if (!isUsable(capture, i)) continue;
    const length = fullBytes(capture, i);
    frameCount += 1;
    wireBytes += length + ETH_FCS_BYTES;
    readyBytes += keptBytes(length);
    if (capture.originalLengths[i] > capture.lengths[i]) cutCount += 1;
    if (length > FRAME_BYTES_STANDARD) oversizeCount += 1;
  }
  if (frameCount === 0) throw new CaptureFileError(capture.fileName, 0, 'no Ethernet frame in this capture');
  if (readyBytes > READY_BYTES_MAX) {
    const reason = `${readyBytes} bytes of frames, at most ${READY_BYTES_MAX} can be replayed`;
    throw new CaptureFileError(capture.fileName, 0, reason);
  }
  const runtCount = capture.frameCount - frameCount;
  return { frameCount, runtCount, cutCount, oversizeCount, meanFrameBytes: wireBytes / frameCount };
}

/** The frames of one stream. Index i is the i-th frame of the capture that can be sent. */
export class ReplayFrames {
  readonly count: number;
  /** Frame i starts at word `firstWord[i]`, and at four times that in `bytes`; padded with zeros to a whole word. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly firstWord: Int32Array;
  /** Bytes on the wire, without FCS. */
  readonly lengths: Int32Array;
  /** 1 for frames with a complete IPv4 header that fit a host slot: those that can come out at the far end. */
  readonly routable: Uint8Array;

  /** Throws CaptureFileError as `surveyReplay` does. */
  constructor(capture: Capture, addressing: ReplayAddressing) {
    this.count = surveyReplay(capture).frameCount;
    this.firstWord = new Int32Array(this.count);
    this.lengths = new Int32Array(this.count);
    this.routable = new Uint8Array(this.count);
    const sources = new Int32Array(this.count);
    let wordCount = 0;
    for (let i = 0, frame = 0; i < capture.frameCount; i += 1) {
      if (!isUsable(capture, i)) continue;
      this.firstWord[frame] = wordCount;
      this.lengths[frame] = fullBytes(capture, i);
      wordCount += keptBytes(this.lengths[frame]) >> 2;
      sources[frame] = i;
      frame += 1;
    }
    this.words = new Int32Array(wordCount);
    this.bytes = new Uint8Array(this.words.buffer);
    const addresser = new ReplayAddresser(addressing);
    for (let frame = 0; frame < this.count; frame += 1) this.prepare(frame, capture, sources[frame], addresser);
  }

  private prepare(frame: number, capture: Capture, source: number, addresser: ReplayAddresser): void {
    const at = this.firstWord[frame] * 4;
    const from = capture.offsets[source];
    const captured = Math.min(capture.lengths[source], FRAME_BYTES_STANDARD);
    this.bytes.set(capture.frames.subarray(from, from + captured), at);
    addresser.apply(this.bytes, at, at + captured);
    const fits = this.lengths[frame] <= FRAME_BYTES_STANDARD;
    this.routable[frame] = fits && hasIpv4Header(this.bytes, at, captured) ? 1 : 0;
  }
}

function isUsable(capture: Capture, i: number): boolean {
  return capture.lengths[i] >= ETH_HEADER_BYTES;
}

/** Length the frame has on the wire, without FCS: what was captured and what was cut off, padded as a sender must. */
function fullBytes(capture: Capture, i: number): number {
  return Math.min(Math.max(capture.originalLengths[i], ETH_FRAME_MIN_BYTES - ETH_FCS_BYTES), FRAME_BYTES_MAX);
}

/** Bytes kept of a frame of that length, in whole words. A NIC drops what exceeds a host slot without reading it. */
function keptBytes(length: number): number {
  return (Math.min(length, FRAME_BYTES_STANDARD) + 3) & ~3;
}
