/**
 * Where the frames of a source stand on the scale that paces them: their bytes, or the times of a capture. Frames
 * repeat round and round, so what is known of one round is known of all.
 */
import { ETH_GAP_BYTES } from '../wire/ethernet.ts';

/** What a stream is paced by: its frames, their bytes without and with preamble and gap, or a capture's own times. */
export const PACED_BY_FRAMES = 0;
export const PACED_BY_BYTES = 1;
export const PACED_BY_WIRE_BYTES = 2;
export const PACED_BY_CAPTURE = 3;

const GAP_BYTES = ETH_GAP_BYTES;

/** A scale: frame i of a round stands at `places[i] + i * perFrame`, and the next round begins at that of frame N. */
export interface Scale {
  readonly places: Float64Array;
  readonly perFrame: number;
}

/** The scales of one source's frames. */
export class FrameSchedule {
  private readonly bytes: Float64Array;
  private readonly times: Float64Array | null;

  /**
   * @param frameBytes of the frames of a round, with FCS.
   * @param times when each is due in a round in ns; null for frames that were not captured.
   * @param roundNs length of a round; 0 where the capture has no times.
   */
  constructor(frameBytes: Float64Array, times: Float64Array | null = null, roundNs = 0) {
    this.bytes = new Float64Array(frameBytes.length + 1);
    for (let i = 0; i < frameBytes.length; i += 1) this.bytes[i + 1] = this.bytes[i] + frameBytes[i];
    this.times = null;
    if (times === null || roundNs === 0) return;
    this.times = new Float64Array(times.length + 1);
    this.times.set(times);
    this.times[times.length] = roundNs;
  }

  /** The scale of one of the PACED_BY_ values; null where frames are all that counts. */
  scaleOf(pacedBy: number): Scale | null {
    if (pacedBy === PACED_BY_BYTES) return { places: this.bytes, perFrame: 0 };
    if (pacedBy === PACED_BY_WIRE_BYTES) return { places: this.bytes, perFrame: GAP_BYTES };
    return pacedBy === PACED_BY_CAPTURE && this.times !== null ? { places: this.times, perFrame: 0 } : null;
  }
}
