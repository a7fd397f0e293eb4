/**
 * The document a suite of RFC 2544 leaves behind: plain data. Times in ns, rates in frames/s, ratios from 0 to 1, null
 * for what is not defined or could not be measured.
 */
import type { ResultHead } from '../result/result-head.ts';
import type { Ledger, Validity } from '../run/run-result.ts';
import type { SearchResult } from '../search/search-result.ts';
import type { SuiteTiming } from './suite-timing.ts';

/** RFC 8219 section 7.2 and 7.3.1, medians of the repeats: of every frame, not of 500 that are tagged. */
export interface SuiteLatency {
  readonly repeats: number;
  /** Typical latency: the median of a repeat. */
  readonly typicalNs: number;
  /** Worst-case latency: the 99.9th percentile of a repeat. */
  readonly worstNs: number;
  /** Packet delay variation: worst case less the least. */
  readonly delayVariationNs: number;
}

/** One step of the frame loss rate. */
export interface LossStep {
  /** Of the most that the line carries. */
  readonly share: number;
  readonly offeredPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly lossRatio: number;
  readonly validity: Validity;
}

/** Longest bursts at line rate without loss, of all streams at once, frames a stream: RFC 9004. */
export interface BackToBack {
  readonly repeats: number;
  readonly meanFrames: number;
  readonly minFrames: number;
  readonly maxFrames: number;
  /** True where the longest burst that is tried, two seconds of the line, passed whole. */
  readonly wholeLine: boolean;
  /** The buffers' time that a burst fills, without and with what is forwarded meanwhile: RFC 9004 section 5.4. */
  readonly impliedBufferNs: number;
  readonly correctedBufferNs: number;
}

/** From the moment when a load was reduced until the last frame was lost. */
export interface Recovery {
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
  /** Null where frames were lost for as long as was watched. */
  readonly recoveryNs: number | null;
  /** How exactly the moment is known. */
  readonly resolutionNs: number;
}

/** Figures of overload, as experiment/README.md defines them. */
export interface Livelock {
  /** Maximum loss-free receive rate: the throughput. */
  readonly mlfrrPerSecond: number;
  readonly peak: { readonly offeredPerSecond: number; readonly deliveredPerSecond: number };
  /** Delivered at twice and at four times the MLFRR; null where the line carries less. */
  readonly atTwice: LossStep | null;
  readonly atFourTimes: LossStep | null;
  /** From four times the MLFRR, or the most that the line carries, to half of it. */
  readonly recovery: Recovery;
}

/** Everything of one frame size. */
export interface SizeResult {
  readonly size: string;
  /** What the lines carry, frames/s of all streams together. */
  readonly linePerSecond: number;
  /** The throughput; null where every load loses frames, and then nothing below it is measured. */
  readonly throughputPerSecond: number | null;
  readonly latency: SuiteLatency | null;
  readonly lossSteps: readonly LossStep[];
  readonly backToBack: BackToBack | null;
  readonly recovery: Recovery | null;
  readonly livelock: Livelock | null;
  readonly ledger: Ledger;
  /** Why figures are not to be believed; empty when they are. */
  readonly doubts: readonly string[];
}

export interface SuiteResult extends ResultHead {
  readonly kind: 'suite';
  readonly suite: 'rfc2544';
  readonly timing: SuiteTiming;
  readonly interrupted: boolean;
  readonly search: SearchResult;
  readonly sizes: readonly SizeResult[];
  readonly exitCode: number;
}
