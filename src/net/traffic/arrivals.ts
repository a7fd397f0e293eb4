// What has arrived of one stream: which sequence numbers, and how far each flow has come.
import { FRAME_DUPLICATE, FRAME_GOOD, FRAME_REORDERED } from './traffic-check.ts';

const GOOD = FRAME_GOOD;
const DUPLICATE = FRAME_DUPLICATE;
const REORDERED = FRAME_REORDERED;

/** Sequence numbers looked back for duplicates, a power of two and a multiple of 32. */
const WINDOW = 65_536;
const SEEN_MASK = WINDOW / 32 - 1;

/** Finds duplicates within a stream and reordering within its flows. */
export class Arrivals {
  /** Highest sequence seen, -1 before the first. */
  private highest = -1;
  /** One bit for each of the last WINDOW sequence numbers up to `highest`. */
  private readonly seen = new Int32Array(WINDOW / 32);
  private readonly lastOfFlow: Float64Array;

  constructor(flowCount: number) {
    this.lastOfFlow = new Float64Array(flowCount).fill(-1);
  }

  /**
   * Takes note of an intact frame: FRAME_GOOD, FRAME_DUPLICATE or FRAME_REORDERED. `flow` is below the flow count and
   * always the same for one sequence number.
   */
  note(seq: number, flow: number): number {
    const last = this.lastOfFlow[flow];
    if (seq > this.highest) {
      this.advance(seq);
    } else if (this.highest - seq >= WINDOW) {
      // Behind the window, as in a queue of its own that stood still: new for certain if its flow has come no further.
      if (seq <= last) return DUPLICATE;
      this.lastOfFlow[flow] = seq;
      return GOOD;
    } else if (this.isSeen(seq)) {
      return DUPLICATE;
    }
    this.seen[(seq >>> 5) & SEEN_MASK] |= 1 << (seq & 31);
    if (seq < last) return REORDERED;
    this.lastOfFlow[flow] = seq;
    return GOOD;
  }

  private isSeen(seq: number): boolean {
    return (this.seen[(seq >>> 5) & SEEN_MASK] & (1 << (seq & 31))) !== 0;
  }

  private advance(seq: number): void {
    const seen = this.seen;
    if (seq - this.highest >= WINDOW) seen.fill(0);
    else for (let s = this.highest + 1; s <= seq; s++) seen[(s >>> 5) & SEEN_MASK] &= ~(1 << (s & 31));
    this.highest = seq;
  }
}
