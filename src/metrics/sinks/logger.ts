import type { Logger } from 'pino';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where log lines go: stderr, at once, except while a full-screen view owns the terminal. */
class LogOutput {
  private held: string[] | null = null;

  write(text: string): void {
    if (this.held !== null) this.held.push(text);
    else process.stderr.write(text);
  }

  /** Keeps lines back until `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const lines = this.held ?? [];
    this.held = null;
    for (const text of lines) process.stderr.write(text);
  }
}

export interface Log {
  readonly logger: Logger;
  readonly output: Pick<LogOutput, 'hold' | 'release'>;
}

/**
 * The program's log, on stderr: for people when stderr is a terminal, JSON lines otherwise. Written synchronously and
 * in this thread (a transport would add one). pino is loaded by this call.
 */
export async function createLog(level: LogLevel): Promise<Log> {
  const { pino } = await import('pino');
  const output = new LogOutput();
  if (!process.stderr.isTTY) return { logger: pino({ level, base: null }, output), output };
  const { default: pretty } = await import('pino-pretty');
  const { Writable } = await import('node:stream');
  const destination = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      output.write(text);
      done();
    },
  });
  const stream = pretty({
    colorize: true,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss.l',
    destination,
    sync: true,
  });
  return { logger: pino({ level, base: null }, stream), output };
}
