/** What a search shows on stdout: lines for people, records for programs. One writer, chosen once. */
import { formatAmount, formatExact, formatShare, formatTime } from '../text/number-format.ts';
import { describeCapture } from '../experiment/run/capture-result.ts';
import { captureLines } from '../experiment/tell/capture-lines.ts';
import { describeGoal } from '../experiment/search/search-goal.ts';
import type { SearchPlan, SearchWatcher } from '../experiment/search/search.ts';
import { searchLines } from '../experiment/search/search-summary.ts';
import type { SearchResult, SearchTrial } from '../experiment/search/search-result.ts';
import type { TestBed } from '../experiment/bed/test-bed.ts';
import { describeLoad, paintOf, widthOf, writeRecord } from './sweep-output.ts';

export interface SearchOutput extends SearchWatcher {
  finish(result: SearchResult): void;
  fail(message: string, exitCode: number): void;
}

/** For people: a line for each trial, then a table. */
export class SearchLines implements SearchOutput {
  private readonly screen: NodeJS.WriteStream;

  constructor(plan: SearchPlan, screen: NodeJS.WriteStream) {
    this.screen = screen;
    const [{ scenario }] = plan.variants;
    this.writeLine(`search of ${scenario.name}: ${plan.variants.map(({ name }) => name).join(', ')}`);
    this.writeLine(describeLoad(plan));
    for (const line of captureLines(describeCapture(scenario))) this.writeLine(line);
    for (const goal of plan.goals) this.writeLine(describeGoal(goal));
  }

  started({ header }: TestBed): void {
    for (const line of header) this.writeLine(line);
  }

  tried({ variant, perSecond, durationNs, lossRatio, unsentRatio, validity, counted }: SearchTrial): void {
    const unsent = unsentRatio > 0 ? `, ${formatShare(unsentRatio)} of it never sent` : '';
    const doubt = validity.status === 'invalid' ? ` (invalid${counted ? '' : ', made again'})` : '';
    this.writeLine(
      `${variant}: ${formatExact(perSecond)}/s for ${formatTime(durationNs)} loses ${formatShare(lossRatio)}${unsent}${doubt}`,
    );
  }

  finish(result: SearchResult): void {
    for (const line of searchLines(result, widthOf(this.screen), paintOf(this.screen))) this.writeLine(line);
    const reasons = new Set(result.trials.flatMap(({ validity }) => validity.reasons));
    for (const reason of [...reasons].slice(0, REASONS_MAX)) this.writeLine(`- ${reason}`);
    if (reasons.size > REASONS_MAX) this.writeLine(`- and ${formatAmount(reasons.size - REASONS_MAX)} more`);
  }

  fail(): void {}

  private writeLine(line: string): void {
    this.screen.write(`${line}\n`);
  }
}

/** Reasons for invalid trials that are named. */
const REASONS_MAX = 3;

/** For programs: NDJSON, from the first byte to the last. */
export class SearchRecords implements SearchOutput {
  private readonly plan: SearchPlan;

  constructor(plan: SearchPlan) {
    this.plan = plan;
  }

  started(bed: TestBed): void {
    const { hostKind, load, goals, warmupNs } = this.plan;
    const { variant, header } = bed;
    writeRecord('start', { hostKind, load, goals, warmupNs, ...variant, header, threads: bed.threads() });
  }

  tried(trial: SearchTrial): void {
    writeRecord('trial', trial);
  }

  finish({ trials, ...rest }: SearchResult): void {
    writeRecord('end', { ...rest, trials: trials.length });
  }

  fail(message: string, exitCode: number): void {
    writeRecord('error', { message, exitCode });
  }
}
