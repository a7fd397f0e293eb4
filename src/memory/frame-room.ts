/** How much room a frame has where it lies, and how far apart such rooms are. */

/** Room for a frame without FCS where no larger MTU is set: half a page, as drivers for an MTU of 1,500 give it. */
export const FRAME_BYTES_STANDARD = 2048;

const CACHE_LINE_BYTES = 64;

/**
 * The least stride for rooms of `bytes` that is an odd number of cache lines: with an even one, and worst a power of
 * two, the first lines of all of them would fall into the same few cache sets.
 */
export function oddStrideBytes(bytes: number): number {
  return (Math.ceil(bytes / CACHE_LINE_BYTES) | 1) * CACHE_LINE_BYTES;
}
