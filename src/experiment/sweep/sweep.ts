/** A sweep: several variants of a scenario at several offered rates, their trials interleaved. */
import { median } from 'simple-statistics';
import { formatAmount, formatShare } from '../../text/number-format.ts';
import type { Host } from '../../runtime/host.ts';
import { exitCodeOf } from '../run/exit-codes.ts';
import type { Ledger } from '../run/run-result.ts';
import { toolVersion } from '../run/tool-version.ts';
import { verdictText } from '../tell/verdict-text.ts';
import type { VerdictRun } from '../tell/verdict-text.ts';
import { LOSS_FREE_RATIO_MAX, searchLossFreeRate } from './loss-free-search.ts';
import type { LossProbe } from './loss-free-search.ts';
import { describeMachine } from './machine.ts';
import { carriedPerSecondMax, describeOffered, givenRates, multipliedRates } from './offered-rates.ts';
import type { OfferedRate, RateChoice } from './offered-rates.ts';
import { lossFreeRateOf, peakOf, variantPoints } from './points.ts';
import { LOAD_WORDS, SweptLoadError, measuredWhole, offeredPerSecond, rateOf } from './swept-load.ts';
import type { SweptLoad } from './swept-load.ts';
import { judgeSweep } from './sweep-expectations.ts';
import { SweptHost } from './swept-host.ts';
import type { Trial } from './swept-host.ts';
import { SWEEP_SCHEMA_VERSION } from './sweep-result.ts';
import type { PointResult, SweepResult, TrialResult, VariantResult } from './sweep-result.ts';
import { TrialQueue } from './trial-queue.ts';
import type { PlannedTrial } from './trial-queue.ts';
import type { SweepVariant } from './variants.ts';
import { overrideText } from '../../scenario/text/override.ts';

export interface SweepPlan {
  readonly hostKind: Host['kind'];
  /** At least one; the first is the one whose loss-free rate is searched for. */
  readonly variants: readonly SweepVariant[];
  readonly load: SweptLoad;
  readonly offered: RateChoice;
  readonly trials: number;
  readonly durationNs: number;
  readonly warmupNs: number;
  /** Unmeasured traffic before each trial: queues fill, governors and schedulers settle. */
  readonly runInNs: number;
  /** What is measured of each trial of the search for the loss-free rate. */
  readonly probeNs: number;
}

/** What a sweep tells while it goes on. */
export interface SweepWatcher {
  /** Every host is up and warm. */
  started?(hosts: readonly SweptHost[]): void;
  probed?(probe: LossProbe): void;
  /** Rates are known; trials begin. */
  offering?(rates: readonly OfferedRate[], lossFreePerSecond: number | null): void;
  tried?(trial: TrialResult, rate: OfferedRate): void;
}

export interface SweepOptions {
  /** A host for one variant, not started. */
  readonly openHost: (variant: SweepVariant) => Promise<Host>;
  /** Aborting ends the trial at once; what was measured so far is the result. */
  readonly signal: AbortSignal;
  readonly watcher?: SweepWatcher;
}

const PROBE_TRIALS = 3;
const PROBE_ATTEMPTS_MAX = 5;
const SEARCH_PRECISION = 1.05;
/** The search gives up below this share of what the line carries. */
const SEARCH_FLOOR_RATIO = 1 / 1024;
/** Connections that a probe offers at least, so that one more or less of them is not half a percent. */
const PROBE_CONNECTIONS_MIN = 400;
const REPEATS_PER_TRIAL_MAX = 2;
/** All repeats together, as a share of the trials planned. */
const REPEATS_RATIO_MAX = 1 / 4;

/** Runs a sweep. All hosts are stopped when this returns, and when it throws. @throws when a host does not work. */
export async function runSweep(plan: SweepPlan, options: SweepOptions): Promise<SweepResult> {
  return new Sweep(plan, options).run();
}

class Sweep {
  private readonly plan: SweepPlan;
  private readonly options: SweepOptions;
  private readonly startedAt = new Date();
  private readonly hosts: SweptHost[] = [];
  private readonly warmedUpAtPerSecond: (number | null)[] = [];
  private readonly probes: LossProbe[] = [];
  private lastProbed: Trial | null = null;
  private readonly trials: TrialResult[] = [];
  private lossFreePerSecond: number | null = null;
  private rates: readonly OfferedRate[] = [];

  constructor(plan: SweepPlan, options: SweepOptions) {
    this.plan = plan;
    this.options = options;
  }

  async run(): Promise<SweepResult> {
    const { watcher, signal } = this.options;
    try {
      await this.startAll();
      watcher?.started?.(this.hosts);
      this.rates = await this.chooseRates();
      if (!signal.aborted) watcher?.offering?.(this.rates, this.lossFreePerSecond);
      await this.passTrials();
      const ledgers: Ledger[] = [];
      for (const host of this.hosts) ledgers.push(await host.ledger());
      return this.conclude(ledgers);
    } finally {
      await Promise.all(this.hosts.map((host) => host.stop().catch(() => undefined)));
    }
  }

  private async startAll(): Promise<void> {
    const { openHost, signal } = this.options;
    for (const variant of this.plan.variants) {
      if (signal.aborted) return;
      this.hosts.push(await SweptHost.start(variant, await openHost(variant), signal));
    }
    for (const host of this.hosts)
      this.warmedUpAtPerSecond.push(await host.warmUp(this.plan.load, this.plan.warmupNs, signal));
  }

  private async chooseRates(): Promise<OfferedRate[]> {
    const { offered, variants, load } = this.plan;
    const { scenario } = variants[0];
    if (offered.kind === 'rates') return givenRates(scenario, offered.rates);
    if (this.options.signal.aborted) return [];
    this.lossFreePerSecond = await this.searchLossFree(this.hosts[0]);
    if (this.lossFreePerSecond !== null)
      return multipliedRates(scenario, load.unit, offered.multiples, this.lossFreePerSecond);
    if (this.options.signal.aborted) return [];
    throw new SweptLoadError(this.nothingLossFree());
  }

  private searchLossFree(host: SweptHost): Promise<number | null> {
    const { load, probeNs } = this.plan;
    const max = carriedPerSecondMax(host.variant.scenario, load.unit);
    const least = load.unit === 'frames' ? 0 : (PROBE_CONNECTIONS_MIN * 1e9) / probeNs;
    const min = Math.min(max, Math.max(max * SEARCH_FLOOR_RATIO, least));
    const start = this.warmedUpAtPerSecond[0] ?? min;
    return searchLossFreeRate({ start, min, max, precision: SEARCH_PRECISION }, async (perSecond) => {
      const lossRatio = await this.probe(host, perSecond);
      if (lossRatio === null) return null;
      this.probes.push({ perSecond, lossRatio });
      this.options.watcher?.probed?.({ perSecond, lossRatio });
      return lossRatio;
    });
  }

  private nothingLossFree(): string {
    const [{ name, scenario }] = this.plan.variants;
    const { unit, counted } = this.plan.load;
    const last = this.probes[this.probes.length - 1];
    const [worst] = this.lastProbed?.phase.drops ?? [];
    const where = worst === undefined ? '' : ` (most frames at ${worst.actor}: ${worst.reason})`;
    const { streams, connections } = scenario.traffic;
    const names = (unit === 'frames' ? streams : connections).map((each) => each.name);
    const others =
      counted === null && names.length > 1 ? `, or --stream with the one that counts (${names.join(', ')})` : '';
    return (
      `${name} has no loss-free rate to be multiplied, ${counted ?? 'it'} loses ${formatShare(last.lossRatio)} even at ` +
      `${formatAmount(last.perSecond)} ${LOAD_WORDS[unit].perSecond}${where}, allowed: --rates or --steps${others}`
    );
  }

  /** Median loss of a few short trials; invalid ones are made again while there is patience. */
  private async probe(host: SweptHost, perSecond: number): Promise<number | null> {
    const trials: Trial[] = [];
    const usable = (): Trial[] => trials.filter(({ validity }) => validity.status !== 'invalid');
    while (usable().length < PROBE_TRIALS && trials.length < PROBE_ATTEMPTS_MAX) {
      const rate = rateOf(host.variant.scenario, this.plan.load.unit, perSecond);
      const request = { name: 'search', rate, runInNs: this.plan.runInNs, durationNs: this.plan.probeNs };
      const trial = await host.trial(request, this.options.signal);
      if (trial === null) return null;
      trials.push(trial);
    }
    const judged = usable().length > 0 ? usable() : trials;
    [this.lastProbed] = judged;
    return median(judged.map(({ phase }) => measuredWhole(phase, this.plan.load).lossRatio));
  }

  private async passTrials(): Promise<void> {
    const planned = this.rates.length * this.hosts.length * this.plan.trials;
    const queue = new TrialQueue({
      rates: this.rates.length,
      variants: this.hosts.length,
      rounds: this.plan.trials,
      repeatsPerTrialMax: REPEATS_PER_TRIAL_MAX,
      repeatsMax: Math.ceil(planned * REPEATS_RATIO_MAX),
    });
    for (let next = queue.next(); next !== null && !this.options.signal.aborted; next = queue.next()) {
      const trial = await this.passTrial(next);
      if (trial === null) return;
      this.trials.push(trial);
      this.options.watcher?.tried?.(trial, this.rates[next.rateIndex]);
      if (trial.validity.status === 'invalid') queue.repeat(next);
    }
  }

  private async passTrial(planned: PlannedTrial): Promise<TrialResult | null> {
    const host = this.hosts[planned.variantIndex];
    const offered = this.rates[planned.rateIndex];
    const request = {
      name: describeOffered(offered),
      rate: offered.rate,
      runInNs: this.plan.runInNs,
      durationNs: this.plan.durationNs,
    };
    const trial = await host.trial(request, this.options.signal);
    return trial === null ? null : { ...planned, variant: host.variant.name, ...trial };
  }

  private conclude(ledgers: readonly Ledger[]): SweepResult {
    const { plan, rates, trials } = this;
    const points = this.hosts.flatMap((host) =>
      variantPoints(host.variant.name, { threads: host.threads() }, plan.load, rates, trials),
    );
    const interrupted = this.options.signal.aborted;
    const { scenario } = plan.variants[0];
    const expectations = judgeSweep(scenario.sweep.expect, points, interrupted);
    return {
      schemaVersion: SWEEP_SCHEMA_VERSION,
      kind: 'sweep',
      tool: { name: 'vhostlab', version: toolVersion(), node: process.version },
      machine: describeMachine(),
      startedAt: this.startedAt.toISOString(),
      elapsedMs: Date.now() - this.startedAt.getTime(),
      scenario: scenario.name,
      hostKind: plan.hostKind,
      load: plan.load,
      linePerSecond: plan.load.unit === 'frames' ? offeredPerSecond(scenario, { kind: 'lineRate', share: 1 }) : null,
      trialsPerPoint: plan.trials,
      durationNs: plan.durationNs,
      interrupted,
      lossFreeRatioMax: LOSS_FREE_RATIO_MAX,
      search: plan.offered.kind === 'rates' ? null : { lossFreePerSecond: this.lossFreePerSecond, probes: this.probes },
      rates,
      variants: this.hosts.map((host, i) => this.describeVariant(host, i, points, ledgers[i])),
      points,
      trials,
      expectations,
      exitCode: exitCodeOf({
        failed: false,
        balanced: ledgers.every(({ balanced }) => balanced),
        interrupted,
        valid: points.every(({ status }) => status !== 'invalid'),
        expectationsMet: expectations.every(({ passed }) => passed !== false),
      }),
    };
  }

  private describeVariant(swept: SweptHost, i: number, points: readonly PointResult[], ledger: Ledger): VariantResult {
    const { variant, host } = swept;
    const own = points.filter((point) => point.variant === variant.name);
    const peak = peakOf(own);
    const threads = swept.threads();
    const last = this.typicalTrial(own.at(-1) ?? null);
    return {
      name: variant.name,
      overrides: variant.overrides.map(overrideText),
      scenario: variant.scenario,
      header: host.header,
      oversubscribed: host.oversubscribed,
      coreDistance: host.coreDistance,
      threads,
      warmedUpAtPerSecond: this.warmedUpAtPerSecond[i] ?? null,
      lossFreePerSecond: lossFreeRateOf(own),
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
