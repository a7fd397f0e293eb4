import { CommanderError } from 'commander';
import { EXIT_BAD_CONFIGURATION, EXIT_INTERNAL_ERROR } from '../experiment/run/exit-codes.ts';

/** Something the user can put right: shown as it is, without a trace. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Errors that are about what the user wrote. By name, so that their modules need not be loaded to tell. */
const USAGE_ERRORS = new Set([
  'UsageError',
  'ScenarioError',
  'QuantityError',
  'PlacementError',
  'SweptLoadError',
  'KernelHostError',
]);

/** Says on stderr what went wrong, once. @returns the exit code. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version end this way too; what was wrong has been written already.
    return error.exitCode === 0 ? 0 : EXIT_BAD_CONFIGURATION;
  }
  process.stderr.write(`${messageOf(error)}\n`);
  return exitCodeFor(error);
}

export function exitCodeFor(error: unknown): number {
  return error instanceof Error && USAGE_ERRORS.has(error.name) ? EXIT_BAD_CONFIGURATION : EXIT_INTERNAL_ERROR;
}

/** A sentence for what the user did, a trace for what this program did. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `vhostlab failed: ${String(error)}`;
  if (exitCodeFor(error) === EXIT_BAD_CONFIGURATION) return error.message;
  const trace = process.env.VHOSTLAB_TRACE === undefined ? '' : `\n${error.stack ?? ''}`;
  return `vhostlab failed: ${error.message}${trace}`;
}
