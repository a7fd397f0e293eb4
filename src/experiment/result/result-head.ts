/** What the results of all commands begin with. */
import type { MachineFingerprint } from '../../runtime/os/fingerprint.ts';

/** Counts up with every change that a reader of an older document would stumble over; one number for all kinds. */
export const RESULT_SCHEMA_VERSION = 4;

/** What decides whether figures may be believed, as `src/experiment/judge/validity.ts` has it. */
export interface ValidityThresholds {
  /** Least share of what was due that must have been sent. */
  readonly sentRatioMin: number;
  /** Most of a generator's frames that may be later than the room before them lasts. */
  readonly lateRatioMax: number;
  /** Most of a core that other programs, and other machines, may have taken. */
  readonly foreignRatioMax: number;
  readonly stealRatioMax: number;
  /** Most of a phase for which a quota may have stopped the run. */
  readonly throttledRatioMax: number;
  /** Most of the frames sent that a real kernel may have lost without a counter. */
  readonly unexplainedRatioMax: number;
}

export interface ResultHead {
  readonly schemaVersion: typeof RESULT_SCHEMA_VERSION;
  readonly tool: { readonly name: 'vhostlab'; readonly version: string; readonly node: string };
  readonly machine: MachineFingerprint;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Of the wall clock, until the result was there. */
  readonly elapsedMs: number;
  readonly thresholds: ValidityThresholds;
}
