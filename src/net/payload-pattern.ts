// What fills a test frame behind the test header, and how the sink verifies it.
//
// The content is a window on one pseudo-random byte string, and where the window starts depends on stream and sequence.
// A pool slot is used again and again; if every frame had the same filling, a copy that stopped short would leave the
// previous frame's bytes in place and nobody could tell. With 16 windows, 15 of 16 such frames show.
import { readSeq, readStream, TEST_PATTERN_BYTE } from './test-header.ts';

/** Largest frame including the FCS: a 9,000-byte IP packet with Ethernet header and FCS. */
export const FRAME_SIZE_MAX_BYTES = 9018;
/** Number of windows, a power of two. */
export const PATTERN_PHASES_COUNT = 16;
/**
 * Distance between two windows, and where the first one starts. A filling begins at byte 60 of a frame, which is 4
 * modulo 8 when the frame is aligned to 8; V8 copies into shared memory by 8 bytes only where source and destination
 * agree.
 */
const PATTERN_PHASE_BYTES = 8;
const PATTERN_FIRST_BYTE = 4;

const FIRST = TEST_PATTERN_BYTE;
const PHASE_MASK = PATTERN_PHASES_COUNT - 1;

/** The byte string; the filling of a frame starts at `patternStart` of its window. */
export const patternBytes: Uint8Array = makePattern();
const patternWords = new Int32Array(patternBytes.buffer);

/** Window of a frame. */
export function patternPhase(stream: number, seq: number): number {
  return (stream + (seq >>> 0)) & PHASE_MASK;
}

/** First byte of a window within `patternBytes`, a multiple of four. */
export function patternStart(phase: number): number {
  return PATTERN_FIRST_BYTE + phase * PATTERN_PHASE_BYTES;
}

/**
 * True when everything behind the test header of our own frame at `offset` is what stream and sequence call for.
 * `offset` is a multiple of four, `words` and `bytes` view the same memory from the same start, and `frameBytes` is at
 * least 60 and at most 9,014.
 */
export function payloadIntact(bytes: Uint8Array, words: Int32Array, offset: number, frameBytes: number): boolean {
  const start = patternStart(patternPhase(readStream(bytes, offset), readSeq(bytes, offset)));
  const wordCount = (frameBytes - FIRST) >> 2;
  const word = (offset + FIRST) >> 2;
  const pattern = patternWords;
  const firstWord = start >> 2;
  let difference = 0;
  for (let i = 0; i < wordCount; i += 1) difference |= words[word + i] ^ pattern[firstWord + i];
  for (let i = FIRST + wordCount * 4; i < frameBytes; i += 1) {
    difference |= bytes[offset + i] ^ patternBytes[start + i - FIRST];
  }
  return difference === 0;
}

/** A fixed string from Marsaglia's xorshift32 (13, 17, 5), read as little-endian words on every machine. */
function makePattern(): Uint8Array {
  const length = FRAME_SIZE_MAX_BYTES + patternStart(PATTERN_PHASES_COUNT);
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  let state = 0x76686f73;
  for (let at = 0; at < bytes.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
    bytes[at + 1] = state >>> 8;
    bytes[at + 2] = state >>> 16;
    bytes[at + 3] = state >>> 24;
  }
  return bytes;
}
