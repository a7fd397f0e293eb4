/** Where the trials of one variant are made, whatever they are made on. */
import type { CoreDistance } from '../../runtime/os/core-distance.ts';
import type { Ledger, PhaseResult, RunResult, Validity } from '../run/run-result.ts';
import type { SweptLoad, SweptRate } from '../sweep/swept-load.ts';
import type { SweepVariant } from '../sweep/variants.ts';

/** What one trial asks for. */
export interface TrialRequest {
  readonly name: string;
  readonly rate: SweptRate;
  /** Traffic flows this long before anything is measured. */
  readonly runInNs: number;
  readonly durationNs: number;
  /** Which of several trials that ask for the same this is, from 0. */
  readonly repeat: number;
}

export interface Trial {
  /** What its chance came from. */
  readonly seed: number;
  readonly phase: PhaseResult;
  readonly validity: Validity;
  /** A cache line from the hardware's core to the host's and back, the longer of before and after; null where not known. */
  readonly coreRoundTripNs: number | null;
}

export interface TestBed {
  readonly variant: SweepVariant;
  /** Machine, placement and scheduling classes, in lines. */
  readonly header: readonly string[];
  readonly oversubscribed: readonly string[];
  /** How far apart the hardware's core and the modelled host's are; null where they are none. */
  readonly coreDistance: CoreDistance | null;
  /** True where a trial that could not be believed may be believed when it is made again. */
  readonly disturbed: boolean;
  /** Passes unmeasured traffic. @returns the highest load without loss on the way, per second; null when there was none. */
  warmUp(load: SweptLoad, durationNs: number, signal: AbortSignal): Promise<number | null>;
  /** How many trials ahead it wants to be told of what comes; 0 where one is made at a time. */
  readonly ahead: number;
  /** Trials that will or may be asked for next, which it may begin; those of an earlier call are forgotten. */
  foresee(requests: readonly TrialRequest[]): void;
  /** Makes one trial. @returns null when it was interrupted. @throws when the host does not work. */
  trial(request: TrialRequest, signal: AbortSignal): Promise<Trial | null>;
  /** Of all trials so far, taken when none is under way. */
  ledger(): Promise<Ledger>;
  /** Each thread's place and actors. */
  threads(): RunResult['threads'];
  stop(): Promise<void>;
}
