/** Lengths and repeats of the tests: as the RFCs have them, and short ones that conform to none. Times in ns. */
import { GOAL_PRESETS } from '../search/search-goal.ts';
import type { SearchGoal } from '../search/search-goal.ts';

export interface SuiteTiming {
  /** False for lengths below those of RFC 2544 section 24, and fewer repeats than it asks for. */
  readonly conformant: boolean;
  /** What the throughput search goes for, RFC 2544 section 26.1. */
  readonly goal: SearchGoal;
  /** Latency at the throughput: section 26.2, and how often. */
  readonly latencyNs: number;
  readonly latencyRepeats: number;
  /** Each step of the frame loss rate, section 26.3. */
  readonly lossNs: number;
  /** Repeats of the search for the longest burst: RFC 9004 section 5.3. */
  readonly burstRepeats: number;
  /** Overload before a recovery, section 26.5. */
  readonly overloadNs: number;
}

const SECOND_NS = 1e9;
const [RFC_2544_GOAL] = GOAL_PRESETS.get('rfc2544')!;

export const STANDARD_TIMING: SuiteTiming = {
  conformant: true,
  goal: RFC_2544_GOAL,
  latencyNs: 120 * SECOND_NS,
  latencyRepeats: 20,
  lossNs: 60 * SECOND_NS,
  burstRepeats: 50,
  overloadNs: 60 * SECOND_NS,
};

export const QUICK_TIMING: SuiteTiming = {
  conformant: false,
  goal: {
    ...RFC_2544_GOAL,
    finalTrialNs: SECOND_NS,
    durationSumNs: SECOND_NS,
    initialTrialNs: SECOND_NS / 2,
    widthRatio: 0.02,
  },
  latencyNs: 2 * SECOND_NS,
  latencyRepeats: 3,
  lossNs: SECOND_NS,
  burstRepeats: 5,
  overloadNs: 2 * SECOND_NS,
};

/** RFC 2544 section 9.1, with FCS. */
export const STANDARD_SIZES: readonly string[] = ['64', '128', '256', '512', '1024', '1280', '1518'];
