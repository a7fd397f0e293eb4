/**
 * What sendmmsg(2) and recvmmsg(2) are given: a struct mmsghdr for each cell of a wire, built once, with one iovec that
 * names the cell's frame (include/linux/socket.h, 64-bit):
 *
 *     byte  0  msg_name       16  msg_iov          32  msg_control     48  msg_flags
 *     byte  8  msg_namelen    24  msg_iovlen       40  msg_controllen  56  msg_len, of the frame that came
 */
import type { DeviceCalls } from './device-calls.ts';

const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const IOV_WORD = 4;
const IOVLEN_WORD = 6;
const LENGTH_WORD = 14;
const WORD_RANGE = 2 ** 32;

/** The cells of one wire, as a socket is shown them. */
export interface CellsRef {
  readonly bytes: Uint8Array;
  readonly cells: number;
  readonly strideBytes: number;
  readonly frameBytesMax: number;
}

export class MessageHeaders {
  private readonly words: Int32Array;
  private readonly address: number;
  private readonly iovecWord: number;

  /** @param firstFrameByte of cell 0's frame, in the wire's bytes. */
  constructor(calls: Pick<DeviceCalls, 'addressOf'>, wire: CellsRef, firstFrameByte: number) {
    const { cells, strideBytes, frameBytesMax } = wire;
    const bytes = new Uint8Array(new SharedArrayBuffer(cells * (HEADER_BYTES + IOVEC_BYTES)));
    this.words = new Int32Array(bytes.buffer);
    this.address = calls.addressOf(bytes);
    this.iovecWord = (cells * HEADER_BYTES) >> 2;
    const frames = calls.addressOf(wire.bytes) + firstFrameByte;
    for (let cell = 0; cell < cells; cell++) {
      const header = (cell * HEADER_BYTES) >> 2;
      const iovec = this.iovecWord + ((cell * IOVEC_BYTES) >> 2);
      this.setPointer(header + IOV_WORD, this.address + iovec * 4);
      this.words[header + IOVLEN_WORD] = 1;
      this.setPointer(iovec, frames + cell * strideBytes);
      this.words[iovec + 2] = frameBytesMax;
    }
  }

  private setPointer(word: number, address: number): void {
    this.words[word] = (address % WORD_RANGE) | 0;
    this.words[word + 1] = Math.floor(address / WORD_RANGE);
  }

  /** Where the header of a cell is; those of the next cells follow, as far as the wire goes. */
  at(cell: number): number {
    return this.address + cell * HEADER_BYTES;
  }

  /** Bytes of the frame that a cell gives to the next send. */
  setLength(cell: number, bytes: number): void {
    this.words[this.iovecWord + ((cell * IOVEC_BYTES) >> 2) + 2] = bytes;
  }

  /** Bytes of the frame that the last receive put into a cell. */
  lengthOf(cell: number): number {
    return this.words[((cell * HEADER_BYTES) >> 2) + LENGTH_WORD];
  }
}
