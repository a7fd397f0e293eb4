/** What a sweep shows on stdout: lines for people, records for programs. One writer, chosen once. */
import { formatAmount, formatShare } from '../text/number-format.ts';
import { paintFor } from '../metrics/text/text-table.ts';
import type { Paint } from '../metrics/text/text-table.ts';
import { describeCapture } from '../experiment/run/capture-result.ts';
import { captureLines } from '../experiment/tell/capture-lines.ts';
import { tellLossFree } from '../experiment/sweep/loss-free-rate.ts';
import type { LossFreeRate, LossProbe } from '../experiment/sweep/loss-free-rate.ts';
import { describeOffered } from '../experiment/sweep/offered-rates.ts';
import type { OfferedRate } from '../experiment/sweep/offered-rates.ts';
import { formatRate } from '../scenario/text/quantities.ts';
import { LOAD_WORDS, measuredWhole, sharingNames } from '../experiment/sweep/swept-load.ts';
import type { SweepPlan, SweepWatcher } from '../experiment/sweep/sweep.ts';
import type { SweepResult, TrialResult } from '../experiment/sweep/sweep-result.ts';
import { sweepLines } from '../experiment/sweep/sweep-summary.ts';
import type { TestBed } from '../experiment/bed/test-bed.ts';

const COLUMNS_MIN = 80;
const COLUMNS_MAX = 140;
const FILE_COLUMNS = 140;

type LoadPlan = Pick<SweepPlan, 'variants' | 'load'>;

export interface SweepOutput extends SweepWatcher {
  finish(result: SweepResult): void;
  fail(message: string, exitCode: number): void;
}

/** For people: a line for each rate of each round, then tables and words. */
export class SweepLines implements SweepOutput {
  private readonly plan: SweepPlan;
  private readonly screen: NodeJS.WriteStream;
  /** Trials of the line being gathered. */
  private row: TrialResult[] = [];
  private rowRate: OfferedRate | null = null;

  constructor(plan: SweepPlan, screen: NodeJS.WriteStream) {
    this.plan = plan;
    this.screen = screen;
    const names = plan.variants.map(({ name }) => name).join(', ');
    const [{ scenario }] = plan.variants;
    this.writeLine(`sweep of ${scenario.name}: ${names}`);
    this.writeLine(describeLoad(plan));
    for (const line of captureLines(describeCapture(scenario))) this.writeLine(line);
    const absent = scenario.vms.filter(({ present }) => !present).map(({ name }) => name);
    if (absent.length > 0) this.writeLine(`not there throughout, since a sweep adds no VMs: ${absent.join(', ')}`);
  }

  started(beds: readonly TestBed[]): void {
    for (const line of beds[0]?.header ?? []) this.writeLine(line);
  }

  probed({ perSecond, lossRatio, unsentRatio, validTrials }: LossProbe): void {
    const unsent = unsentRatio > 0 ? `, ${formatShare(unsentRatio)} of it never sent` : '';
    const doubt = validTrials === 0 ? ' (no valid trial)' : '';
    this.writeLine(
      `searching the loss-free rate of ${this.plan.variants[0].name}: ${formatAmount(perSecond)}/s loses ` +
        `${formatShare(lossRatio)}${unsent}${doubt}`,
    );
  }

  offering(rates: readonly OfferedRate[], search: LossFreeRate | null): void {
    if (search !== null) this.writeLossFree(search);
    const count = rates.length * this.plan.variants.length * this.plan.trials;
    this.writeLine(
      `${count} trials: ${rates.length} rates, ${this.plan.variants.length} variants, ${this.plan.trials} each`,
    );
  }

  tried(trial: TrialResult, rate: OfferedRate): void {
    const [first] = this.row;
    if (first !== undefined && (first.rateIndex !== trial.rateIndex || first.attempt !== trial.attempt)) this.endRow();
    this.row.push(trial);
    this.rowRate = rate;
    if (this.row.length === this.plan.variants.length) this.endRow();
  }

  finish(result: SweepResult): void {
    this.endRow();
    for (const line of sweepLines(result, widthOf(this.screen), paintOf(this.screen))) this.writeLine(line);
  }

  fail(): void {
    this.endRow();
  }

  private writeLossFree({ lossFreePerSecond, generatorLimited }: LossFreeRate): void {
    if (lossFreePerSecond === null) return;
    const within = tellLossFree(this.plan.lossFreeRatioMax);
    this.writeLine(`L, what ${this.plan.variants[0].name} carries ${within}: ${formatAmount(lossFreePerSecond)}/s`);
    if (generatorLimited) this.writeLine('  the generator is the limit: it could not send the next higher rate');
  }

  private endRow(): void {
    const [first] = this.row;
    if (first === undefined || this.rowRate === null) return;
    const again = first.attempt === 0 ? '' : ', again';
    const cells = this.row.map(({ variant, phase, validity }) => {
      const egress = formatAmount((measuredWhole(phase, this.plan.load).delivered * 1e9) / phase.elapsedNs);
      return `${variant} ${egress}/s${validity.status === 'invalid' ? ' (invalid)' : ''}`;
    });
    this.writeLine(`round ${first.round + 1}${again}, ${describeOffered(this.rowRate)}: ${cells.join(', ')}`);
    this.row = [];
  }

  private writeLine(line: string): void {
    this.screen.write(`${line}\n`);
  }
}

/** Columns of a terminal within what tables are made for, or of a file. */
export function widthOf({ isTTY, columns }: NodeJS.WriteStream): number {
  return isTTY ? Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, columns)) : FILE_COLUMNS;
}

export function paintOf(screen: NodeJS.WriteStream): Paint {
  return paintFor(screen.isTTY && screen.hasColors());
}

/** What follows the load, what does not, and what counts. */
export function describeLoad({ variants: [{ scenario }], load: { unit, counted } }: LoadPlan): string {
  const { streams, connections } = scenario.traffic;
  const counts = counted === null ? '' : `; what counts is ${counted}`;
  if (unit === 'connections') {
    return `load: ${LOAD_WORDS.connections.perSecond} of ${connections.map(({ name }) => name).join(', ')}${counts}`;
  }
  const own = streams.flatMap(({ name, rate }) => (rate === 'shared' ? [] : [`${name} ${formatRate(rate)}`]));
  const kept = own.length === 0 ? '' : `; rates of their own: ${own.join(', ')}`;
  return `load: ${LOAD_WORDS.frames.perSecond} of ${sharingNames(scenario).join(', ')}${kept}${counts}`;
}

type RecordName = 'start' | 'search' | 'rates' | 'trial' | 'point' | 'end' | 'error';

/** For programs: NDJSON, from the first byte to the last. */
export class SweepRecords implements SweepOutput {
  private readonly plan: SweepPlan;

  constructor(plan: SweepPlan) {
    this.plan = plan;
  }

  started(beds: readonly TestBed[]): void {
    const variants = beds.map((bed) => ({ ...bed.variant, header: bed.header, threads: bed.threads() }));
    const { hostKind, load, trials, durationNs, warmupNs } = this.plan;
    writeRecord('start', { hostKind, load, trials, durationNs, warmupNs, variants });
  }

  probed(probe: LossProbe): void {
    writeRecord('search', probe);
  }

  offering(rates: readonly OfferedRate[], search: LossFreeRate | null): void {
    const { lossFreeRatioMax } = this.plan;
    const { lossFreePerSecond = null, generatorLimited = null } = search ?? {};
    writeRecord('rates', { lossFreePerSecond, lossFreeRatioMax, generatorLimited, rates });
  }

  tried(trial: TrialResult): void {
    writeRecord('trial', trial);
  }

  finish(result: SweepResult): void {
    const { trials, points, ...rest } = result;
    for (const point of points) writeRecord('point', point);
    writeRecord('end', { ...rest, trials: trials.length, points: points.length });
  }

  fail(message: string, exitCode: number): void {
    writeRecord('error', { message, exitCode });
  }
}

/** The envelope of every record of this program: see metrics/ndjson.ts. */
export function writeRecord(event: RecordName, data: object): void {
  writeLine(JSON.stringify({ event, data: { time: new Date().toISOString(), ...data } }));
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
