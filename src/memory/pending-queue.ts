/**
 * Which of many rings have something in them: a poll list as softnet_data has one (net/core/dev.c), so that a round of
 * their reader costs what there is to do, not what there could be.
 *
 *     word n >> 5, bit n & 31   ring n may hold something its reader has not looked for
 *
 * A producer publishes first and then sets its bit; the reader clears the bit and then looks at the ring. Atomics are
 * sequentially consistent, so a bit found set was not cleared yet, and the look after clearing finds what was published
 * before; a bit found clear is set again. Between the two no frame is forgotten.
 */
import type { Arena, Memory, Region } from './arena.ts';
import { lowestBit } from './lowest-bit.ts';

/** Reserves the bits of the numbers from 0 to `numbers` - 1, all clear. */
export function reservePending(arena: Arena, numbers: number): Region {
  return arena.reserve(Math.max(1, Math.ceil(numbers / 32)) * 4);
}

/** The number under which a reader of many rings knows one of them, and where that is announced. */
export interface Announcement {
  readonly pending: Region;
  readonly number: number;
}

/** A producer's end. */
export class Announcer {
  private readonly words: Int32Array;
  private readonly word: number;
  private readonly bit: number;

  constructor(memory: Memory, { pending, number }: Announcement) {
    this.words = memory.words(pending);
    this.word = number >> 5;
    this.bit = 1 << (number & 31);
  }

  /** Call after publishing. */
  announce(): void {
    if ((Atomics.load(this.words, this.word) & this.bit) === 0) Atomics.or(this.words, this.word, this.bit);
  }
}

/** The reader's end: those announced stand in line, first in, first out, each at most once. */
export class PendingQueue {
  private readonly words: Int32Array;
  /** A ring of places, a power of two. */
  private readonly line: Int32Array;
  private readonly stands: Uint8Array;
  private first = 0;
  private count = 0;

  constructor(memory: Memory, pending: Region) {
    this.words = memory.words(pending);
    let places = 32;
    while (places < this.words.length * 32) places *= 2;
    this.line = new Int32Array(places);
    this.stands = new Uint8Array(places);
  }

  /** Lets whoever was announced since the last call join the line. @returns its length. */
  collect(): number {
    const { words } = this;
    for (let word = 0; word < words.length; word++) {
      if (Atomics.load(words, word) === 0) continue;
      for (let bits = Atomics.exchange(words, word, 0); bits !== 0; bits &= bits - 1) {
        this.push((word << 5) + lowestBit(bits));
      }
    }
    return this.count;
  }

  /** To the end of the line, unless it stands there: one that is not empty yet, or that was just attached. */
  push(number: number): void {
    if (this.stands[number] === 1) return;
    this.stands[number] = 1;
    this.line[(this.first + this.count++) & (this.line.length - 1)] = number;
  }

  /** Takes the first out of the line; only when there is one. */
  shift(): number {
    const number = this.line[this.first];
    this.first = (this.first + 1) & (this.line.length - 1);
    this.count--;
    this.stands[number] = 0;
    return number;
  }

  /** True when nobody stands in line and nobody was announced: the look before sleeping. */
  get empty(): boolean {
    if (this.count > 0) return false;
    const { words } = this;
    for (let word = 0; word < words.length; word++) if (Atomics.load(words, word) !== 0) return false;
    return true;
  }
}
