/** A search: the loads that a scenario, or each of its variants, carries within the goals, measured on its host. */
import { formatAmount, formatShare } from '../../text/number-format.ts';
import type { Host } from '../../runtime/host.ts';
import { overrideText } from '../../scenario/text/override.ts';
import { exitCodeOf } from '../run/exit-codes.ts';
import { resultHead, scenarioHash } from '../result/describe-head.ts';
import { carriedPerSecondMax } from '../sweep/offered-rates.ts';
import { LOAD_WORDS, SweptLoadError, measuredWhole, rateOf } from '../sweep/swept-load.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import { trialLoss } from '../sweep/trial-loss.ts';
import { lookAhead, nearestTo } from '../bed/look-ahead.ts';
import type { TestBed, Trial, TrialRequest } from '../bed/test-bed.ts';
import type { SweepVariant } from '../sweep/variants.ts';
import type { LoadTrial } from './load-classification.ts';
import { searchLoads } from './mlr-search.ts';
import type { GoalBounds, LoadLimits } from './mlr-search.ts';
import type { SearchGoal } from './search-goal.ts';
import type { GoalResult, SearchResult, SearchTrial, SearchedVariant } from './search-result.ts';

export interface SearchPlan {
  readonly hostKind: Host['kind'];
  /** At least one; they are searched one after another. */
  readonly variants: readonly SweepVariant[];
  readonly load: SweptLoad;
  /** At least one. */
  readonly goals: readonly SearchGoal[];
  readonly warmupNs: number;
  /** Unmeasured traffic before each trial. */
  readonly runInNs: number;
}

/** What a search tells while it goes on. */
export interface SearchWatcher {
  /** The bed of a variant is up and warm. */
  started?(bed: TestBed): void;
  tried?(trial: SearchTrial): void;
}

export interface SearchOptions {
  /** Where the trials of a variant are made, up and at rest. */
  readonly openBed: (variant: SweepVariant, signal: AbortSignal) => Promise<TestBed>;
  /** Aborting ends the trial at once; what was measured so far is the result. */
  readonly signal: AbortSignal;
  readonly watcher?: SearchWatcher;
}

/** Below this share of what the line carries nothing is searched for. */
const MIN_LOAD_RATIO = 1 / 1024;
/** Connections that a trial of the least load has at least, so that one more or less is no loss. */
const CONNECTIONS_MIN = 400;
const REPEATS_MAX = 3;

/** Runs a search. All beds are stopped when this returns, and when it throws. @throws when a bed does not work. */
export async function runSearch(plan: SearchPlan, options: SearchOptions): Promise<SearchResult> {
  const startedAt = new Date();
  const variants: SearchedVariant[] = [];
  const trials: SearchTrial[] = [];
  for (const variant of plan.variants) {
    if (options.signal.aborted) break;
    const bed = await options.openBed(variant, options.signal);
    try {
      variants.push(await new VariantSearch(plan, options, bed, trials).run());
    } finally {
      await bed.stop().catch(() => undefined);
    }
  }
  const interrupted = options.signal.aborted;
  return {
    ...resultHead(startedAt),
    kind: 'search',
    scenario: plan.variants[0].scenario.name,
    hostKind: plan.hostKind,
    load: plan.load,
    interrupted,
    variants,
    trials,
    exitCode: exitCodeOf({
      balanced: variants.every(({ ledger }) => ledger.balanced),
      interrupted,
      valid: variants.every(({ goals }) => goals.every(({ valid }) => valid)),
      failed: false,
      expectationsMet: true,
    }),
  };
}

/** A trial that the search asks for. */
interface LoadQuestion {
  readonly perSecond: number;
  readonly durationNs: number;
}

class VariantSearch {
  private readonly plan: SearchPlan;
  private readonly options: SearchOptions;
  private readonly bed: TestBed;
  private readonly limits: LoadLimits;
  /** Of all variants, in order. */
  private readonly trials: SearchTrial[];

  constructor(plan: SearchPlan, options: SearchOptions, bed: TestBed, trials: SearchTrial[]) {
    this.plan = plan;
    this.options = options;
    this.bed = bed;
    this.trials = trials;
    const max = Math.floor(carriedPerSecondMax(bed.variant.scenario, plan.load.unit));
    const shortestNs = Math.min(...plan.goals.map(({ initialTrialNs }) => initialTrialNs));
    const least = plan.load.unit === 'frames' ? 1 : (CONNECTIONS_MIN * 1e9) / shortestNs;
    this.limits = { min: Math.min(max, Math.ceil(Math.max(max * MIN_LOAD_RATIO, least))), max };
  }

  async run(): Promise<SearchedVariant> {
    const { bed, limits } = this;
    const { goals, load, warmupNs } = this.plan;
    await bed.warmUp(load, warmupNs, this.options.signal);
    this.options.watcher?.started?.(bed);
    const floor = await this.measure(limits.min, Math.min(...goals.map(({ initialTrialNs }) => initialTrialNs)));
    const reachable = goals.filter(({ lossRatio }) => floor !== null && floor.lossRatio <= lossRatio);
    if (floor !== null && reachable.length === 0) throw new SweptLoadError(this.nothingCarried(floor));
    const bounds = await this.searchGoals(reachable);
    const { variant } = bed;
    return {
      name: variant.name,
      overrides: variant.overrides.map(overrideText),
      scenario: variant.scenario,
      scenarioHash: scenarioHash(variant.scenario),
      header: bed.header,
      oversubscribed: bed.oversubscribed,
      coreDistance: bed.coreDistance,
      threads: bed.threads(),
      limits,
      goals: goals.map((goal) => this.conclude(goal, bounds[reachable.indexOf(goal)] ?? null, floor)),
      ledger: await bed.ledger(),
    };
  }

  private searchGoals(goals: readonly SearchGoal[]): Promise<GoalBounds[]> {
    const { bed, limits } = this;
    const known: SearchTrial[] = [];
    const search = (ask: (question: LoadQuestion) => Promise<LoadTrial | null>): Promise<GoalBounds[]> =>
      searchLoads(goals, limits, (perSecond, durationNs) => ask({ perSecond, durationNs }));
    const likeNearest = ({ perSecond, durationNs }: LoadQuestion): LoadTrial => {
      const { lossRatio } = nearestTo(perSecond, this.made(), (trial) => trial.perSecond);
      return { durationNs, lossRatio };
    };
    return search(async ({ perSecond, durationNs }) => {
      if (bed.ahead > 0) this.foresee(await lookAhead(search, known, likeNearest, bed.ahead));
      const trial = await this.measure(perSecond, durationNs);
      if (trial !== null) known.push(trial);
      return trial;
    });
  }

  /** Trials of this variant so far. */
  private made(): SearchTrial[] {
    return this.trials.filter(({ variant }) => variant === this.bed.variant.name);
  }

  private foresee(questions: readonly LoadQuestion[]): void {
    const loads = this.made().map(({ perSecond }) => perSecond);
    const requests = questions.map((question, i) => {
      const before = [...loads, ...questions.slice(0, i).map(({ perSecond }) => perSecond)];
      return this.requestFor(question, before.filter((load) => load === question.perSecond).length);
    });
    this.bed.foresee(requests);
  }

  private requestFor({ perSecond, durationNs }: LoadQuestion, repeat: number): TrialRequest {
    const rate = rateOf(this.bed.variant.scenario, this.plan.load.unit, perSecond);
    return { name: `${formatAmount(perSecond)}/s`, rate, runInNs: this.plan.runInNs, durationNs, repeat };
  }

  /** One trial; an invalid one is made again while there is patience, and taken as it is when there is none left. */
  private async measure(perSecond: number, durationNs: number): Promise<SearchTrial | null> {
    const { watcher, signal } = this.options;
    for (let attempt = 0; ; attempt++) {
      const repeat = this.made().filter((trial) => trial.perSecond === perSecond).length;
      const made = await this.bed.trial(this.requestFor({ perSecond, durationNs }, repeat), signal);
      if (made === null) return null;
      const again = this.bed.disturbed && made.validity.status === 'invalid' && attempt < REPEATS_MAX;
      const trial = this.describe(made, perSecond, attempt, !again);
      this.trials.push(trial);
      watcher?.tried?.(trial);
      if (!again) return trial;
    }
  }

  private describe(
    { seed, phase, validity }: Trial,
    perSecond: number,
    attempt: number,
    counted: boolean,
  ): SearchTrial {
    const { load } = this.plan;
    return {
      variant: this.bed.variant.name,
      perSecond,
      durationNs: phase.durationNs,
      seed,
      attempt,
      ...trialLoss(phase, load),
      deliveredPerSecond: (measuredWhole(phase, load).delivered * 1e9) / phase.elapsedNs,
      drops: phase.drops,
      validity,
      counted,
    };
  }

  private conclude(goal: SearchGoal, bounds: GoalBounds | null, floor: SearchTrial | null): GoalResult {
    const none = { lowerPerSecond: null, upperPerSecond: null, conditionalThroughput: null, regular: false };
    const found = bounds ?? none;
    const atBounds = this.trials.filter(
      ({ variant, counted, perSecond }) =>
        variant === this.bed.variant.name &&
        counted &&
        (perSecond === found.lowerPerSecond || perSecond === found.upperPerSecond),
    );
    const invalid = atBounds.find(({ validity }) => validity.status === 'invalid');
    const why = found.regular ? null : this.irregular(found, floor);
    return {
      goal,
      ...found,
      why: invalid === undefined ? why : `not to be believed: ${invalid.validity.reasons.join('; ')}`,
      valid: invalid === undefined,
    };
  }

  /** Why there is no pair of bounds within the goal's width. */
  private irregular({ lowerPerSecond, upperPerSecond }: GoalBounds, floor: SearchTrial | null): string {
    if (this.options.signal.aborted) return 'interrupted';
    if (lowerPerSecond !== null && upperPerSecond === null) return 'all that the line carries';
    return floor === null ? 'not measured' : `${this.lossAt(floor)} already`;
  }

  private nothingCarried(floor: SearchTrial): string {
    const { streams, connections } = this.bed.variant.scenario.traffic;
    const names = (this.plan.load.unit === 'frames' ? streams : connections).map(({ name }) => name);
    const others = names.length > 1 && this.plan.load.counted === null ? ` or --stream (${names.join(', ')})` : '';
    return (
      `${this.bed.variant.name} meets no goal at any load: ${this.lossAt(floor)}, ` +
      `allowed: traffic that the guest forwards, --goal with a higher loss${others}`
    );
  }

  private lossAt({ perSecond, lossRatio, drops: [worst] }: SearchTrial): string {
    const where = worst === undefined ? '' : `, most of it at ${worst.actor}: ${worst.reason}`;
    const words = LOAD_WORDS[this.plan.load.unit].perSecond;
    return `${formatShare(lossRatio)} is lost at ${formatAmount(perSecond)} ${words}${where}`;
  }
}
