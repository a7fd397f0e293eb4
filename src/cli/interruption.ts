import { EXIT_INTERRUPTED } from '../experiment/run/exit-codes.ts';
import { messageOf } from './errors.ts';

/** A request to come to an end in good order. */
export interface Interruption {
  readonly signal: AbortSignal;
  dispose(): void;
}

/**
 * A Ctrl-C reaches this process more than once: from the terminal, and again from npm and tsx, which pass on what they
 * were sent. Signals this close together are one.
 */
const ECHO_MS = 1000;

/** Ctrl-C and Ctrl-\, a polite request from another program, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

let ending = false;

/** Whether the program is ended by a later signal. */
export function endsItself(): boolean {
  return ending;
}

/**
 * The first signal ends the work in good order, with its ledger; a later one ends the program. An error that nobody
 * waited for, of a user's code as a rule, is told and taken for the first.
 */
export function listenForSignals(): Interruption {
  const controller = new AbortController();
  let firstMs = Infinity;
  const interrupt = (): void => {
    const nowMs = performance.now();
    if (nowMs - firstMs > ECHO_MS) {
      ending = true;
      process.exit(EXIT_INTERRUPTED);
    }
    firstMs = Math.min(firstMs, nowMs);
    controller.abort();
  };
  // Nothing more can be shown, but threads and files still end well.
  const onReaderGone = (): void => controller.abort();
  const onStray = (error: unknown): void => {
    process.stderr.write(`${messageOf(error)}\n`);
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  process.on('uncaughtException', onStray);
  process.stdout.on('error', onReaderGone);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt);
      process.off('uncaughtException', onStray);
      process.stdout.off('error', onReaderGone);
    },
  };
}
