// When the frames of a replayed stream were due, in memory that its source and its sink share: both are hardware.
//
//   double 0        frames sent so far; written by the source, read by the sink
//   double 16       due times in ns, one for each of the last REPLAY_STAMPS_COUNT frames: frame s at 16 + s mod count
//
// No atomics are needed: a frame that reaches the sink was published on a wire after its stamp was written, so whoever
// holds the frame sees its stamp and a number of sent frames that includes it.
import type { Memory, Region } from '../../memory/arena.ts';
import type { Arena } from '../../memory/arena.ts';

/**
 * Frames that may be sent while one is on its way and its time is still known: 176 ms of 64-byte frames at 1 Gbit/s.
 */
export const REPLAY_STAMPS_COUNT = 262_144;

const SENT_DOUBLE = 0;
const STAMPS_DOUBLE = 16;
const STAMPS = REPLAY_STAMPS_COUNT;
const STAMPS_MASK = STAMPS - 1;

/** Reserves the stamps of one stream: 2 MiB. */
export function reserveReplayStamps(arena: Arena): Region {
  return arena.reserve((STAMPS_DOUBLE + STAMPS) * 8);
}

/** Either end of a stream's stamps. */
export class ReplayStamps {
  private readonly doubles: Float64Array;

  constructor(memory: Memory, region: Region) {
    this.doubles = memory.doubles(region);
  }

  /** The source: frame `seq` was due at `dueNs`; frames are noted in order. */
  note(seq: number, dueNs: number): void {
    this.doubles[STAMPS_DOUBLE + (seq & STAMPS_MASK)] = dueNs;
    this.doubles[SENT_DOUBLE] = seq + 1;
  }

  /** Frames sent so far, and so the number of the next one. */
  sent(): number {
    return this.doubles[SENT_DOUBLE];
  }

  /**
   * When frame `seq` was due. A frame so late that its stamp has been overwritten is taken to be as old as the oldest
   * stamp there is: its latency is then at least what is reported.
   */
  dueNs(seq: number): number {
    const stamp = this.doubles[STAMPS_DOUBLE + (seq & STAMPS_MASK)];
    const sent = this.doubles[SENT_DOUBLE];
    return sent - seq <= STAMPS ? stamp : this.doubles[STAMPS_DOUBLE + (sent & STAMPS_MASK)];
  }
}
