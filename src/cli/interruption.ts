import { EXIT_INTERRUPTED } from '../experiment/exit-codes.ts';

/** A request to come to an end in good order. */
export interface Interruption {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** The first signal ends the work in good order, with its ledger; a second one ends the program. */
export function listenForSignals(): Interruption {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  };
  // Whoever read our output has gone: nothing more can be shown, but threads and files still end well.
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}
