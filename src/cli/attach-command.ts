/** What `attach` does, once its flags are known to be well formed. */
import type { LogLevel } from '../metrics/sinks/logger.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import { attachPrograms } from '../scenario/attach.ts';
import { scenarioFor } from './open-host.ts';
import { passRun } from './pass-run.ts';
import { readDuration } from './read-flags.ts';

/** Flags of `attach`, as commander names them. */
export interface AttachFlags {
  readonly set: readonly string[];
  readonly host: 'threads' | 'kernel';
  readonly duration?: string;
  readonly json?: string;
  readonly jsonStream?: true;
  readonly quiet?: true;
  readonly logLevel: LogLevel;
}

/**
 * Runs a scenario for real programs until it is told to end, and shows it. @returns the exit code. @throws UsageError,
 * ScenarioError, KernelHostError before anything has started.
 */
export function attachCommand(nameOrPath: string, flags: AttachFlags): Promise<number> {
  const durationNs = flags.duration === undefined ? Infinity : readDuration('duration', flags.duration, 1);
  const { scenario, ends } = attachPrograms(loadScenario(nameOrPath, { overrides: flags.set }), durationNs);
  return passRun({ scenario: scenarioFor(flags.host, scenario), ends, endsWhenAborted: true }, flags);
}
