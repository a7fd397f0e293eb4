import type { Memory } from '../../memory/arena.ts';
import { Arrivals } from '../traffic/arrivals.ts';
import { ipv4ChecksumOk } from '../wire/checksum.ts';
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { FLOW_UNKNOWN, FlowTable } from '../tables/flow-table.ts';
import { IPV4_ID_BYTE, ipv4HeaderBytes } from '../wire/ipv4.ts';
import { readU16 } from '../wire/network-order.ts';
import { hasIpv4Header } from './replay-addressing.ts';
import { isFragmentAt, REPLAY_UNKNOWN, ReplayIndex } from './replay-index.ts';
import { ReplayStamps } from './replay-stamps.ts';
import type { ReplayStream } from './replay-tag.ts';
import { FRAME_CORRUPT, FRAME_DUPLICATE, FRAME_FOREIGN, FRAME_GOOD, FRAME_UNTIMED } from '../traffic/traffic-check.ts';
import type { TrafficCheck } from '../traffic/traffic-check.ts';

const FOREIGN = FRAME_FOREIGN;
const CORRUPT = FRAME_CORRUPT;
const DUPLICATE = FRAME_DUPLICATE;
const GOOD = FRAME_GOOD;
const UNTIMED = FRAME_UNTIMED;
const UNKNOWN = REPLAY_UNKNOWN;
const NO_FLOW = FLOW_UNKNOWN;
const ETH_BYTES = ETH_HEADER_BYTES;
const ID: number = ETH_HEADER_BYTES + IPV4_ID_BYTE;
const TAG_VALUES = 65_536;
/** A frame that is on its way for less can be no earlier one of its kind than the last sent that much before. */
const APART_NS = 1e9;
/** When what was not sent was due. */
const NEVER_NS = -Infinity;
/** Header checksums, as a set. */
const RIGHT = 1;
const WRONG = 2;

/** What can be known of a stream's frames beforehand. */
class ExpectedFrames {
  readonly count: number;
  readonly index: ReplayIndex;
  readonly flows: FlowTable;
  readonly flowOf: Int32Array;
  /** 1 where the header checksum was right in the capture; a wrong one is sent wrong and must arrive wrong. */
  readonly checksumRight: Uint8Array;
  /** Of each group, the checksums that its frames have, RIGHT or WRONG or both. */
  readonly checksumsOf: Uint8Array;

  constructor({ frames, index }: ReplayStream) {
    this.count = frames.count;
    this.index = new ReplayIndex(frames, index);
    this.flows = new FlowTable(index.members.length);
    this.flowOf = new Int32Array(frames.count).fill(NO_FLOW);
    this.checksumRight = new Uint8Array(frames.count);
    this.checksumsOf = new Uint8Array(index.members.length);
    for (let frame = 0; frame < frames.count; frame += 1) {
      if (frames.routable[frame] === 0) continue;
      const at = frames.firstWord[frame] * 4;
      this.flowOf[frame] = this.flows.add(frames.bytes, at, frames.lengths[frame]);
      this.checksumRight[frame] = checksumRight(frames.bytes, at) ? 1 : 0;
      this.checksumsOf[index.groupOf[frame]] |= this.checksumRight[frame] === 1 ? RIGHT : WRONG;
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
  /** When the latest of the group last looked at, and the one before it, were due, or NEVER_NS. */
  latestNs = NEVER_NS;
  beforeNs = NEVER_NS;
  /** Of each group, how many arrived: for fragments. */
  private readonly arrived: Float64Array;

  constructor(memory: Memory, stream: ReplayStream, expected: ExpectedFrames) {
    this.expected = expected;
    this.arrivals = new Arrivals(Math.max(expected.flows.count, 1));
    this.stamps = new ReplayStamps(memory, stream.stamps);
    this.arrived = new Float64Array(stream.index.members.length);
  }

  /**
   * Sets `frame` and `seq` to the frame of that group whose count, modulo `counts` (a power of two), came with the tag:
   * of all that fit, the latest that has been sent. However many frames were lost this is right, as long as fewer than
   * `counts` frames of equal content are in flight. False when none that fits has been sent.
   */
  locate(group: number, count: number, counts: number): boolean {
    const latestSent = this.sentOf(group) - 1;
    const sentBefore = latestSent - ((latestSent - count) & (counts - 1));
    if (sentBefore < 0) return false;
    this.moveTo(group, sentBefore);
    return true;
  }

  /**
   * Looks at what was sent of a group of fragments, which carry no tag: sets `latestNs` and `beforeNs`. Returns whether
   * fewer have arrived.
   */
  lookAtUntagged(group: number): boolean {
    const sent = this.sentOf(group);
    this.latestNs = this.dueNs(group, sent - 1);
    this.beforeNs = this.dueNs(group, sent - 2);
    return this.arrived[group] < sent;
  }

  noteUntagged(group: number): void {
    this.arrived[group]++;
  }

  /** When the frame of the group that `sentBefore` others came before was due; NEVER_NS below 0. */
  private dueNs(group: number, sentBefore: number): number {
    if (sentBefore < 0) return NEVER_NS;
    this.moveTo(group, sentBefore);
    return this.stamps.dueNs(this.seq);
  }

  /** Frames of the group sent so far. */
  private sentOf(group: number): number {
    const { index, count } = this.expected;
    const latest = this.stamps.sent() - 1;
    const loop = Math.floor(latest / count);
    return loop * index.groupSize(group) + index.membersUpTo(group, latest - loop * count);
  }

  private moveTo(group: number, sentBefore: number): void {
    const { index, count } = this.expected;
    const size = index.groupSize(group);
    const loop = Math.floor(sentBefore / size);
    this.frame = index.members[index.firstMember[group] + sentBefore - loop * size];
    this.seq = loop * count + this.frame;
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
  constructor(memory: Memory, streams: readonly ReplayStream[]) {
    const expected = streams.map((stream, i) => {
      const sharedWith = streams.findIndex(({ frames }) => frames.words.buffer === stream.frames.words.buffer);
      return sharedWith < i ? null : new ExpectedFrames(stream);
    });
    this.streams = streams.map((stream) => {
      const first = streams.findIndex(({ frames }) => frames.words.buffer === stream.frames.words.buffer);
      return new ReplayedStream(memory, stream, expected[first]!);
    });
    this.laneBits = streams.length === 0 ? 0 : streams[0].laneBits;
    this.laneMask = (1 << this.laneBits) - 1;
    this.counts = TAG_VALUES >>> this.laneBits;
  }

  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    if (!hasIpv4Header(bytes, offset, length)) return FOREIGN;
    if (isFragmentAt(words, offset >> 2)) return this.verifyFragment(bytes, words, offset, length);
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

  /**
   * A fragment is of the stream that sent one of its kind last, of those that have sent more than have arrived; more
   * can arrive than all have sent only where one arrives twice. Which it is can be told where it is the latest of any
   * stream and the one before, of any stream, was sent long enough ago.
   */
  private verifyFragment(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    const checksum = checksumRight(bytes, offset) ? RIGHT : WRONG;
    let verdict = FOREIGN as number;
    let groupOfStream = UNKNOWN as number;
    let latestNs = NEVER_NS;
    let beforeNs = NEVER_NS;
    for (let lane = 0; lane < this.streams.length; lane++) {
      const stream = this.streams[lane];
      const { index, flows, checksumsOf } = stream.expected;
      const group = index.find(words, offset >> 2, length);
      const isKnown = group !== UNKNOWN && (checksumsOf[group] & checksum) !== 0;
      const isMissing = isKnown && stream.lookAtUntagged(group);
      if (!isKnown || stream.latestNs === NEVER_NS) {
        if (verdict === FOREIGN && flows.find(bytes, offset, length) !== NO_FLOW) verdict = CORRUPT;
        continue;
      }
      const dueNs = stream.latestNs;
      beforeNs = Math.max(beforeNs, stream.beforeNs, Math.min(latestNs, dueNs));
      latestNs = Math.max(latestNs, dueNs);
      if (verdict === UNTIMED && (!isMissing || dueNs <= this.sentNs)) continue;
      verdict = isMissing ? UNTIMED : DUPLICATE;
      groupOfStream = group;
      this.streamIndex = lane;
      this.sentNs = dueNs;
    }
    if (verdict !== UNTIMED) return verdict;
    this.streams[this.streamIndex].noteUntagged(groupOfStream);
    return this.sentNs === latestNs && latestNs - beforeNs >= APART_NS ? GOOD : UNTIMED;
  }
}

/** Whether the IPv4 header of the frame at `offset` has the checksum it should have. */
function checksumRight(bytes: Uint8Array, offset: number): boolean {
  return ipv4ChecksumOk(bytes, offset + ETH_BYTES, ipv4HeaderBytes(bytes, offset + ETH_BYTES));
}
