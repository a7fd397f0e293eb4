/** How a run ends, for scripts. The README lists them; they never change meaning. */
export const EXIT_OK = 0;
/** A fault in this program, or in the machine below it. */
export const EXIT_INTERNAL_ERROR = 1;
/** An expectation of the scenario was not met. */
export const EXIT_EXPECTATION = 99;
/** A bad scenario, flag or argument. */
export const EXIT_BAD_CONFIGURATION = 104;
/** The generator fell behind, or the cores were taken by something else: the figures are not to be trusted. */
export const EXIT_INVALID_RUN = 110;
/** Frames or buffers are unaccounted for. */
export const EXIT_LEDGER = 111;
/** Ended by SIGINT or SIGTERM, after everything was written: 128 and the signal's number. */
export const EXIT_INTERRUPTED = 130;

/** What decides a finished run's exit code. */
export interface RunOutcome {
  /** Something broke before the end. */
  readonly failed: boolean;
  readonly balanced: boolean;
  readonly interrupted: boolean;
  readonly valid: boolean;
  readonly expectationsMet: boolean;
}

/** The gravest outcome decides: a failure before an unbalanced ledger, that before an interruption, that before invalid figures. */
export function exitCodeOf({ failed, balanced, interrupted, valid, expectationsMet }: RunOutcome): number {
  if (failed) return EXIT_INTERNAL_ERROR;
  if (!balanced) return EXIT_LEDGER;
  if (interrupted) return EXIT_INTERRUPTED;
  if (!valid) return EXIT_INVALID_RUN;
  return expectationsMet ? EXIT_OK : EXIT_EXPECTATION;
}
