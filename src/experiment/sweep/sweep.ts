/** A sweep: several variants of a scenario at several offered rates, their trials interleaved. */
import type { Host } from '../../runtime/host.ts';
import { exitCodeOf } from '../run/exit-codes.ts';
import type { Ledger } from '../run/run-result.ts';
import { verdictText } from '../tell/verdict-text.ts';
import type { VerdictRun } from '../tell/verdict-text.ts';
import { measureLossFreeRate } from './loss-free-rate.ts';
import type { LossFreeRate, LossProbe } from './loss-free-rate.ts';
import { resultHead, scenarioHash } from '../result/describe-head.ts';
import { describeOffered, givenRates, multipliedRates } from './offered-rates.ts';
import { effectsAt } from './effects.ts';
import type { RateEffects } from './effects.ts';
import type { Factor } from './grid.ts';
import type { OfferedRate, RateChoice } from './offered-rates.ts';
import { egressOf, lossFreeRateOf, peakOf, variantPoints } from './points.ts';
import { measuredWhole, offeredPerSecond } from './swept-load.ts';
import type { SweptLoad } from './swept-load.ts';
import { judgeSweep } from './sweep-expectations.ts';
import type { TestBed, TrialRequest } from '../bed/test-bed.ts';
import type { PointResult, SweepResult, TrialResult, VariantResult } from './sweep-result.ts';
import { TrialQueue } from './trial-queue.ts';
import type { PlannedTrial } from './trial-queue.ts';
import type { SweepVariant } from './variants.ts';
import { overrideText } from '../../scenario/text/override.ts';

export interface SweepPlan {
  readonly hostKind: Host['kind'];
  /** At least one; the first is the one whose loss-free rate is searched for. */
  readonly variants: readonly SweepVariant[];
  /** Of a grid, whose combinations are the variants. */
  readonly factors?: readonly Factor[];
  readonly load: SweptLoad;
  readonly offered: RateChoice;
  readonly trials: number;
  readonly durationNs: number;
  readonly warmupNs: number;
  /** Unmeasured traffic before each trial: queues fill, governors and schedulers settle. */
  readonly runInNs: number;
  /** What is measured of each trial of the search for the loss-free rate. */
  readonly probeNs: number;
  /** Most loss at which a rate counts as loss-free. */
  readonly lossFreeRatioMax: number;
}

/** What a sweep tells while it goes on. */
export interface SweepWatcher {
  /** Every bed is up and warm. */
  started?(beds: readonly TestBed[]): void;
  probed?(probe: LossProbe): void;
  /** Rates are known; trials begin. */
  offering?(rates: readonly OfferedRate[], search: LossFreeRate | null): void;
  tried?(trial: TrialResult, rate: OfferedRate): void;
}

/** What an earlier sweep of the same has measured, and where what this one measures is kept. */
export interface SweptBefore {
  readonly search: LossFreeRate | null;
  trialOf(planned: PlannedTrial): TrialResult | null;
  noteSearch(search: LossFreeRate): void;
  noteTrial(trial: TrialResult): void;
}

export interface SweepOptions {
  /** Where the trials of a variant are made, up and at rest. */
  readonly openBed: (variant: SweepVariant, signal: AbortSignal) => Promise<TestBed>;
  /** Aborting ends the trial at once; what was measured so far is the result. */
  readonly signal: AbortSignal;
  readonly watcher?: SweepWatcher;
  readonly before?: SweptBefore;
}

const REPEATS_PER_TRIAL_MAX = 2;
/** All repeats together, as a share of the trials planned. */
const REPEATS_RATIO_MAX = 1 / 4;

/** Runs a sweep. All beds are stopped when this returns, and when it throws. @throws when a bed does not work. */
export async function runSweep(plan: SweepPlan, options: SweepOptions): Promise<SweepResult> {
  return new Sweep(plan, options).run();
}

class Sweep {
  private readonly plan: SweepPlan;
  private readonly options: SweepOptions;
  private readonly startedAt = new Date();
  private readonly beds: TestBed[] = [];
  private readonly warmedUpAtPerSecond: (number | null)[] = [];
  private readonly trials: TrialResult[] = [];
  private search: LossFreeRate | null = null;
  private rates: readonly OfferedRate[] = [];
  private resumedTrials = 0;

  constructor(plan: SweepPlan, options: SweepOptions) {
    this.plan = plan;
    this.options = options;
  }

  async run(): Promise<SweepResult> {
    const { watcher, signal } = this.options;
    try {
      await this.startAll();
      watcher?.started?.(this.beds);
      this.rates = await this.chooseRates();
      if (this.rates.length > 0 && !signal.aborted) watcher?.offering?.(this.rates, this.search);
      await this.passTrials();
      const ledgers: Ledger[] = [];
      for (const bed of this.beds) ledgers.push(await bed.ledger());
      return this.conclude(ledgers);
    } finally {
      await Promise.all(this.beds.map((bed) => bed.stop().catch(() => undefined)));
    }
  }

  private async startAll(): Promise<void> {
    const { openBed, signal } = this.options;
    for (const variant of this.plan.variants) {
      if (signal.aborted) return;
      this.beds.push(await openBed(variant, signal));
    }
    for (const bed of this.beds)
      this.warmedUpAtPerSecond.push(await bed.warmUp(this.plan.load, this.plan.warmupNs, signal));
  }

  private async chooseRates(): Promise<OfferedRate[]> {
    const { offered, variants, load } = this.plan;
    const { scenario } = variants[0];
    if (offered.kind === 'rates') return givenRates(scenario, offered.rates);
    if (this.options.signal.aborted) return [];
    this.search = this.options.before?.search ?? (await this.searchLossFree());
    const { lossFreePerSecond } = this.search;
    return lossFreePerSecond === null ? [] : multipliedRates(scenario, load.unit, offered.multiples, lossFreePerSecond);
  }

  private async searchLossFree(): Promise<LossFreeRate> {
    const search = await measureLossFreeRate(this.beds[0], {
      load: this.plan.load,
      lossRatioMax: this.plan.lossFreeRatioMax,
      probeNs: this.plan.probeNs,
      runInNs: this.plan.runInNs,
      startPerSecond: this.warmedUpAtPerSecond[0] ?? null,
      signal: this.options.signal,
      probed: (probe) => this.options.watcher?.probed?.(probe),
    });
    if (search.lossFreePerSecond !== null) this.options.before?.noteSearch(search);
    return search;
  }

  private async passTrials(): Promise<void> {
    const planned = this.rates.length * this.beds.length * this.plan.trials;
    const queue = new TrialQueue({
      rates: this.rates.length,
      variants: this.beds.length,
      rounds: this.plan.trials,
      repeatsPerTrialMax: REPEATS_PER_TRIAL_MAX,
      repeatsMax: Math.ceil(planned * REPEATS_RATIO_MAX),
    });
    for (let next = queue.next(); next !== null && !this.options.signal.aborted; next = queue.next()) {
      this.foresee([next, ...queue.upcoming(this.bedOf(next).ahead)]);
      const trial = await this.passTrial(next);
      if (trial === null) return;
      this.trials.push(trial);
      this.options.watcher?.tried?.(trial, this.rates[next.rateIndex]);
      if (trial.validity.status === 'invalid' && this.bedOf(next).disturbed) queue.repeat(next);
    }
  }

  private async passTrial(planned: PlannedTrial): Promise<TrialResult | null> {
    const { before } = this.options;
    const made = before?.trialOf(planned) ?? null;
    if (made !== null) {
      this.resumedTrials++;
      return made;
    }
    const bed = this.bedOf(planned);
    const trial = await bed.trial(this.requestFor(planned), this.options.signal);
    if (trial === null) return null;
    const result = { ...planned, variant: bed.variant.name, ...trial };
    before?.noteTrial(result);
    return result;
  }

  private foresee(planned: readonly PlannedTrial[]): void {
    this.beds.forEach((bed, variantIndex) => {
      const { before } = this.options;
      const unknown = planned.filter((each) => (before?.trialOf(each) ?? null) === null);
      const own = unknown.filter((each) => each.variantIndex === variantIndex);
      bed.foresee(own.map((each) => this.requestFor(each)));
    });
  }

  private bedOf({ variantIndex }: PlannedTrial): TestBed {
    return this.beds[variantIndex];
  }

  private requestFor({ rateIndex, round, attempt }: PlannedTrial): TrialRequest {
    const { runInNs, durationNs, trials } = this.plan;
    const offered = this.rates[rateIndex];
    return {
      name: describeOffered(offered),
      rate: offered.rate,
      runInNs,
      durationNs,
      repeat: round + attempt * trials,
    };
  }

  private conclude(ledgers: readonly Ledger[]): SweepResult {
    const { plan, rates, trials } = this;
    const points = this.beds.flatMap((bed) =>
      variantPoints(bed.variant.name, { threads: bed.threads() }, plan.load, rates, trials),
    );
    const interrupted = this.options.signal.aborted;
    const { scenario } = plan.variants[0];
    const { lossFreeRatioMax } = plan;
    const expectations = judgeSweep(scenario.sweep.expect, points, { lossFreeRatioMax, interrupted });
    return {
      ...resultHead(this.startedAt),
      kind: 'sweep',
      scenario: scenario.name,
      hostKind: plan.hostKind,
      load: plan.load,
      linePerSecond: plan.load.unit === 'frames' ? offeredPerSecond(scenario, { kind: 'lineRate', share: 1 }) : null,
      trialsPerPoint: plan.trials,
      durationNs: plan.durationNs,
      interrupted,
      resumedTrials: this.resumedTrials,
      lossFreeRatioMax,
      search: this.search,
      rates,
      variants: this.beds.map((bed, i) => this.describeVariant(bed, i, points, ledgers[i])),
      points,
      factors: plan.factors ?? [],
      effects: this.effects(),
      trials,
      expectations,
      exitCode: exitCodeOf({
        failed: false,
        balanced: ledgers.every(({ balanced }) => balanced),
        interrupted,
        valid: (this.search?.failure ?? null) === null && points.every(({ status }) => status !== 'invalid'),
        expectationsMet: expectations.every(({ passed }) => passed !== false),
      }),
    };
  }

  private effects(): RateEffects[] {
    const { factors = [], load } = this.plan;
    if (factors.length === 0) return [];
    return this.rates.flatMap((_, rateIndex) => {
      const cells = this.plan.variants.flatMap(({ name, levels = [] }) => {
        const made = this.trials.filter((trial) => trial.variant === name && trial.rateIndex === rateIndex);
        const egressPerSecond = egressOf(made, load);
        return egressPerSecond.length === 0 ? [] : [{ levels, egressPerSecond }];
      });
      return effectsAt(rateIndex, factors, cells) ?? [];
    });
  }

  private describeVariant(bed: TestBed, i: number, points: readonly PointResult[], ledger: Ledger): VariantResult {
    const { variant } = bed;
    const own = points.filter((point) => point.variant === variant.name);
    const peak = peakOf(own);
    const threads = bed.threads();
    const last = this.typicalTrial(own.at(-1) ?? null);
    return {
      name: variant.name,
      overrides: variant.overrides.map(overrideText),
      levels: variant.levels ?? [],
      scenario: variant.scenario,
      scenarioHash: scenarioHash(variant.scenario),
      header: bed.header,
      oversubscribed: bed.oversubscribed,
      coreDistance: bed.coreDistance,
      threads,
      warmedUpAtPerSecond: this.warmedUpAtPerSecond[i] ?? null,
      lossFreePerSecond: lossFreeRateOf(own, this.plan.lossFreeRatioMax),
      peak:
        peak === null
          ? null
          : { egressPerSecond: peak.egressPerSecond.median, offeredPerSecond: peak.offeredPerSecond },
      verdict: last === null ? '' : verdictText(trialRun(variant.scenario, threads, last)),
      ledger,
    };
  }

  /** The trial of a point whose egress is nearest to the median. */
  private typicalTrial(point: PointResult | null): TrialResult | null {
    if (point === null) return null;
    const distance = ({ phase }: TrialResult): number =>
      Math.abs((measuredWhole(phase, this.plan.load).delivered * 1e9) / phase.elapsedNs - point.egressPerSecond.median);
    return this.trials
      .filter(({ variant, rateIndex }) => variant === point.variant && rateIndex === point.rateIndex)
      .reduce((nearest, trial) => (distance(trial) < distance(nearest) ? trial : nearest));
  }
}

/** A trial as a run of one phase. Its VMs neither come nor go, and its guests' drivers are this program's own. */
function trialRun(
  scenario: VerdictRun['scenario'],
  threads: VerdictRun['threads'],
  { phase, validity }: TrialResult,
): VerdictRun {
  return { scenario, threads, phases: [phase], validity, provisioning: [], virtqueueFaults: [] };
}
