/**
 * The document a search leaves behind: plain data. Times in ns, loads in frames/s or connections/s as `load` has it,
 * ratios from 0 to 1, null for what is not defined or not known.
 */
import type { HostKind } from '../../runtime/host.ts';
import type { CoreDistance } from '../../runtime/os/core-distance.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { ResultHead } from '../result/result-head.ts';
import type { DropCount, Ledger, RunResult, Validity } from '../run/run-result.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import type { GoalBounds, LoadLimits } from './mlr-search.ts';
import type { SearchGoal } from './search-goal.ts';

/** One trial of a search, in the order they were made. */
export interface SearchTrial {
  readonly variant: string;
  readonly perSecond: number;
  readonly durationNs: number;
  /** What its chance came from. */
  readonly seed: number;
  /** 0, or which repeat of an invalid trial this is. */
  readonly attempt: number;
  /** Of what was intended; what the generator never sent is part of it. */
  readonly lossRatio: number;
  readonly unsentRatio: number;
  readonly deliveredPerSecond: number;
  readonly drops: readonly DropCount[];
  readonly validity: Validity;
  /** False for an invalid trial that was made again: the search did not look at it. */
  readonly counted: boolean;
}

export interface GoalResult extends GoalBounds {
  readonly goal: SearchGoal;
  /** Why the goal has no regular result; null when it has. */
  readonly why: string | null;
  /** False where the search had to take an invalid trial at one of the bounds. */
  readonly valid: boolean;
}

export interface SearchedVariant {
  readonly name: string;
  readonly overrides: readonly string[];
  readonly scenario: Scenario;
  readonly scenarioHash: string;
  readonly header: readonly string[];
  readonly oversubscribed: readonly string[];
  readonly coreDistance: CoreDistance | null;
  readonly threads: RunResult['threads'];
  readonly limits: LoadLimits;
  readonly goals: readonly GoalResult[];
  readonly ledger: Ledger;
}

export interface SearchResult extends ResultHead {
  readonly kind: 'search';
  readonly scenario: string;
  readonly hostKind: HostKind;
  readonly load: SweptLoad;
  readonly interrupted: boolean;
  readonly variants: readonly SearchedVariant[];
  readonly trials: readonly SearchTrial[];
  readonly exitCode: number;
}
