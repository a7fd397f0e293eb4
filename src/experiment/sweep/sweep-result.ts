/**
 * The document a sweep leaves behind: plain data. Times in ns, rates in frames/s or connections/s as `load` has it,
 * ratios from 0 to 1, null for what is not defined or not known.
 */
import type { DropPlace } from '../../../actors/registry.ts';
import type { CoreDistance } from '../../runtime/os/core-distance.ts';
import type { HostKind } from '../../runtime/host.ts';
import type { ThreadPlan } from '../../runtime/plan.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { ResultHead } from '../result/result-head.ts';
import type { ExpectationResult, Ledger, PhaseResult, RunResult, Validity } from '../run/run-result.ts';
import type { LossFreeRate } from './loss-free-rate.ts';
import type { RateEffects } from './effects.ts';
import type { Factor } from './grid.ts';
import type { OfferedRate } from './offered-rates.ts';
import type { SweptLoad } from './swept-load.ts';
import type { PlannedTrial } from './trial-queue.ts';

/** One trial: what a phase of a run reports, and whether it may be believed. */
export interface TrialResult extends PlannedTrial {
  readonly variant: string;
  /** What its chance came from. */
  readonly seed: number;
  readonly phase: PhaseResult;
  readonly validity: Validity;
  /** A cache line from the hardware's core to the host's and back, the longer of before and after; null where not known. */
  readonly coreRoundTripNs: number | null;
}

/** The middle of the trials, and the least and the most. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** All threads of one kind. */
export interface KindShares {
  readonly kind: ThreadPlan['kind'];
  readonly threads: number;
  /** Cores in use by all of them together: 1 is one whole core. */
  readonly runningCores: number;
  /** Mean over the threads of the share of time runnable and not running; null where the kernel does not say. */
  readonly waitingRatio: number | null;
}

/** One stream, or where connections are swept one client. */
export interface StreamPoint {
  readonly name: string;
  readonly requestedPerSecond: number;
  readonly egressPerSecond: Spread;
  /** Null where nothing was sent or due. */
  readonly lossRatio: Spread | null;
  /** Of what arrived, medians of the trials; null when nothing did. */
  readonly latency: { readonly p50Ns: number; readonly p99Ns: number } | null;
}

/** One variant at one offered rate, over its trials. */
export interface PointResult {
  readonly variant: string;
  readonly rateIndex: number;
  readonly offeredPerSecond: number;
  readonly multiple: number | null;
  /** Trials made, and those among them that were valid. Where any was, the others are left out of what follows. */
  readonly trials: number;
  readonly validTrials: number;
  readonly status: Validity['status'];
  /** Of what counts: one stream or client, or all together. */
  readonly egressPerSecond: Spread;
  /** Null where nothing was sent or due. */
  readonly lossRatio: Spread | null;
  readonly streams: readonly StreamPoint[];
  /** Dropped frames as shares of those sent and of the copies that flooding made, medians, most first. */
  readonly lostAt: readonly { readonly place: DropPlace; readonly ratio: number }[];
  readonly threads: readonly KindShares[];
}

export interface VariantResult {
  readonly name: string;
  readonly overrides: readonly string[];
  /** Its value of each factor; empty without a grid. */
  readonly levels: readonly string[];
  readonly scenario: Scenario;
  readonly scenarioHash: string;
  /** Machine, placement and scheduling classes, of its host. */
  readonly header: readonly string[];
  readonly oversubscribed: readonly string[];
  /** How far apart the hardware's core and the modelled host's were, over all its trials. */
  readonly coreDistance: CoreDistance | null;
  readonly threads: RunResult['threads'];
  /** Highest rate carried without loss in the course of its warm-up: where to start, not a result. */
  readonly warmedUpAtPerSecond: number | null;
  /** Highest offered rate of the sweep with a median loss of at most `lossFreeRatioMax`; null when there is none. */
  readonly lossFreePerSecond: number | null;
  /** Median egress where it is highest. */
  readonly peak: { readonly egressPerSecond: number; readonly offeredPerSecond: number } | null;
  /** What limited it at the highest rate, in words. */
  readonly verdict: string;
  /** Taken when all trials were over. */
  readonly ledger: Ledger;
}

export interface SweepResult extends ResultHead {
  readonly kind: 'sweep';
  readonly scenario: string;
  readonly hostKind: HostKind;
  readonly load: SweptLoad;
  /** Frames/s of what follows the load when every line is full; null for connections. */
  readonly linePerSecond: number | null;
  readonly trialsPerPoint: number;
  readonly durationNs: number;
  readonly interrupted: boolean;
  /** Trials that were taken from an earlier sweep of the same; ledgers are without them. */
  readonly resumedTrials: number;
  /** Most loss at which a rate counts as loss-free: the threshold of every `lossFreePerSecond`. */
  readonly lossFreeRatioMax: number;
  /** The loss-free rate of the first variant, if it was searched for. */
  readonly search: LossFreeRate | null;
  readonly rates: readonly OfferedRate[];
  readonly variants: readonly VariantResult[];
  readonly points: readonly PointResult[];
  /** Keys of a grid with their values; empty without one. */
  readonly factors: readonly Factor[];
  /** At each rate at which every combination was measured; empty without a grid. */
  readonly effects: readonly RateEffects[];
  readonly trials: readonly TrialResult[];
  /** Of the scenario's sweep; null for those about a variant or load that was left out or has no valid trial. */
  readonly expectations: readonly ExpectationResult[];
  readonly exitCode: number;
}
