/**
 * What a run shows on stdout: a picture on a terminal, lines elsewhere, records for programs. One writer, chosen once.
 */
import { ConsoleView } from '../metrics/sinks/console-view.ts';
import type { LiveRun } from '../metrics/derive/live-run.ts';
import type { Log } from '../metrics/sinks/logger.ts';
import { ndjsonLine, streamIntervals } from '../metrics/sinks/ndjson.ts';
import { commandLines, headingLines, printLines } from '../metrics/sinks/plain-lines.ts';
import { paintFor } from '../metrics/text/text-table.ts';
import type { RunResult } from '../experiment/run/run-result.ts';
import type { Scenario } from '../scenario/scenario.ts';

const SUMMARY_COLUMNS_MIN = 80;
const SUMMARY_COLUMNS_MAX = 120;
const FILE_COLUMNS = 100;

export interface SetupReport {
  readonly actor: string;
  readonly lines: readonly string[];
}

/** The moments of a run that have something to show. */
export interface RunOutput {
  /** The VMM's exchange, before traffic. */
  setup(reports: readonly SetupReport[]): void;
  watch(live: LiveRun): void;
  /** Gives the terminal back and shows the end. */
  finish(result: RunResult): Promise<void>;
  fail(message: string, exitCode: number, monotonicNs: number): void;
}

/** For people: the live view unless `quiet`, and the summary. */
export class HumanOutput implements RunOutput {
  private readonly screen: NodeJS.WriteStream;
  private readonly quiet: boolean;
  private readonly log: Log;
  private view: ConsoleView | null = null;
  /** What the view had no room for; shown with the summary. */
  private heading: readonly string[] = [];

  constructor(screen: NodeJS.WriteStream, quiet: boolean, log: Log) {
    this.screen = screen;
    this.quiet = quiet;
    this.log = log;
  }

  setup(reports: readonly SetupReport[]): void {
    for (const { actor, lines } of reports) {
      this.writeLine(`${actor}:`);
      for (const line of lines) this.writeLine(`  ${line}`);
    }
  }

  watch(live: LiveRun): void {
    for (const line of live.heading.capture) this.writeLine(line);
    if (this.quiet) {
      for (const line of commandLines(live.heading.commands)) this.writeLine(line);
      return;
    }
    if (!this.screen.isTTY) {
      printLines(live, (line) => this.writeLine(line));
      return;
    }
    this.log.output.hold();
    this.view = new ConsoleView(live, this.screen, paintFor(this.screen.hasColors()));
    this.heading = headingLines({ ...live.heading, commands: [] });
  }

  async finish(result: RunResult): Promise<void> {
    this.leaveView();
    for (const line of this.heading) this.writeLine(line);
    const { summaryLines } = await import('../experiment/tell/summary.ts');
    const { isTTY, columns } = this.screen;
    const width = isTTY ? Math.min(SUMMARY_COLUMNS_MAX, Math.max(SUMMARY_COLUMNS_MIN, columns)) : FILE_COLUMNS;
    const paint = paintFor(isTTY && this.screen.hasColors());
    this.writeLine('');
    for (const line of summaryLines(result, width, paint)) this.writeLine(line);
  }

  fail(): void {
    this.leaveView();
  }

  private leaveView(): void {
    this.view?.close();
    this.view = null;
    this.log.output.release();
  }

  private writeLine(line: string): void {
    this.screen.write(`${line}\n`);
  }
}

/** For programs: NDJSON, from the first byte to the last. */
export class RecordOutput implements RunOutput {
  private readonly scenario: Scenario;
  private reports: readonly SetupReport[] = [];

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  setup(reports: readonly SetupReport[]): void {
    this.reports = reports;
  }

  watch(live: LiveRun): void {
    const setup = this.reports.length === 0 ? {} : { setup: this.reports };
    writeLine(ndjsonLine('start', live.startNs, { ...live.heading, resolvedScenario: this.scenario, ...setup }));
    streamIntervals(live, writeLine);
  }

  finish(result: RunResult): Promise<void> {
    // Intervals and scenario are in the stream already.
    const { samples } = result;
    const ended = { ...result, samples: undefined, scenario: undefined };
    writeLine(ndjsonLine('end', samples[samples.length - 1]?.monotonicNs ?? 0, ended));
    return Promise.resolve();
  }

  fail(message: string, exitCode: number, monotonicNs: number): void {
    writeLine(ndjsonLine('error', monotonicNs, { message, exitCode }));
  }
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
