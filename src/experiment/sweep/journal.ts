/**
 * What a sweep has measured, kept while it goes on: a line of JSON for the question, for the loss-free rate and for
 * each trial. A sweep that is resumed takes these as if it had just made them.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { readFingerprint } from '../../runtime/os/fingerprint.ts';
import { scenarioHash } from '../result/describe-head.ts';
import { RESULT_SCHEMA_VERSION } from '../result/result-head.ts';
import { toolVersion } from '../run/tool-version.ts';
import type { LossFreeRate } from './loss-free-rate.ts';
import type { SweepPlan, SweptBefore } from './sweep.ts';
import type { TrialResult } from './sweep-result.ts';
import type { PlannedTrial } from './trial-queue.ts';

/** A journal that is of something else: what was found, what is allowed. */
export class JournalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JournalError';
  }
}

type JournalLine =
  | { readonly kind: 'sweep'; readonly schemaVersion: number; readonly question: string }
  | { readonly kind: 'lossFree'; readonly search: LossFreeRate }
  | { readonly kind: 'trial'; readonly trial: TrialResult };

export class SweepJournal implements SweptBefore {
  private readonly descriptor: number;
  private readonly trials = new Map<string, TrialResult>();
  private found: LossFreeRate | null = null;

  /** Opens or begins it. @throws JournalError for one of another sweep, what the file system says for others. */
  constructor(path: string, plan: SweepPlan) {
    if (existsSync(path) && statSync(path).isDirectory()) {
      throw new JournalError('found a directory, allowed: a new file, or one of --resume');
    }
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    // A crash may have cut the last line short.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n').filter((line) => line !== '');
    this.read(lines, plan);
    this.descriptor = openSync(path, 'a');
    ftruncateSync(this.descriptor, Buffer.byteLength(whole));
    if (lines.length === 0)
      this.write({ kind: 'sweep', schemaVersion: RESULT_SCHEMA_VERSION, question: questionOf(plan) });
  }

  /** Trials that were made before. */
  get size(): number {
    return this.trials.size;
  }

  /** The loss-free rate as it was found; null when it was not searched for. */
  get search(): LossFreeRate | null {
    return this.found;
  }

  noteSearch(search: LossFreeRate): void {
    this.write({ kind: 'lossFree', search });
  }

  /** The trial as it was made; null when it was not. */
  trialOf(planned: PlannedTrial): TrialResult | null {
    return this.trials.get(keyOf(planned)) ?? null;
  }

  noteTrial(trial: TrialResult): void {
    this.write({ kind: 'trial', trial });
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private read(lines: readonly string[], plan: SweepPlan): void {
    lines.forEach((text, i) => {
      const line = parsed(text);
      if (i === 0) checkHead(line, plan);
      else if (line?.kind === 'trial') this.trials.set(keyOf(line.trial), line.trial);
      else if (line?.kind === 'lossFree') this.found = line.search;
      else throw new JournalError(`line ${i + 1}: found no trial of a sweep`);
    });
  }

  /** On the disk when this returns: a crash loses no trial but the one under way. */
  private write(line: JournalLine): void {
    writeSync(this.descriptor, `${JSON.stringify(line)}\n`);
    fsyncSync(this.descriptor);
  }
}

function checkHead(line: JournalLine | null, plan: SweepPlan): void {
  if (line?.kind !== 'sweep')
    throw new JournalError('found no journal of a sweep, allowed: a new file, or one of --resume');
  if (line.schemaVersion !== RESULT_SCHEMA_VERSION) {
    const allowed = `version ${RESULT_SCHEMA_VERSION}, which this program writes; begin with a new file`;
    throw new JournalError(`found a journal of version ${line.schemaVersion}, allowed: ${allowed}`);
  }
  if (line.question === questionOf(plan)) return;
  throw new JournalError(
    'found a journal of another sweep, allowed: one with the same scenario, variants, loads, times and version' +
      `${plan.hostKind === 'virtual' ? '' : ' on the same machine'}`,
  );
}

/** What must be the same for trials to go together. There may be more of them. */
function questionOf(plan: SweepPlan): string {
  const asked = plan.variants.map(({ name, scenario }) => [name, scenarioHash(scenario)]);
  const machine = plan.hostKind === 'virtual' ? null : readFingerprint().text;
  const rest = { ...plan, variants: asked, trials: null };
  const question = JSON.stringify([toolVersion(), machine, rest]);
  return createHash('sha256').update(question).digest('hex');
}

function keyOf({ variantIndex, rateIndex, round, attempt }: PlannedTrial): string {
  return [variantIndex, rateIndex, round, attempt].join('/');
}

function parsed(text: string): JournalLine | null {
  try {
    return JSON.parse(text) as JournalLine;
  } catch {
    return null;
  }
}
