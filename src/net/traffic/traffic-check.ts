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

/**
 * Judges one received frame: one of the FRAME_ values. For a frame that is neither foreign nor corrupt `sentNs` is then
 * the time it was due at its source, and `streamIndex` the place of its stream among those expected here.
 */
export interface TrafficCheck {
  readonly sentNs: number;
  readonly streamIndex: number;
  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number;
}
