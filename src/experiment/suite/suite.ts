/** The tests of RFC 2544 section 26, one frame size after another, with the figures of livelock beside them. */
import { median } from 'simple-statistics';
import type { Host } from '../../runtime/host.ts';
import { exitCodeOf } from '../run/exit-codes.ts';
import { resultHead } from '../result/describe-head.ts';
import type { Trial } from '../bed/test-bed.ts';
import { runSearch } from '../search/search.ts';
import type { SearchOptions, SearchPlan } from '../search/search.ts';
import { carriedPerSecondMax } from '../sweep/offered-rates.ts';
import { measuredWhole, rateOf } from '../sweep/swept-load.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import { SweptHost } from '../sweep/swept-host.ts';
import { trialLoss } from '../sweep/trial-loss.ts';
import type { SweepVariant } from '../sweep/variants.ts';
import { measureBackToBack } from './back-to-back.ts';
import { measureRecovery } from './recovery.ts';
import type { Livelock, LossStep, Recovery, SizeResult, SuiteLatency, SuiteResult } from './suite-result.ts';
import type { SuiteTiming } from './suite-timing.ts';

export interface SuitePlan extends Omit<SearchPlan, 'goals'> {
  /** One variant a frame size, named after it. */
  readonly variants: readonly SweepVariant[];
  readonly timing: SuiteTiming;
}

export interface SuiteOptions extends Omit<SearchOptions, 'watcher'> {
  /** A host for the tests that are no trials, not started. */
  readonly openHost: (variant: SweepVariant) => Promise<Host>;
  readonly watcher: NonNullable<SearchOptions['watcher']> & {
    /** A test of one frame size begins. */
    testing(size: string, test: string): void;
  };
}

/** Section 26.3: steps of a tenth of the line. */
const LOSS_STEPS = 10;
/** Section 26.5: the overload, and what it is reduced to. */
const OVERLOAD_RATIO = 1.1;
const RECOVERY_RATIO = 0.5;
/** Loads of the livelock figures, in multiples of the MLFRR. */
const LIVELOCK_MULTIPLE = 4;
const REPEATS_MAX = 3;

/** Runs the suite. All hosts are stopped when this returns, and when it throws. @throws when a host does not work. */
export async function runSuite(plan: SuitePlan, options: SuiteOptions): Promise<SuiteResult> {
  const startedAt = new Date();
  const { timing, ...searched } = plan;
  const search = await runSearch({ ...searched, goals: [timing.goal] }, options);
  const sizes: SizeResult[] = [];
  for (const variant of plan.variants) {
    if (options.signal.aborted) break;
    const [goal] = search.variants.find(({ name }) => name === variant.name)?.goals ?? [];
    const doubts = goal?.valid === false ? [`throughput ${goal.why}`] : [];
    const host = await SweptHost.start(variant, await options.openHost(variant), options.signal);
    try {
      await host.warmUp(plan.load, plan.warmupNs, options.signal);
      sizes.push(await new SizeTests(plan, options, host, doubts).run(goal?.lowerPerSecond ?? null));
    } finally {
      await host.stop().catch(() => undefined);
    }
  }
  const interrupted = options.signal.aborted;
  return {
    ...resultHead(startedAt),
    kind: 'suite',
    suite: 'rfc2544',
    timing,
    interrupted,
    search,
    sizes,
    exitCode: exitCodeOf({
      failed: false,
      balanced: sizes.every(({ ledger }) => ledger.balanced) && search.variants.every(({ ledger }) => ledger.balanced),
      interrupted,
      valid: sizes.every(({ doubts }) => doubts.length === 0),
      expectationsMet: true,
    }),
  };
}

/** The tests of one frame size on its warm host. */
class SizeTests {
  private readonly timing: SuiteTiming;
  private readonly load: SweptLoad;
  private readonly runInNs: number;
  private readonly options: SuiteOptions;
  private readonly host: SweptHost;
  private readonly lineFps: number;
  private readonly doubts: string[];

  constructor({ timing, load, runInNs }: SuitePlan, options: SuiteOptions, host: SweptHost, doubts: string[]) {
    this.timing = timing;
    this.load = load;
    this.runInNs = runInNs;
    this.options = options;
    this.host = host;
    this.lineFps = carriedPerSecondMax(host.variant.scenario, 'frames');
    this.doubts = doubts;
  }

  async run(throughputFps: number | null): Promise<SizeResult> {
    const lossSteps = await this.lossSteps();
    const above = throughputFps === null ? null : await this.aboveZero(throughputFps, lossSteps);
    return {
      size: this.host.variant.name,
      linePerSecond: this.lineFps,
      throughputPerSecond: throughputFps,
      latency: above?.latency ?? null,
      lossSteps,
      backToBack: above?.backToBack ?? null,
      recovery: above?.recovery ?? null,
      livelock: above?.livelock ?? null,
      ledger: await this.host.ledger(),
      doubts: [...new Set(this.doubts)],
    };
  }

  /** What needs a throughput to begin with. */
  private async aboveZero(throughputFps: number, lossSteps: readonly LossStep[]) {
    const { options, host, timing, lineFps } = this;
    const latency = await this.latencyAt(throughputFps);
    this.tell('back-to-back frames');
    const backToBack = await measureBackToBack(host, { lineFps, throughputFps }, timing.burstRepeats, options.signal);
    const overload = Math.min(lineFps, OVERLOAD_RATIO * throughputFps);
    const recovery = await this.recoverFrom(overload, overload * RECOVERY_RATIO);
    const livelock = await this.livelockAbove(throughputFps, lossSteps);
    return { latency, backToBack, recovery, livelock };
  }

  private tell(test: string): void {
    this.options.watcher.testing(this.host.variant.name, test);
  }

  /** From all that the line carries downward, until nothing is lost in two steps in a row. */
  private async lossSteps(): Promise<LossStep[]> {
    const steps: LossStep[] = [];
    for (let tenths = LOSS_STEPS; tenths > 0; tenths--) {
      const step = await this.stepAt((this.lineFps * tenths) / LOSS_STEPS);
      if (step === null) break;
      steps.push(step);
      if (steps.length > 1 && steps.slice(-2).every(({ lossRatio }) => lossRatio === 0)) break;
    }
    return steps;
  }

  private async stepAt(perSecond: number): Promise<LossStep | null> {
    const share = perSecond / this.lineFps;
    this.tell(`frame loss rate at ${Math.round(share * 100)} %`);
    const trial = await this.trial(perSecond, this.timing.lossNs);
    if (trial === null) return null;
    const { phase, validity } = trial;
    return {
      share,
      offeredPerSecond: perSecond,
      deliveredPerSecond: (measuredWhole(phase, this.load).delivered * 1e9) / phase.elapsedNs,
      lossRatio: trialLoss(phase, this.load).lossRatio,
      validity,
    };
  }

  private async latencyAt(perSecond: number): Promise<SuiteLatency | null> {
    const summaries = [];
    for (let i = 0; i < this.timing.latencyRepeats; i++) {
      this.tell(`latency, ${i + 1} of ${this.timing.latencyRepeats}`);
      const trial = await this.trial(perSecond, this.timing.latencyNs);
      if (trial === null) return null;
      if (trial.phase.latencyAll !== null) summaries.push(trial.phase.latencyAll);
    }
    if (summaries.length === 0) return null;
    return {
      repeats: summaries.length,
      typicalNs: median(summaries.map(({ p50Ns }) => p50Ns)),
      worstNs: median(summaries.map(({ p999Ns }) => p999Ns)),
      delayVariationNs: median(summaries.map(({ p999Ns, minNs }) => p999Ns - minNs)),
    };
  }

  private async livelockAbove(mlfrrPerSecond: number, lossSteps: readonly LossStep[]): Promise<Livelock | null> {
    const at = (multiple: number): Promise<LossStep | null> =>
      multiple * mlfrrPerSecond > this.lineFps ? Promise.resolve(null) : this.stepAt(multiple * mlfrrPerSecond);
    const atThroughput = await at(1);
    const atTwice = await at(2);
    const atFourTimes = await at(LIVELOCK_MULTIPLE);
    const flood = Math.min(this.lineFps, LIVELOCK_MULTIPLE * mlfrrPerSecond);
    const recovery = await this.recoverFrom(flood, RECOVERY_RATIO * mlfrrPerSecond);
    const steps = [atThroughput, ...lossSteps, atTwice, atFourTimes].filter((step) => step !== null);
    if (steps.length === 0 || recovery === null) return null;
    const peak = steps.reduce((most, step) => (step.deliveredPerSecond > most.deliveredPerSecond ? step : most));
    const { offeredPerSecond, deliveredPerSecond } = peak;
    return { mlfrrPerSecond, peak: { offeredPerSecond, deliveredPerSecond }, atTwice, atFourTimes, recovery };
  }

  private recoverFrom(fromPerSecond: number, toPerSecond: number): Promise<Recovery | null> {
    this.tell('recovery from overload');
    const { overloadNs } = this.timing;
    return measureRecovery(this.host, { fromPerSecond, toPerSecond, overloadNs }, this.options.signal);
  }

  /** An invalid trial is made again while there is patience, and then noted as a doubt. Null when interrupted. */
  private async trial(perSecond: number, durationNs: number): Promise<Trial | null> {
    const rate = rateOf(this.host.variant.scenario, 'frames', perSecond);
    const request = { name: `${this.host.variant.name} bytes`, rate, runInNs: this.runInNs, durationNs };
    for (let attempt = 0; ; attempt++) {
      const trial = await this.host.trial({ ...request, repeat: attempt }, this.options.signal);
      if (trial === null || trial.validity.status !== 'invalid') return trial;
      if (attempt < REPEATS_MAX) continue;
      this.doubts.push(...trial.validity.reasons);
      return trial;
    }
  }
}
