// Finds out which captured frame a received one is, by its content.
//
// Content is what a router leaves alone: everything from the EtherType on, but for the three fields that change on the
// way or that we set ourselves. As little-endian words of a frame that starts at a word:
//
//   word   0..2   MAC addresses                                not content
//   word   3      EtherType, version and IHL, TOS              content
//   word   4      total length        | identification         content | carries the tag, content in a fragment
//   word   5      flags and offset, TTL, protocol              content, but for the TTL (byte 22)
//   word   6      header checksum     | source, high half      not     | content
//   word   7...   the rest                                     content
import { drawFactors, reduceHash } from '../tables/universal-hash.ts';
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import type { ReadyFrames } from './replay-frames.ts';

const FIRST_WORD = 3;
const LENGTH_WORD = 4;
const TTL_WORD = 5;
const CHECKSUM_WORD = 6;
const LENGTH_MASK = 0x0000_ffff;
/** Of word 5: more fragments and fragment offset, as IPV4_FRAGMENT_MASK has them in the order of the network. */
const FRAGMENT_MASK = 0x0000_ff3f;
const TTL_MASK = 0xff00_ffff | 0;
const CHECKSUM_MASK = 0xffff_0000 | 0;
const WORDS_MAX = FRAME_BYTES_STANDARD >> 2;

/** No frame of the capture has this content. */
export const REPLAY_UNKNOWN = -1;

/**
 * Frames by content. Frames of equal content form a group: nobody can tell them apart but by the tag they are sent
 * with, which says how many of the group were sent before. All arrays lie in shared memory.
 */
export interface ContentIndex {
  /** Group of each frame, REPLAY_UNKNOWN for frames that are not routable, and its place among the group's frames. */
  readonly groupOf: Int32Array;
  readonly occurrenceOf: Int32Array;
  /** The first frame of each group. */
  readonly firstOf: Int32Array;
  /** Frames of group g, in ascending order: `members[firstMember[g]]` to before `members[firstMember[g + 1]]`. */
  readonly members: Int32Array;
  readonly firstMember: Int32Array;
  /** Open addressing: group or REPLAY_UNKNOWN, and the hash of its content. */
  readonly slotGroup: Int32Array;
  readonly slotHash: Int32Array;
  /** See drawFactors. */
  readonly factors: Float64Array;
}

const sharedInts = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(count * 4));

/** Forms the groups. */
export function indexContent(frames: ReadyFrames): ContentIndex {
  const { count, routable, words, firstWord, lengths } = frames;
  let routableCount = 0;
  for (let frame = 0; frame < count; frame += 1) routableCount += routable[frame];
  // Twice as many slots as there can be groups, so that a search for what is not there ends soon.
  const slots = 2 ** Math.ceil(Math.log2(2 * routableCount + 1));
  const index: ContentIndex = {
    groupOf: sharedInts(count).fill(REPLAY_UNKNOWN),
    occurrenceOf: sharedInts(count),
    firstOf: sharedInts(routableCount),
    members: sharedInts(routableCount),
    firstMember: sharedInts(routableCount + 1),
    slotGroup: sharedInts(slots).fill(REPLAY_UNKNOWN),
    slotHash: sharedInts(slots),
    factors: drawFactors(WORDS_MAX),
  };
  const lookup = new ReplayIndex(frames, index);
  let groups = 0;
  for (let frame = 0; frame < count; frame += 1) {
    if (routable[frame] === 0) continue;
    const slot = lookup.slotOf(words, firstWord[frame], lengths[frame], firstWord[frame + 1] - firstWord[frame]);
    if (index.slotGroup[slot] === REPLAY_UNKNOWN) {
      index.slotGroup[slot] = groups;
      index.slotHash[slot] = lookup.hash;
      index.firstOf[groups] = frame;
      groups += 1;
    }
    const group = index.slotGroup[slot];
    index.groupOf[frame] = group;
    // Sizes, until they are added up below.
    index.occurrenceOf[frame] = index.firstMember[group + 1];
    index.firstMember[group + 1] += 1;
  }
  for (let g = 0; g < groups; g += 1) index.firstMember[g + 1] += index.firstMember[g];
  for (let frame = 0; frame < count; frame += 1) {
    const group = index.groupOf[frame];
    if (group !== REPLAY_UNKNOWN) index.members[index.firstMember[group] + index.occurrenceOf[frame]] = frame;
  }
  return index;
}

/** Looks frames up. */
export class ReplayIndex {
  readonly members: Int32Array;
  readonly firstMember: Int32Array;
  /** Of the frame looked up last. */
  hash = 0;
  private readonly frames: ReadyFrames;
  private readonly firstOf: Int32Array;
  private readonly slotGroup: Int32Array;
  private readonly slotHash: Int32Array;
  private readonly slotMask: number;
  private readonly factors: Float64Array;

  constructor(frames: ReadyFrames, index: ContentIndex) {
    const { firstOf, members, firstMember, slotGroup, slotHash, factors } = index;
    this.frames = frames;
    this.firstOf = firstOf;
    this.members = members;
    this.firstMember = firstMember;
    this.slotGroup = slotGroup;
    this.slotHash = slotHash;
    this.slotMask = slotGroup.length - 1;
    this.factors = factors;
  }

  /** Frames of a group. */
  groupSize(group: number): number {
    return this.firstMember[group + 1] - this.firstMember[group];
  }

  /** Group of the frame of `length` bytes that starts at `word`, or REPLAY_UNKNOWN. Reads whole words. */
  find(words: Int32Array, word: number, length: number): number {
    return this.slotGroup[this.slotOf(words, word, length, (length + 3) >> 2)];
  }

  /**
   * The slot of the frame's content, or the free one where it would go. `kept` words are there, of a frame of `length`
   * bytes; the others are zeros.
   */
  slotOf(words: Int32Array, word: number, length: number, kept: number): number {
    const hash = this.hashOf(words, word, length, kept);
    this.hash = hash;
    let slot = hash & this.slotMask;
    for (;;) {
      const group = this.slotGroup[slot];
      if (group === REPLAY_UNKNOWN) return slot;
      if (this.slotHash[slot] === hash) {
        if (this.sameContent(this.firstOf[group], words, word, length, kept)) return slot;
      }
      slot = (slot + 1) & this.slotMask;
    }
  }

  /** How many frames of the group the capture holds up to and including frame `last`. */
  membersUpTo(group: number, last: number): number {
    const first = this.firstMember[group];
    let low = first;
    let high = this.firstMember[group + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.members[middle] <= last) low = middle + 1;
      else high = middle;
    }
    return low - first;
  }

  /** The same for two frames of one content, whatever follows their last byte. Zeros add nothing. */
  private hashOf(words: Int32Array, word: number, length: number, kept: number): number {
    const { factors } = this;
    const w4 = words[word + LENGTH_WORD] & idMask(words[word + TTL_WORD]);
    const w5 = words[word + TTL_WORD] & TTL_MASK;
    const w6 = words[word + CHECKSUM_WORD] & CHECKSUM_MASK;
    let sum = length * factors[0];
    sum += (words[word + FIRST_WORD] & 0xffff) * factors[1] + (words[word + FIRST_WORD] >>> 16) * factors[2];
    sum += (w4 & 0xffff) * factors[3] + (w4 >>> 16) * factors[4];
    sum += (w5 & 0xffff) * factors[5] + (w5 >>> 16) * factors[6] + (w6 >>> 16) * factors[7];
    const whole = length >> 2;
    const end = kept < whole ? kept : whole;
    let f = 8;
    for (let i = CHECKSUM_WORD + 1; i < end; i += 1, f += 2) {
      const each = words[word + i];
      sum += (each & 0xffff) * factors[f] + (each >>> 16) * factors[f + 1];
    }
    if (end < kept) {
      const last = words[word + end] & ((1 << ((length & 3) * 8)) - 1);
      sum += (last & 0xffff) * factors[f] + (last >>> 16) * factors[f + 1];
    }
    return reduceHash(sum);
  }

  private sameContent(frame: number, words: Int32Array, word: number, length: number, kept: number): boolean {
    const { words: own, firstWord, lengths } = this.frames;
    if (lengths[frame] !== length) return false;
    const ownWord = firstWord[frame];
    const ownKept = firstWord[frame + 1] - ownWord;
    const end = length >> 2;
    let difference = own[ownWord + FIRST_WORD] ^ words[word + FIRST_WORD];
    const mask = idMask(words[word + TTL_WORD]);
    difference |= (own[ownWord + LENGTH_WORD] ^ words[word + LENGTH_WORD]) & mask;
    difference |= (own[ownWord + TTL_WORD] ^ words[word + TTL_WORD]) & TTL_MASK;
    difference |= (own[ownWord + CHECKSUM_WORD] ^ words[word + CHECKSUM_WORD]) & CHECKSUM_MASK;
    const both = ownKept < kept ? ownKept : kept;
    const common = both < end ? both : end;
    let i = CHECKSUM_WORD + 1;
    for (; i + 4 <= common && difference === 0; i += 4) {
      difference =
        (own[ownWord + i] ^ words[word + i]) |
        (own[ownWord + i + 1] ^ words[word + i + 1]) |
        (own[ownWord + i + 2] ^ words[word + i + 2]) |
        (own[ownWord + i + 3] ^ words[word + i + 3]);
    }
    for (; i < common && difference === 0; i += 1) difference = own[ownWord + i] ^ words[word + i];
    // What one of them does not keep is zeros.
    for (; i < end && difference === 0; i += 1) {
      difference = (i < ownKept ? own[ownWord + i] : 0) ^ (i < kept ? words[word + i] : 0);
    }
    const tailBytes = length & 3;
    // Behind the last byte lies what an earlier frame left.
    if (tailBytes !== 0 && difference === 0) {
      const last = (end < ownKept ? own[ownWord + end] : 0) ^ (end < kept ? words[word + end] : 0);
      difference = last & ((1 << (tailBytes * 8)) - 1);
    }
    return difference === 0;
  }
}

/** What of word 4 is content: fragments keep their identification. */
function idMask(word5: number): number {
  return (word5 & FRAGMENT_MASK) === 0 ? LENGTH_MASK : -1;
}

/** Whether the frame that starts at `word` is one fragment of several. It has an IPv4 header. */
export function isFragmentAt(words: Int32Array, word: number): boolean {
  return (words[word + TTL_WORD] & FRAGMENT_MASK) !== 0;
}
