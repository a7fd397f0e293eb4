// Frames read from a capture file, as flat arrays, and the collector that fills them.

/** Link type of Ethernet, LINKTYPE_ETHERNET in the registry of the pcap format (draft-ietf-opsawg-pcaplinktype). */
export const LINKTYPE_ETHERNET = 1;

/**
 * The frames of one capture file. All arrays lie in SharedArrayBuffers, so that a capture can be given to other threads
 * without a copy; nobody writes them after reading. Index i is the i-th frame of the file.
 */
export interface Capture {
  readonly fileName: string;
  readonly format: 'pcap' | 'pcapng';
  readonly linkType: typeof LINKTYPE_ETHERNET;
  readonly frameCount: number;
  /** All frames back to back, without FCS. */
  readonly frames: Uint8Array;
  readonly offsets: Uint32Array;
  /** Bytes captured. */
  readonly lengths: Uint32Array;
  /** Bytes the frame had on the wire without FCS; more than `lengths` where a snap length cut it. */
  readonly originalLengths: Uint32Array;
  /**
   * Time since `firstTimeNs` in nanoseconds, negative for a frame out of order, NaN where the file has none (pcapng
   * SPB).
   */
  readonly timestampsNs: Float64Array;
  /** Capture time of the first frame that has one, nanoseconds since 1970: more than a number can hold exactly. */
  readonly firstTimeNs: bigint;
  /** Interface of each frame, counted through the whole file: an index into `interfaceNames`. */
  readonly interfaceIds: Uint16Array;
  /** Names of the interfaces, empty where the file gives none. */
  readonly interfaceNames: readonly string[];
}

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

/** Collects the frames of one file and then packs them. One collector serves one reader. */
export class CaptureCollector {
  readonly fileName: string;
  private readonly file: Uint8Array;
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private readonly originalLengths: number[] = [];
  private readonly times: number[] = [];
  private readonly interfaceIds: number[] = [];
  private readonly interfaceNames: string[] = [];
  private firstTimeNs: bigint | null = null;

  constructor(file: Uint8Array, fileName: string) {
    this.file = file;
    this.fileName = fileName;
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

  /** Registers an interface and returns its index in the whole file. */
  addInterface(name: string, byteOffset: number): number {
    if (this.interfaceNames.length === INTERFACES_MAX)
      throw this.error(byteOffset, `more than ${INTERFACES_MAX} interfaces`);
    return this.interfaceNames.push(name) - 1;
  }

  /**
   * Takes in the frame whose record is at `recordAt` and whose bytes start at `start`; lengths as in the file, FCS
   * included. `end` is the first byte that no longer belongs to the record.
   */
  addFrame(frame: {
    readonly recordAt: number;
    readonly start: number;
    readonly end: number;
    readonly capturedBytes: number;
    readonly originalBytes: number;
    readonly fcsBytes: number;
    readonly timeNs: bigint | null;
    readonly interfaceId: number;
  }): void {
    const { recordAt, capturedBytes, fcsBytes, timeNs } = frame;
    if (capturedBytes > FRAME_BYTES_MAX) {
      throw this.error(
        recordAt,
        `frame of ${capturedBytes} bytes, at most ${FRAME_BYTES_MAX} are possible: the file is corrupt`,
      );
    }
    this.need(frame.start, capturedBytes, frame.end, 'frame');
    if (timeNs !== null) this.firstTimeNs ??= timeNs;
    // Some writers state an original length below the captured one; the bytes that are there prove it wrong.
    const originalBytes = Math.max(frame.originalBytes, capturedBytes) - fcsBytes;
    this.starts.push(frame.start);
    this.lengths.push(Math.max(Math.min(capturedBytes, originalBytes), 0));
    this.originalLengths.push(Math.max(originalBytes, 0));
    this.times.push(timeNs === null ? NaN : Number(timeNs - (this.firstTimeNs ?? 0n)));
    this.interfaceIds.push(frame.interfaceId);
  }

  /** Packs everything collected. */
  finish(format: 'pcap' | 'pcapng'): Capture {
    const frameCount = this.starts.length;
    let totalBytes = 0;
    for (const length of this.lengths) totalBytes += length;
    const frames = new Uint8Array(new SharedArrayBuffer(totalBytes));
    const offsets = new Uint32Array(new SharedArrayBuffer(frameCount * 4));
    let at = 0;
    for (let i = 0; i < frameCount; i += 1) {
      frames.set(this.file.subarray(this.starts[i], this.starts[i] + this.lengths[i]), at);
      offsets[i] = at;
      at += this.lengths[i];
    }
    const lengths = new Uint32Array(new SharedArrayBuffer(frameCount * 4));
    const originalLengths = new Uint32Array(new SharedArrayBuffer(frameCount * 4));
    const timestampsNs = new Float64Array(new SharedArrayBuffer(frameCount * 8));
    const interfaceIds = new Uint16Array(new SharedArrayBuffer(frameCount * 2));
    lengths.set(this.lengths);
    originalLengths.set(this.originalLengths);
    timestampsNs.set(this.times);
    interfaceIds.set(this.interfaceIds);
    return {
      fileName: this.fileName,
      format,
      linkType: LINKTYPE_ETHERNET,
      frameCount,
      frames,
      offsets,
      lengths,
      originalLengths,
      timestampsNs,
      firstTimeNs: this.firstTimeNs ?? 0n,
      interfaceIds,
      interfaceNames: this.interfaceNames,
    };
  }
}
