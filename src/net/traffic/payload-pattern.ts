// What fills a test frame behind the test header.
//
// The content is a window on one pseudo-random byte string, and where the window starts depends on stream and sequence.
// A pool slot is used again and again; if every frame had the same filling, a copy that stopped short would leave the
// previous frame's bytes in place and nobody could tell. With 16 windows, 15 of 16 such frames show.

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

const PHASE_MASK = PATTERN_PHASES_COUNT - 1;

/** The byte string; the filling of a frame starts at `patternStart` of its window. */
export const patternBytes: Uint8Array = makePattern();
/** The same as little-endian words. */
export const patternWords = new Int32Array(patternBytes.buffer);

/** Window of a frame. */
export function patternPhase(stream: number, seq: number): number {
  return (stream + (seq >>> 0)) & PHASE_MASK;
}

/** First byte of a window within `patternBytes`, a multiple of four. */
export function patternStart(phase: number): number {
  return PATTERN_FIRST_BYTE + phase * PATTERN_PHASE_BYTES;
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
