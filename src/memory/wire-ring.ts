/**
 * A wire: frames in flight between two pieces of hardware, in order, each in a cell of its own. Nothing but a FIFO can
 * happen on a wire, so cells need no ids: a cell is free again when the reader's head has passed it.
 *
 *     word  0         tail   written by the sender        word 32 (128 B) head   written by the receiver
 *     byte 256        cells, 2,112 bytes each where frames are of the standard size (frame-room.ts):
 *         byte  0     length of the frame in bytes, without FCS
 *         byte  8     time the frame was due on the wire, ns, 64-bit float
 *         byte 16     tag: the sender's own word about the frame (0 when it says all in the payload)
 *         byte 64     the frame
 */
import { FRAME_BYTES_STANDARD, oddStrideBytes } from './frame-room.ts';
import type { Memory, Region } from './arena.ts';
import type { Arena } from './arena.ts';

const TAIL_WORD = 0;
const HEAD_WORD = 32;
const CELLS_BYTE = 256;
const CELL_DUE_BYTE = 8;
const CELL_FRAME_BYTE = 64;

/** A wire as the plan describes it: `cells` (a power of two) frames fit on it. */
export interface WireRef {
  readonly region: Region;
  readonly cells: number;
  /** The largest frame it carries, without FCS. */
  readonly frameBytesMax: number;
  readonly strideBytes: number;
}

/** Reserves a wire of `cells` cells, a power of two, for frames of at most `frameBytesMax` bytes without FCS. */
export function reserveWire(arena: Arena, cells: number, frameBytesMax: number = FRAME_BYTES_STANDARD): WireRef {
  const strideBytes = oddStrideBytes(CELL_FRAME_BYTE + frameBytesMax);
  return { region: arena.reserve(CELLS_BYTE + cells * strideBytes), cells, frameBytesMax, strideBytes };
}

/** What both ends share: views on the cells. `words[frameWord(i)]`, `bytes[frameByte(i)]` for the i-th cell. */
class WireEnd {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** The largest frame the wire carries, without FCS. */
  readonly frameBytesMax: number;
  protected readonly doubles: Float64Array;
  readonly cells: number;
  readonly strideBytes: number;
  protected readonly mask: number;
  protected readonly strideWords: number;

  constructor(memory: Memory, wire: WireRef) {
    this.words = memory.words(wire.region);
    this.bytes = new Uint8Array(memory.buffer(wire.region.buffer), wire.region.offsetBytes, wire.region.bytes);
    this.doubles = memory.doubles(wire.region);
    this.cells = wire.cells;
    this.mask = wire.cells - 1;
    this.frameBytesMax = wire.frameBytesMax;
    this.strideBytes = wire.strideBytes;
    this.strideWords = wire.strideBytes >> 2;
  }
}

/** The sending end. Fill a cell through `frameWord`/`frameByte`, then `send`; `publish` once a batch. */
export class WireSender extends WireEnd {
  private tail: number;
  private headSeen: number;

  constructor(memory: Memory, wire: WireRef) {
    super(memory, wire);
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.headSeen = Atomics.load(this.words, HEAD_WORD);
  }

  /** Free cells known, at least `wanted` if there are that many. */
  writable(wanted: number): number {
    const free = this.cells - ((this.tail - this.headSeen) | 0);
    if (free >= wanted) return free;
    this.headSeen = Atomics.load(this.words, HEAD_WORD);
    return this.cells - ((this.tail - this.headSeen) | 0);
  }

  /** Number of the next cell, from 0. */
  cell(): number {
    return this.tail & this.mask;
  }

  /** First word of the next cell's frame, in `words`. */
  frameWord(): number {
    return ((CELLS_BYTE + CELL_FRAME_BYTE) >> 2) + (this.tail & this.mask) * this.strideWords;
  }

  /** First byte of the next cell's frame, in `bytes`. */
  frameByte(): number {
    return CELLS_BYTE + CELL_FRAME_BYTE + (this.tail & this.mask) * this.strideBytes;
  }

  /** Puts the filled cell on the wire. `dueNs` is when the frame was due; `lengthBytes` excludes the FCS. */
  send(lengthBytes: number, dueNs: number, tag: number): void {
    const cell = (CELLS_BYTE >> 2) + (this.tail & this.mask) * this.strideWords;
    this.words[cell] = lengthBytes;
    this.words[cell + 4] = tag;
    this.doubles[(cell >> 1) + (CELL_DUE_BYTE >> 3)] = dueNs;
    this.tail = (this.tail + 1) | 0;
  }

  publish(): void {
    Atomics.store(this.words, TAIL_WORD, this.tail);
  }
}

/** The receiving end. Look at the oldest frame through the accessors, `next` to pass it, `release` once a batch. */
export class WireReceiver extends WireEnd {
  private head: number;
  private tailSeen: number;

  constructor(memory: Memory, wire: WireRef) {
    super(memory, wire);
    this.head = Atomics.load(this.words, HEAD_WORD);
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
  }

  /** Frames arrived and known, at least `wanted` if there are that many. */
  readable(wanted: number): number {
    const ready = (this.tailSeen - this.head) | 0;
    if (ready >= wanted) return ready;
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
    return (this.tailSeen - this.head) | 0;
  }

  /** Length of the oldest frame in bytes, without FCS. */
  frameBytes(): number {
    return this.words[(CELLS_BYTE >> 2) + (this.head & this.mask) * this.strideWords];
  }

  /** The sender's tag on the oldest frame. */
  tag(): number {
    return this.words[(CELLS_BYTE >> 2) + (this.head & this.mask) * this.strideWords + 4];
  }

  /** When the oldest frame was due on the wire, ns. */
  dueNs(): number {
    return this.doubles[((CELLS_BYTE + CELL_DUE_BYTE) >> 3) + (this.head & this.mask) * (this.strideBytes >> 3)];
  }

  /** Number of the cell that the oldest frame lies in, from 0. */
  cell(): number {
    return this.head & this.mask;
  }

  /** First word of the oldest frame, in `words`. */
  frameWord(): number {
    return ((CELLS_BYTE + CELL_FRAME_BYTE) >> 2) + (this.head & this.mask) * this.strideWords;
  }

  /** First byte of the oldest frame, in `bytes`. */
  frameByte(): number {
    return CELLS_BYTE + CELL_FRAME_BYTE + (this.head & this.mask) * this.strideBytes;
  }

  /** Passes the oldest frame. */
  next(): void {
    this.head = (this.head + 1) | 0;
  }

  /** Takes the last `frames` frames passed for not passed after all; before `release`. */
  back(frames: number): void {
    this.head = (this.head - frames) | 0;
  }

  release(): void {
    Atomics.store(this.words, HEAD_WORD, this.head);
  }
}

/** Frames on the wire, seen from outside. Exact only while both ends are parked. */
export function wireDepth(memory: Memory, wire: WireRef): number {
  const words = memory.words(wire.region);
  return (Atomics.load(words, TAIL_WORD) - Atomics.load(words, HEAD_WORD)) | 0;
}
