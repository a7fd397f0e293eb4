/** What a bench is, what it measures with, and what comes out of it. */

/** Middle and extremes of the rounds of one measurement. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** One line of the result. `ours` and `peer` are in `unit`; `ratio` is ours to peer, round by round. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly ours: Spread;
  readonly peer: Spread | null;
  /** What the peer is: `C11 ring`. */
  readonly peerName: string | null;
  readonly ratio: Spread | null;
  /** What `ours` has to reach in `unit`. */
  readonly floor: number | null;
  /** What `ratio` has to reach. */
  readonly reach: number | null;
  /** The machine's noise: share of the rounds' time in which a measured thread was runnable without its core. */
  readonly waitShare: number | null;
  /** The same by how far apart the cores were, nearest first; none where nobody measured. */
  readonly byDistance: readonly AtDistance[];
}

/** What the rounds gave in which a cache line took this long, ns, to the other core and back. */
export interface AtDistance {
  readonly roundTripNs: number;
  readonly ours: Spread;
  readonly ratio: Spread | null;
}

/** What one bench found. `notes` are lines for people; a bench that could not run says why in `skipped`. */
export interface BenchResult {
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  readonly skipped: string | null;
}

/** How hard to measure, and where. */
export interface BenchContext {
  readonly quick: boolean;
  readonly rounds: number;
  /** Length of one round of a throughput measurement. */
  readonly roundMs: number;
  /** Two cores of this machine; the same one twice where there is only one. */
  readonly cores: readonly [number, number];
  /** Says where the bench is, on stderr. */
  readonly progress: (text: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly what: string;
  /** Needs two cores, or is skipped. */
  readonly usesBothCores: boolean;
  /** Takes minutes: runs with --full, or when it is named. */
  readonly onDemand?: boolean;
  readonly run: (context: BenchContext) => Promise<BenchResult>;
}

/** One side of a comparison, run again and again. `work` is how much of it to do in one round. */
export interface Contender {
  readonly name: string;
  readonly run: (work: number) => Promise<Round>;
  /** Work of the first warm-up round. */
  readonly firstWork: number;
}

export interface Round {
  readonly value: number;
  /** How long the measured part took: the work of the next round is set by it. */
  readonly elapsedNs: number;
  readonly waitShare: number;
}
