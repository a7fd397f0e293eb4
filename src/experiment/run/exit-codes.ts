/** How a command ends, for scripts. These never change meaning. */
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
/** Ended by a signal, after everything was written: 128 and the number of SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** An exit code in a few words. */
export interface ExitMeaning {
  readonly code: number;
  readonly run: string;
  readonly sweep: string;
}

/** The one table of what exit codes mean: help texts print it, and a test holds the documentation to it. */
export const EXIT_MEANINGS: readonly ExitMeaning[] = [
  alike(EXIT_OK, 'ok'),
  alike(EXIT_INTERNAL_ERROR, 'internal error'),
  alike(EXIT_EXPECTATION, 'an expectation was not met'),
  alike(EXIT_BAD_CONFIGURATION, 'bad scenario or flag'),
  {
    code: EXIT_INVALID_RUN,
    run: 'invalid run (the generator fell behind or the cores were taken by others)',
    sweep: 'a point without a valid trial',
  },
  { code: EXIT_LEDGER, run: 'the ledger does not balance', sweep: 'a ledger does not balance' },
  alike(EXIT_INTERRUPTED, 'interrupted, after everything measured was written'),
];

function alike(code: number, meaning: string): ExitMeaning {
  return { code, run: meaning, sweep: meaning };
}

/** `Exit codes: 0 ok, 1 internal error, ...` in one line, for the verb that ends with them. */
export function exitCodesText(verb: 'run' | 'sweep'): string {
  return `Exit codes: ${EXIT_MEANINGS.map((row) => `${row.code} ${row[verb]}`).join(', ')}`;
}

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
