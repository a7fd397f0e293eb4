// Finds out which captured frame a received one is, by its content.
//
// Content is what a router leaves alone: everything from the EtherType on, but for the three fields that change on the
// way or that we set ourselves. As little-endian words of a frame that starts at a word:
//
//   word   0..2   MAC addresses                                not content
//   word   3      EtherType, version and IHL, TOS              content
//   word   4      total length        | identification         content | not: carries the tag
//   word   5      flags and offset, TTL, protocol              content, but for the TTL (byte 22)
//   word   6      header checksum     | source, high half      not     | content
//   word   7...   the rest                                     content
import type { ReplayFrames } from './replay-frames.ts';

const FIRST_WORD = 3;
const LENGTH_WORD = 4;
const TTL_WORD = 5;
const CHECKSUM_WORD = 6;
const LENGTH_MASK = 0x0000_ffff;
const TTL_MASK = 0xff00_ffff | 0;
const CHECKSUM_MASK = 0xffff_0000 | 0;
/** The words up to here are all hashed; of those behind, this many at equal distances, beginning with the last. */
const HASHED_WORDS = 32;
const SAMPLED_WORDS = 8;

/** No frame of the capture has this content. */
export const REPLAY_UNKNOWN = -1;

/**
 * The frames of one stream by content. Frames of equal content form a group: nobody can tell them apart but by the tag
 * they are sent with, which says how many of the group were sent before.
 */
export class ReplayIndex {
  /** Group of each frame, REPLAY_UNKNOWN for frames that are not routable, and its place among the group's frames. */
  readonly groupOf: Int32Array;
  readonly occurrenceOf: Int32Array;
  /** Frames of group g, in ascending order: `members[firstMember[g]]` to before `members[firstMember[g + 1]]`. */
  readonly members: Int32Array;
  readonly firstMember: Int32Array;
  private readonly frames: ReplayFrames;
  /** Open addressing: group or REPLAY_UNKNOWN, and the hash of its content. */
  private readonly slotGroup: Int32Array;
  private readonly slotHash: Int32Array;
  private readonly slotMask: number;

  constructor(frames: ReplayFrames) {
    this.frames = frames;
    this.groupOf = new Int32Array(frames.count).fill(REPLAY_UNKNOWN);
    this.occurrenceOf = new Int32Array(frames.count);
    // Twice as many slots as there can be groups, so that a search for what is not there ends soon.
    const slots = 2 ** Math.ceil(Math.log2(2 * frames.count));
    this.slotGroup = new Int32Array(slots).fill(REPLAY_UNKNOWN);
    this.slotHash = new Int32Array(slots);
    this.slotMask = slots - 1;
    // While the groups are formed, the only member known of each is its first.
    this.members = new Int32Array(frames.count);
    const sizes = this.formGroups();
    this.firstMember = new Int32Array(sizes.length + 1);
    for (let g = 0; g < sizes.length; g += 1) this.firstMember[g + 1] = this.firstMember[g] + sizes[g];
    for (let frame = 0; frame < frames.count; frame += 1) {
      const group = this.groupOf[frame];
      if (group !== REPLAY_UNKNOWN) this.members[this.firstMember[group] + this.occurrenceOf[frame]] = frame;
    }
  }

  /** Frames of a group. */
  groupSize(group: number): number {
    return this.firstMember[group + 1] - this.firstMember[group];
  }

  /** Group of the frame of `length` bytes that starts at `word`, or REPLAY_UNKNOWN. Reads whole words. */
  find(words: Int32Array, word: number, length: number): number {
    const hash = contentHash(words, word, length);
    let slot = hash & this.slotMask;
    for (;;) {
      const group = this.slotGroup[slot];
      if (group === REPLAY_UNKNOWN) return REPLAY_UNKNOWN;
      if (this.slotHash[slot] === hash) {
        const frame = this.members[this.firstMember[group]];
        if (this.sameContent(frame, words, word, length)) return group;
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

  /** Finds every frame's group and occurrence, and returns the sizes of the groups. */
  private formGroups(): number[] {
    const { words, firstWord, lengths, routable, count } = this.frames;
    const sizes: number[] = [];
    for (let frame = 0; frame < count; frame += 1) {
      if (routable[frame] === 0) continue;
      const hash = contentHash(words, firstWord[frame], lengths[frame]);
      let slot = hash & this.slotMask;
      while (this.slotGroup[slot] !== REPLAY_UNKNOWN && !this.isGroupAt(slot, hash, frame)) {
        slot = (slot + 1) & this.slotMask;
      }
      if (this.slotGroup[slot] === REPLAY_UNKNOWN) {
        this.slotGroup[slot] = sizes.length;
        this.slotHash[slot] = hash;
        this.members[sizes.length] = frame;
        sizes.push(0);
      }
      const group = this.slotGroup[slot];
      this.groupOf[frame] = group;
      this.occurrenceOf[frame] = sizes[group];
      sizes[group] += 1;
    }
    return sizes;
  }

  private isGroupAt(slot: number, hash: number, frame: number): boolean {
    const { words, firstWord, lengths } = this.frames;
    const first = this.members[this.slotGroup[slot]];
    return this.slotHash[slot] === hash && this.sameContent(first, words, firstWord[frame], lengths[frame]);
  }

  private sameContent(frame: number, words: Int32Array, word: number, length: number): boolean {
    if (this.frames.lengths[frame] !== length) return false;
    const own = this.frames.words;
    const ownWord = this.frames.firstWord[frame];
    const end = length >> 2;
    let difference = own[ownWord + FIRST_WORD] ^ words[word + FIRST_WORD];
    difference |= (own[ownWord + LENGTH_WORD] ^ words[word + LENGTH_WORD]) & LENGTH_MASK;
    difference |= (own[ownWord + TTL_WORD] ^ words[word + TTL_WORD]) & TTL_MASK;
    difference |= (own[ownWord + CHECKSUM_WORD] ^ words[word + CHECKSUM_WORD]) & CHECKSUM_MASK;
    let i = CHECKSUM_WORD + 1;
    for (; i + 4 <= end; i += 4) {
      difference |=
        (own[ownWord + i] ^ words[word + i]) |
        (own[ownWord + i + 1] ^ words[word + i + 1]) |
        (own[ownWord + i + 2] ^ words[word + i + 2]) |
        (own[ownWord + i + 3] ^ words[word + i + 3]);
    }
    for (; i < end; i += 1) difference |= own[ownWord + i] ^ words[word + i];
    const tailBytes = length & 3;
    // Behind the last byte lies what an earlier frame left.
    if (tailBytes !== 0) difference |= (own[ownWord + end] ^ words[word + end]) & ((1 << (tailBytes * 8)) - 1);
    return difference === 0;
  }
}

function contentHash(words: Int32Array, word: number, length: number): number {
  const end = length >> 2;
  const wholeEnd = end < HASHED_WORDS ? end : HASHED_WORDS;
  let hash = mix(length, words[word + FIRST_WORD]);
  hash = mix(hash, words[word + LENGTH_WORD] & LENGTH_MASK);
  hash = mix(hash, words[word + TTL_WORD] & TTL_MASK);
  hash = mix(hash, words[word + CHECKSUM_WORD] & CHECKSUM_MASK);
  for (let i = CHECKSUM_WORD + 1; i < wholeEnd; i += 1) hash = mix(hash, words[word + i]);
  const step = ((end - wholeEnd) / SAMPLED_WORDS + 1) | 0;
  for (let i = end - 1; i >= wholeEnd; i -= step) hash = mix(hash, words[word + i]);
  // The multiplications carry upwards only; the slot is taken from the low bits.
  return hash ^ (hash >>> 15);
}

/**
 * A multiplication by an odd constant (2^32 divided by the golden ratio) and a rotation, both of which lose nothing.
 */
function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return (product << 15) | (product >>> 17);
}
