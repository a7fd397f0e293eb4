/** From a scenario to its result on the screen and in files: what the verbs that make one run have in common. */
import { documentText } from '../experiment/result/result-document.ts';
import type { Host, HostKind } from '../runtime/host.ts';
import { runScenario } from '../experiment/run/run.ts';
import { hdrBase64 } from '../metrics/sinks/hdr-export.ts';
import { createLog } from '../metrics/sinks/logger.ts';
import type { LogLevel } from '../metrics/sinks/logger.ts';
import type { EndSpec } from '../scenario/attach.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { exitCodeFor, messageOf } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { openHost } from './open-host.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { HumanOutput, RecordOutput } from './run-output.ts';
import type { RunOutput } from './run-output.ts';

export interface PassFlags {
  readonly host: HostKind;
  readonly json?: string;
  readonly jsonStream?: true;
  readonly quiet?: true;
  readonly logLevel: LogLevel;
}

export interface RunAsked {
  /** As the host can run it. */
  readonly scenario: Scenario;
  /** Where real programs are. */
  readonly ends?: readonly EndSpec[];
  /** Ctrl-C is how it is meant to end. */
  readonly endsWhenAborted?: boolean;
  /** Called when every vNIC is up, before traffic. */
  readonly ready?: (host: Host, output: RunOutput) => Promise<void>;
}

/** Runs it. @returns the exit code. */
export async function passRun(asked: RunAsked, flags: PassFlags): Promise<number> {
  const { scenario, ends = [], endsWhenAborted = false, ready } = asked;
  const files = openOutputs({ json: flags.json });
  const screen = screenFor(Object.values(files), flags);
  const log = await createLog(flags.logLevel);
  const output =
    flags.jsonStream === true ? new RecordOutput(scenario) : new HumanOutput(screen, flags.quiet === true, log);
  const interruption = listenForSignals();
  let host: Host | null = null;
  try {
    host = await openHost(flags.host, scenario, ends);
    const opened = host;
    const result = await runScenario(scenario, opened, {
      signal: interruption.signal,
      endsWhenAborted,
      encodeHistogram: flags.json === undefined ? null : hdrBase64,
      ready: async (readyAfterNs) => {
        log.logger.info({ readyAfterMs: readyAfterNs / 1e6 }, 'the guest is up');
        await ready?.(opened, output);
      },
      watch: (live) => output.watch(live),
    });
    // The file first: whatever happens to the terminal, the result is kept.
    await files.json?.write(documentText(result));
    await output.finish(result);
    if (result.failure !== null) process.stderr.write(`vhostlab failed: ${result.failure}\n`);
    return result.exitCode;
  } catch (error) {
    output.fail(messageOf(error), exitCodeFor(error), host?.nowNs() ?? 0);
    throw error;
  } finally {
    files.json?.discard();
    interruption.dispose();
  }
}
