// The frames of a capture as they will be sent: readdressed, ready to be copied word by word, in memory that every
// thread may read and none writes.
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import {
  ETH_FCS_BYTES,
  ETH_FRAME_MIN_BYTES,
  ETH_HEADER_BYTES,
  ETHERTYPE_VLAN,
  VLAN_TAG_BYTES,
} from '../wire/ethernet.ts';
import { readU16 } from '../wire/network-order.ts';
import { dropPriorityTag, VLAN_NONE } from '../wire/vlan.ts';
import { copyFrame } from './capture.ts';
import type { Capture } from './capture.ts';
import { hasIpv4Header, ReplayAddresser } from './replay-addressing.ts';
import type { ReplayAddressing } from './replay-addressing.ts';
import type { CaptureTimes } from './replay-times.ts';

/** Longest frame believed, as in the reader: the original length is a number in the file and nothing vouches for it. */
const FRAME_BYTES_MAX = 262_144;
const TCI_BYTE = ETH_HEADER_BYTES;
const VID_MASK = 0xfff;
/** Set in a priority tag that is kept, so that none is 0; the bit is of the VID, which is 0 in all of them. */
const PRIORITY_TAGGED = 1;

/** Which frames of a capture a stream replays: those of one part. */
export interface ReplaySelection {
  readonly capture: Capture;
  readonly times: CaptureTimes;
  /** See partsOf. */
  readonly parts: Uint8Array;
  readonly part: number;
}

/** The frames of a stream. Index i is the i-th frame of its part that can be sent. Arrays lie in shared memory. */
export interface ReadyFrames {
  readonly count: number;
  /**
   * What was captured of frame i is words `firstWord[i]` to before `firstWord[i + 1]`, and at four times that in
   * `bytes`; what is missing up to its length is zeros, and is not kept. MAC addresses are as captured.
   */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly firstWord: Int32Array;
  /** Bytes on the wire, without FCS and without a priority tag. */
  readonly lengths: Int32Array;
  /** Tag control information of frames with a priority tag (VID 0), plus 1; 0 of those without. */
  readonly priorities: Uint16Array;
  /** 1 for frames with a complete IPv4 header that fit a host slot: those that can come out at the far end. */
  readonly routable: Uint8Array;
  /** When each is due after the beginning of a round, and the length of a round: see CaptureTimes. */
  readonly offsetsNs: Float64Array;
  readonly roundNs: number;
}

/** Makes the frames ready. There may be none. */
export function readyFrames(selection: ReplaySelection, addressing: ReplayAddressing): ReadyFrames {
  const { capture, times } = selection;
  const { count, wordCount } = roomFor(selection);
  const words = new Int32Array(new SharedArrayBuffer(wordCount * 4));
  const frames: ReadyFrames = {
    count,
    words,
    bytes: new Uint8Array(words.buffer),
    firstWord: new Int32Array(new SharedArrayBuffer((count + 1) * 4)),
    lengths: new Int32Array(new SharedArrayBuffer(count * 4)),
    priorities: new Uint16Array(new SharedArrayBuffer(count * 2)),
    routable: new Uint8Array(new SharedArrayBuffer(count)),
    offsetsNs: new Float64Array(new SharedArrayBuffer(count * 8)),
    roundNs: times.roundNs,
  };
  const addresser = new ReplayAddresser(addressing);
  let frame = 0;
  for (let i = 0; i < capture.frameCount; i += 1) {
    if (!isSelected(selection, i)) continue;
    frames.offsetsNs[frame] = times.offsetsNs[i];
    prepare(frames, frame, capture, i, addresser);
    frame += 1;
  }
  return frames;
}

/** Whether the stream replays frame i of the capture: it is of its part, and has an Ethernet header. */
export function isSelected({ capture, parts, part }: ReplaySelection, i: number): boolean {
  return parts[i] === part && capture.lengths[i] >= ETH_HEADER_BYTES;
}

/** Length a captured frame has on the wire without FCS: what was captured and what was cut off, padded as senders do. */
export function lengthOnWire(capture: Capture, i: number): number {
  return Math.min(Math.max(capture.originalLengths[i], ETH_FRAME_MIN_BYTES - ETH_FCS_BYTES), FRAME_BYTES_MAX);
}

/** Tag control information of a priority tag, in the first bytes of a frame; -1 where there is none. */
export function priorityTag(bytes: Uint8Array, at: number, length: number): number {
  if (length < ETH_HEADER_BYTES + VLAN_TAG_BYTES || readU16(bytes, at + TCI_BYTE - 2) !== ETHERTYPE_VLAN) return -1;
  const tci = readU16(bytes, at + TCI_BYTE);
  return (tci & VID_MASK) === VLAN_NONE ? tci : -1;
}

/** Bytes captured of a frame; of those a NIC drops what exceeds a host slot without reading it. */
function keptBytes({ lengths }: Capture, i: number): number {
  return Math.min(lengths[i], FRAME_BYTES_STANDARD);
}

function roomFor(selection: ReplaySelection): { count: number; wordCount: number } {
  const { capture } = selection;
  let count = 0;
  let wordCount = 0;
  for (let i = 0; i < capture.frameCount; i += 1) {
    if (!isSelected(selection, i)) continue;
    count += 1;
    wordCount += (keptBytes(capture, i) + 3) >> 2;
  }
  return { count, wordCount };
}

function prepare(frames: ReadyFrames, frame: number, capture: Capture, i: number, addresser: ReplayAddresser): void {
  const { bytes, firstWord, lengths } = frames;
  const at = firstWord[frame] * 4;
  let captured = keptBytes(capture, i);
  copyFrame(capture, i, captured, bytes, at);
  let onWire = lengthOnWire(capture, i);
  const tci = priorityTag(bytes, at, captured);
  if (tci >= 0) {
    captured = dropPriorityTag(bytes, at, captured);
    bytes.fill(0, at + captured, at + captured + VLAN_TAG_BYTES);
    onWire = Math.max(onWire - VLAN_TAG_BYTES, ETH_FRAME_MIN_BYTES - ETH_FCS_BYTES);
    frames.priorities[frame] = tci | PRIORITY_TAGGED;
  }
  lengths[frame] = onWire;
  firstWord[frame + 1] = firstWord[frame] + ((captured + 3) >> 2);
  addresser.apply(bytes, at, at + captured);
  frames.routable[frame] = onWire <= FRAME_BYTES_STANDARD && hasIpv4Header(bytes, at, captured) ? 1 : 0;
}
