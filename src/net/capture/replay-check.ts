import type { Memory } from '../../memory/arena.ts';
import { Arrivals } from '../traffic/arrivals.ts';
import type { Capture } from './capture.ts';
import { ipv4ChecksumOk } from '../wire/checksum.ts';
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { FLOW_UNKNOWN, FlowTable } from '../tables/flow-table.ts';
import { IPV4_ID_BYTE, ipv4HeaderBytes } from '../wire/ipv4.ts';
import { readU16 } from '../wire/network-order.ts';
import { hasIpv4Header } from './replay-addressing.ts';
import { ReplayFrames } from './replay-frames.ts';
import { REPLAY_UNKNOWN, ReplayIndex } from './replay-index.ts';
import { ReplayStamps } from './replay-stamps.ts';
import type { ReplayStream } from './replay-tag.ts';
import { FRAME_CORRUPT, FRAME_FOREIGN } from '../traffic/traffic-check.ts';
import type { TrafficCheck } from '../traffic/traffic-check.ts';

const FOREIGN = FRAME_FOREIGN;
const CORRUPT = FRAME_CORRUPT;
const UNKNOWN = REPLAY_UNKNOWN;
const NO_FLOW = FLOW_UNKNOWN;
const ETH_BYTES = ETH_HEADER_BYTES;
const ID: number = ETH_HEADER_BYTES + IPV4_ID_BYTE;
const TAG_VALUES = 65_536;

/** What can be known of a stream's frames beforehand. Streams to one sink share it where they are readdressed alike. */
class ExpectedFrames {
  readonly count: number;
  readonly index: ReplayIndex;
  readonly flows: FlowTable;
  readonly flowOf: Int32Array;
  /** 1 where the header checksum was right in the capture; a wrong one is sent wrong and must arrive wrong. */
  readonly checksumRight: Uint8Array;

  constructor(capture: Capture, stream: ReplayStream) {
    const frames = new ReplayFrames(capture, stream.addressing);
    this.count = frames.count;
    this.index = new ReplayIndex(frames);
    this.flows = new FlowTable(frames.count);
    this.flowOf = new Int32Array(frames.count).fill(NO_FLOW);
    this.checksumRight = new Uint8Array(frames.count);
    for (let frame = 0; frame < frames.count; frame += 1) {
      if (frames.routable[frame] === 0) continue;
      const at = frames.firstWord[frame] * 4;
      this.flowOf[frame] = this.flows.add(frames.bytes, at, frames.lengths[frame]);
      this.checksumRight[frame] = checksumRight(frames.bytes, at) ? 1 : 0;
    }
  }
}

/** One stream on its way to this sink. */
class ReplayedStream {
  readonly expected: ExpectedFrames;
  readonly arrivals: Arrivals;
  readonly stamps: ReplayStamps;
  /** The frame last located: which of the capture's, and which of all sent. */
  frame = 0;
  seq = 0;

  constructor(memory: Memory, stream: ReplayStream, expected: ExpectedFrames) {
    this.expected = expected;
    this.arrivals = new Arrivals(Math.max(expected.flows.count, 1));
    this.stamps = new ReplayStamps(memory, stream.stamps);
  }

  /**
   * Sets `frame` and `seq` to the frame of that group whose count, modulo `counts` (a power of two), came with the tag:
   * of all that fit, the latest that has been sent. However many frames were lost this is right, as long as fewer than
   * `counts` frames of equal content are in flight. False when none that fits has been sent.
   */
  locate(group: number, count: number, counts: number): boolean {
    const { index, count: frameCount } = this.expected;
    const latest = this.stamps.sent() - 1;
    const loop = Math.floor(latest / frameCount);
    const size = index.groupSize(group);
    const latestSent = loop * size + index.membersUpTo(group, latest - loop * frameCount) - 1;
    const sentBefore = latestSent - ((latestSent - count) & (counts - 1));
    if (sentBefore < 0) return false;
    const ownLoop = Math.floor(sentBefore / size);
    this.frame = index.members[index.firstMember[group] + sentBefore - ownLoop * size];
    this.seq = ownLoop * frameCount + this.frame;
    return true;
  }
}

/**
 * Checks replayed frames. The tag tells the stream; the whole content, compared with the capture's, the frame; the tag
 * again which of the equal ones. A frame of a known flow with content that was never captured has been corrupted. What
 * is not IPv4 carries no tag and is foreign here: the function forwards none of it.
 */
export class ReplayCheck implements TrafficCheck {
  sentNs = 0;
  streamIndex = 0;
  private readonly streams: readonly ReplayedStream[];
  private readonly laneBits: number;
  private readonly laneMask: number;
  private readonly counts: number;

  /** `streams` by lane, which is also their place among those that end here. */
  constructor(memory: Memory, capture: Capture, streams: readonly ReplayStream[]) {
    const alike = new Map<string, ExpectedFrames>();
    this.streams = streams.map((stream) => {
      const { network, firstHost, routes } = stream.addressing;
      const key = JSON.stringify([network, firstHost, routes]);
      const expected = alike.get(key) ?? new ExpectedFrames(capture, stream);
      alike.set(key, expected);
      return new ReplayedStream(memory, stream, expected);
    });
    this.laneBits = streams.length === 0 ? 0 : streams[0].laneBits;
    this.laneMask = (1 << this.laneBits) - 1;
    this.counts = TAG_VALUES >>> this.laneBits;
  }

  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    if (!hasIpv4Header(bytes, offset, length)) return FOREIGN;
    const tag = readU16(bytes, offset + ID);
    const lane = tag & this.laneMask;
    if (lane >= this.streams.length) return FOREIGN;
    const stream = this.streams[lane];
    const expected = stream.expected;
    const group = expected.index.find(words, offset >> 2, length);
    if (group === UNKNOWN) return expected.flows.find(bytes, offset, length) === NO_FLOW ? FOREIGN : CORRUPT;
    if (!stream.locate(group, tag >>> this.laneBits, this.counts)) return CORRUPT;
    const { frame, seq } = stream;
    if (checksumRight(bytes, offset) !== (expected.checksumRight[frame] === 1)) return CORRUPT;
    this.sentNs = stream.stamps.dueNs(seq);
    this.streamIndex = lane;
    return stream.arrivals.note(seq, expected.flowOf[frame]);
  }
}

/** Whether the IPv4 header of the frame at `offset` has the checksum it should have. */
function checksumRight(bytes: Uint8Array, offset: number): boolean {
  return ipv4ChecksumOk(bytes, offset + ETH_BYTES, ipv4HeaderBytes(bytes, offset + ETH_BYTES));
}
