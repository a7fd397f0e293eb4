// What a sink knows of the frames that should arrive: ours by their test header, replayed ones by their content.

export const FRAME_GOOD = 0;
/** Not one of the frames this sink expects. */
export const FRAME_FOREIGN = 1;
/** Ours, but a checksum or the content is wrong. */
export const FRAME_CORRUPT = 2;
/** Received before. */
export const FRAME_DUPLICATE = 3;
/** Overtaken by a later frame of its flow. */
export const FRAME_REORDERED = 4;

/** Intact and expected, but one of several that are alike: which of them, and so when it was due, cannot be told. */
export const FRAME_UNTIMED = 5;

/**
 * Judges one received frame: one of the FRAME_ values. For a frame that is neither foreign nor corrupt `streamIndex` is
 * then the place of its stream among those expected here, and `sentNs` the time it was due at its source, if that can
 * be told.
 */
export interface TrafficCheck {
  readonly sentNs: number;
  readonly streamIndex: number;
  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number;
}
