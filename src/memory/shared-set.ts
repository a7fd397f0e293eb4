/**
 * A set of small numbers that any thread may add to and one thread takes from, as lib/sbitmap.c keeps tags: the cost of
 * a look is that of what is in it, whatever could be. Two levels of bits:
 *
 *     word  0         summary   bit w: word w of the members may hold one
 *     word 32 (128 B) members   32 words; bit n & 31 of word n >> 5 is the number n
 *
 * Who adds sets the member before the summary; who takes clears the summary before it reads the members. So a number is
 * either found by the take that is under way or its summary bit is there for the next one, and whatever was published
 * before a number was added is seen by whoever takes it (Atomics are sequentially consistent).
 */
import type { Arena, Memory, Region } from './arena.ts';
import { WRITER_STRIDE_BYTES } from './arena.ts';
import { lowestBit } from './lowest-bit.ts';

const SUMMARY_WORD = 0;
const MEMBERS_WORD = WRITER_STRIDE_BYTES / 4;
const SET_WORDS = MEMBERS_WORD + 32;

/** Numbers 0 to 1,023 can be in a set. */
export const SHARED_SET_NUMBERS = 1024;
const SET_BYTES = SET_WORDS * 4;

/** Reserves `sets` empty sets, one after the other. */
export function reserveSharedSets(arena: Arena, sets: number): Region {
  return arena.reserve(sets * SET_BYTES);
}

/** Some sets that lie one after the other, numbered from 0: number n is n % 1,024 of set n / 1,024. */
export class SharedSets {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /**
   * Adds the numbers of `list[0]` to `list[count - 1]`, none of which is there; fewest accesses where neighbours follow
   * one another.
   * @throws when one is there already, or lies in no set.
   */
  addAll(list: Int32Array, count: number): void {
    let from = 0;
    while (from < count) {
      const first = list[from];
      let bits = 0;
      let next = from;
      for (; next < count && list[next] >> 5 === first >> 5; next++) bits |= 1 << (list[next] & 31);
      const set = (first >> 10) * SET_WORDS;
      const before = Atomics.or(this.words, set + MEMBERS_WORD + ((first >> 5) & 31), bits);
      if ((before & bits) !== 0) throw new Error(`a number from ${first} on is in the set already`);
      this.summarize(set, first);
      from = next;
    }
  }

  private summarize(set: number, number: number): void {
    const bit = 1 << ((number >> 5) & 31);
    if ((Atomics.load(this.words, set + SUMMARY_WORD) & bit) === 0) Atomics.or(this.words, set + SUMMARY_WORD, bit);
  }

  /**
   * Takes everything out of one set, in order, into `list` from index `count` on, `base` added to each.
   * @returns the index after the last.
   */
  take(set: number, list: Int32Array, count: number, base: number): number {
    const { words } = this;
    const summaryAt = set * SET_WORDS + SUMMARY_WORD;
    if (Atomics.load(words, summaryAt) === 0) return count;
    let summary = Atomics.exchange(words, summaryAt, 0);
    let end = count;
    while (summary !== 0) {
      const word = lowestBit(summary);
      summary &= summary - 1;
      let bits = Atomics.exchange(words, set * SET_WORDS + MEMBERS_WORD + word, 0);
      const first = base + (word << 5);
      while (bits !== 0) {
        list[end++] = first + lowestBit(bits);
        bits &= bits - 1;
      }
    }
    return end;
  }
}

/** The numbers in all sets of a region, for stock-taking while every thread is parked. */
export function sharedNumbers(memory: Memory, region: Region): number[] {
  const words = memory.words(region);
  const numbers: number[] = [];
  for (let number = 0; number < (words.length / SET_WORDS) * SHARED_SET_NUMBERS; number++) {
    const at = (number >> 10) * SET_WORDS + MEMBERS_WORD + ((number >> 5) & 31);
    if ((Atomics.load(words, at) & (1 << (number & 31))) !== 0) numbers.push(number);
  }
  return numbers;
}
