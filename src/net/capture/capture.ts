// Frames read from a capture file, as flat arrays, and the collector that fills them.
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { DIRECTION_UNKNOWN, headerReaderOf, LINKTYPE_ETHERNET } from './link-types.ts';
import type { LinkHeader } from './link-types.ts';

/**
 * The frames of one capture. Index i is the i-th frame of the file that is Ethernet or can be made Ethernet. Arrays may
 * be longer than there are frames.
 */
export interface Capture {
  readonly fileName: string;
  readonly format: 'pcap' | 'pcapng';
  readonly frameCount: number;
  /** The file as it was read, decompressed. */
  readonly content: Uint8Array;
  /** Byte of `content` where the frame begins, or what follows the link header that an Ethernet header replaces. */
  readonly starts: Uint32Array;
  /** Type of the Ethernet header to put in front; 0 for frames that have one. */
  readonly etherTypes: Uint16Array;
  /** Bytes captured, without FCS, with a header that is put in front. */
  readonly lengths: Uint32Array;
  /** Bytes the frame had on the wire likewise; more than `lengths` where a snap length cut it. */
  readonly originalLengths: Uint32Array;
  /** DIRECTION_ of the frame in the low bits; MARK_GROUP and MARK_BEYOND. */
  readonly marks: Uint8Array;
  /** Time since `firstTimeNs` in nanoseconds, negative for a frame out of order, NaN where the file has none (SPB). */
  readonly timestampsNs: Float64Array;
  /** Capture time of the first frame that has one, nanoseconds since 1970: more than a number can hold exactly. */
  readonly firstTimeNs: bigint;
  /** Interface of each frame, counted through the whole file: an index into `interfaceNames`. */
  readonly interfaceIds: Uint16Array;
  /** Names of the interfaces, empty where the file gives none. */
  readonly interfaceNames: readonly string[];
  /** Frames of link types that cannot be replayed, and of others where they carry nothing that Ethernet has a type for. */
  readonly skipped: readonly SkippedFrames[];
  /** What is wrong with the file and did not keep it from being read, in words. */
  readonly warnings: readonly string[];
}

export interface SkippedFrames {
  readonly linkType: number;
  readonly frames: number;
}

/** Bits of a frame's direction. */
export const MARK_DIRECTION = 3;
/** The frame was sent to a group address that its link header does not give. */
export const MARK_GROUP = 4;
/** The file has more bytes of the frame than it says there were. */
export const MARK_BEYOND = 8;

/** How much of a capture is read. */
export interface CaptureLimits {
  /** Frames, replayable or not; Infinity for all. */
  readonly frames: number;
  /** Nanoseconds from the first frame on; Infinity for all. */
  readonly timeNs: number;
}

export const WHOLE_CAPTURE: CaptureLimits = { frames: Infinity, timeNs: Infinity };

/** A capture file that cannot be read: which file, at which byte, and why. */
export class CaptureFileError extends Error {
  readonly fileName: string;
  readonly byteOffset: number;

  constructor(fileName: string, byteOffset: number, reason: string) {
    super(`${fileName}: byte ${byteOffset}: ${reason}`);
    this.name = 'CaptureFileError';
    this.fileName = fileName;
    this.byteOffset = byteOffset;
  }
}

/** Longest frame accepted; a longer one is taken for corruption, as libpcap does (MAXIMUM_SNAPLEN). */
const FRAME_BYTES_MAX = 262_144;
const INTERFACES_MAX = 65_536;
const FIRST_ROOM = 1024;

/** One frame as a file has it; lengths as in the file, FCS and link header included. */
export interface FrameRecord {
  /** Where its record is, for messages. */
  recordAt: number;
  start: number;
  capturedBytes: number;
  originalBytes: number;
  fcsBytes: number;
  linkType: number;
  /** Nanoseconds since 1970, null where the file has no time. */
  timeNs: bigint | null;
  interfaceId: number;
  direction: number;
}

/** Collects the frames of one file. One collector serves one reader. */
export class CaptureCollector {
  readonly fileName: string;
  private readonly limits: CaptureLimits;
  private readonly header: LinkHeader = { bytes: 0, etherType: 0, group: false, direction: DIRECTION_UNKNOWN };
  private readonly skipped = new Map<number, number>();
  private readonly warnings: string[] = [];
  private readonly interfaceNames: string[] = [];
  private columns = new Columns(FIRST_ROOM);
  private count = 0;
  private seen = 0;
  private firstTimeNs: bigint | null = null;
  private isOver = false;

  constructor(fileName: string, limits: CaptureLimits = WHOLE_CAPTURE) {
    this.fileName = fileName;
    this.limits = limits;
  }

  /** Whether all that was asked for has been read. */
  get full(): boolean {
    return this.isOver || this.seen >= this.limits.frames;
  }

  /** The error to throw for what was found at `byteOffset`. */
  error(byteOffset: number, reason: string): CaptureFileError {
    return new CaptureFileError(this.fileName, byteOffset, reason);
  }

  /** Throws when fewer than `needed` bytes are left at `at`, before `end`. */
  need(at: number, needed: number, end: number, what: string): void {
    if (at + needed > end) {
      throw this.error(at, `${what} needs ${needed} bytes, ${end - at} are left: the file is truncated or corrupt`);
    }
  }

  /** The file ends in the middle of something that begins at `at`. */
  cut(at: number, what: string): void {
    this.isOver = true;
    this.warnings.push(
      `the file is cut off: it ends within the ${what} at byte ${at}, after ${this.seen} whole frames`,
    );
  }

  /** Registers an interface and returns its index in the whole file. */
  addInterface(name: string, byteOffset: number): number {
    if (this.interfaceNames.length === INTERFACES_MAX)
      throw this.error(byteOffset, `more than ${INTERFACES_MAX} interfaces`);
    return this.interfaceNames.push(name) - 1;
  }

  /** Throws for a length that no frame has. */
  checkLength(recordAt: number, capturedBytes: number): void {
    if (capturedBytes <= FRAME_BYTES_MAX) return;
    const possible = `at most ${FRAME_BYTES_MAX} are possible: the file is corrupt`;
    throw this.error(recordAt, `frame of ${capturedBytes} bytes, ${possible}`);
  }

  /** Takes in a frame that is all there. */
  addFrame(view: DataView, frame: FrameRecord): void {
    const { capturedBytes, fcsBytes, timeNs, linkType } = frame;
    this.checkLength(frame.recordAt, capturedBytes);
    let sinceFirstNs = NaN;
    if (timeNs !== null) {
      this.firstTimeNs ??= timeNs;
      sinceFirstNs = Number(timeNs - this.firstTimeNs);
      if (sinceFirstNs >= this.limits.timeNs) {
        this.isOver = true;
        return;
      }
    }
    this.seen += 1;
    // Some writers state an original length below the captured one; the bytes that are there prove it wrong.
    const originalBytes = Math.max(Math.max(frame.originalBytes, capturedBytes) - fcsBytes, 0);
    const wholeBytes = Math.max(Math.min(capturedBytes, originalBytes), 0);
    const { header } = this;
    header.bytes = 0;
    header.etherType = 0;
    header.group = false;
    header.direction = DIRECTION_UNKNOWN;
    if (linkType !== LINKTYPE_ETHERNET) {
      const reader = headerReaderOf(linkType);
      if (reader === null || !reader(view, frame.start, wholeBytes, header) || header.etherType === 0) {
        this.skipped.set(linkType, (this.skipped.get(linkType) ?? 0) + 1);
        return;
      }
    }
    const added = header.etherType === 0 ? 0 : ETH_HEADER_BYTES - header.bytes;
    const columns = this.roomForOne();
    const i = this.count++;
    columns.starts[i] = frame.start + header.bytes;
    columns.etherTypes[i] = header.etherType;
    columns.lengths[i] = wholeBytes + added;
    columns.originalLengths[i] = originalBytes + added;
    columns.marks[i] =
      (frame.direction === DIRECTION_UNKNOWN ? header.direction : frame.direction) |
      (header.group ? MARK_GROUP : 0) |
      (capturedBytes > frame.originalBytes ? MARK_BEYOND : 0);
    columns.timestampsNs[i] = sinceFirstNs;
    columns.interfaceIds[i] = frame.interfaceId;
  }

  finish(format: 'pcap' | 'pcapng', content: Uint8Array): Capture {
    const { fileName, count, columns, interfaceNames, warnings } = this;
    const skipped = [...this.skipped].map(([linkType, frames]) => ({ linkType, frames }));
    return {
      fileName,
      format,
      frameCount: count,
      content,
      starts: columns.starts,
      etherTypes: columns.etherTypes,
      lengths: columns.lengths,
      originalLengths: columns.originalLengths,
      marks: columns.marks,
      timestampsNs: columns.timestampsNs,
      firstTimeNs: this.firstTimeNs ?? 0n,
      interfaceIds: columns.interfaceIds,
      interfaceNames,
      skipped,
      warnings,
    };
  }

  private roomForOne(): Columns {
    if (this.count === this.columns.room) this.columns = this.columns.enlarged();
    return this.columns;
  }
}

/** The arrays of a capture, with room for frames to come. */
class Columns {
  readonly room: number;
  readonly starts: Uint32Array;
  readonly etherTypes: Uint16Array;
  readonly lengths: Uint32Array;
  readonly originalLengths: Uint32Array;
  readonly marks: Uint8Array;
  readonly timestampsNs: Float64Array;
  readonly interfaceIds: Uint16Array;

  constructor(room: number) {
    this.room = room;
    this.starts = new Uint32Array(room);
    this.etherTypes = new Uint16Array(room);
    this.lengths = new Uint32Array(room);
    this.originalLengths = new Uint32Array(room);
    this.marks = new Uint8Array(room);
    this.timestampsNs = new Float64Array(room);
    this.interfaceIds = new Uint16Array(room);
  }

  /** A copy with twice the room. */
  enlarged(): Columns {
    const larger = new Columns(this.room * 2);
    larger.starts.set(this.starts);
    larger.etherTypes.set(this.etherTypes);
    larger.lengths.set(this.lengths);
    larger.originalLengths.set(this.originalLengths);
    larger.marks.set(this.marks);
    larger.timestampsNs.set(this.timestampsNs);
    larger.interfaceIds.set(this.interfaceIds);
    return larger;
  }
}

/** Writes the frame's first `count` bytes as Ethernet to byte `at` of `into`; `count` is at most what was captured. */
export function copyFrame(capture: Capture, frame: number, count: number, into: Uint8Array, at: number): void {
  const { content, starts, etherTypes, marks } = capture;
  const start = starts[frame];
  const type = etherTypes[frame];
  if (type === 0) {
    into.set(content.subarray(start, start + count), at);
    return;
  }
  const header = Math.min(count, ETH_HEADER_BYTES);
  into.fill(0, at, at + header);
  if ((marks[frame] & MARK_GROUP) !== 0) into.fill(0xff, at, at + Math.min(header, 6));
  if (header === ETH_HEADER_BYTES) {
    into[at + 12] = type >>> 8;
    into[at + 13] = type & 0xff;
  }
  into.set(content.subarray(start, start + count - header), at + header);
}

/** A frame's bytes as Ethernet, as far as they were captured. */
export function capturedFrame(capture: Capture, frame: number): Uint8Array {
  const bytes = new Uint8Array(capture.lengths[frame]);
  copyFrame(capture, frame, bytes.length, bytes, 0);
  return bytes;
}
