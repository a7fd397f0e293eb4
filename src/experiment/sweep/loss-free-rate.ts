/** L, the loss-free rate of a variant, measured in short trials of which no invalid one is believed. */
import { median } from 'simple-statistics';
import { formatAmount, formatShare } from '../../text/number-format.ts';
import { lookAhead, nearestTo } from '../bed/look-ahead.ts';
import type { TestBed, Trial, TrialRequest } from '../bed/test-bed.ts';
import { generatorFaults } from '../judge/validity.ts';
import { searchLossFreeRate } from './loss-free-search.ts';
import { carriedPerSecondMax } from './offered-rates.ts';
import { LOAD_WORDS, SweptLoadError, rateOf } from './swept-load.ts';
import type { SweptLoad } from './swept-load.ts';
import { trialLoss } from './trial-loss.ts';
import type { TrialLoss } from './trial-loss.ts';

/** Half a percent, as the partial-drop rate of CSIT. */
export const LOSS_FREE_RATIO_DEFAULT = 0.005;

/** One rate that was tried: medians of its valid trials, or of all where none was. */
export interface LossProbe extends TrialLoss {
  readonly perSecond: number;
  readonly validTrials: number;
}

export interface LossFreeRate {
  readonly lossFreePerSecond: number | null;
  readonly probes: readonly LossProbe[];
  /** True where the next higher rate was one that the generator could not send, so that the host may carry more. */
  readonly generatorLimited: boolean;
  /** Why there is none to be had on this machine now; null where there is one, or the search was ended. */
  readonly failure: string | null;
}

export interface LossFreeRequest {
  readonly load: SweptLoad;
  readonly lossRatioMax: number;
  /** What is measured of each trial, and the traffic before it. */
  readonly probeNs: number;
  readonly runInNs: number;
  /** Where to begin; null for the middle between the least and the most, on a logarithmic scale. */
  readonly startPerSecond: number | null;
  readonly signal: AbortSignal;
  readonly probed?: (probe: LossProbe) => void;
}

type MeasureLoss = (perSecond: number) => Promise<number | null>;
type ProbedBed = Pick<TestBed, 'variant' | 'ahead' | 'foresee' | 'trial'>;

const PROBE_TRIALS = 3;
const PROBE_ATTEMPTS_MAX = 5;
const SEARCH_PRECISION = 1.05;
/** The search gives up below this share of what the line carries. */
const SEARCH_FLOOR_RATIO = 1 / 1024;
/** Connections that a probe offers at least, so that one more or less of them is not half a percent. */
const PROBE_CONNECTIONS_MIN = 400;

/** `without loss`, `with at most 0.50 % lost`. */
export function tellLossFree(lossRatioMax: number): string {
  return lossRatioMax === 0 ? 'without loss' : `with at most ${formatShare(lossRatioMax)} lost`;
}

/** @throws SweptLoadError when even the least rate is not carried, though it was sent. */
export function measureLossFreeRate(bed: ProbedBed, request: LossFreeRequest): Promise<LossFreeRate> {
  return new LossFreeMeasurement(bed, request).run();
}

class LossFreeMeasurement {
  private readonly bed: ProbedBed;
  private readonly request: LossFreeRequest;
  private readonly probes: LossProbe[] = [];
  /** What the search was told of each. */
  private readonly answers: number[] = [];
  /** Rates that the generator could not send. */
  private readonly unsendable = new Set<number>();
  private last: Trial | null = null;
  private failure: string | null = null;

  constructor(bed: ProbedBed, request: LossFreeRequest) {
    this.bed = bed;
    this.request = request;
  }

  async run(): Promise<LossFreeRate> {
    const { load, lossRatioMax, probeNs, startPerSecond, signal } = this.request;
    const max = carriedPerSecondMax(this.bed.variant.scenario, load.unit);
    const least = load.unit === 'frames' ? 0 : (PROBE_CONNECTIONS_MIN * 1e9) / probeNs;
    const min = Math.min(max, Math.max(max * SEARCH_FLOOR_RATIO, least));
    const start = startPerSecond ?? Math.sqrt(min * max);
    const limits = { start, min, max, precision: SEARCH_PRECISION, lossRatioMax };
    const search = (measure: MeasureLoss): Promise<number | null> => searchLossFreeRate(limits, measure);
    const found = await search(async (perSecond) => {
      if (this.bed.ahead > 0) await this.foresee(search);
      return this.probe(perSecond);
    });
    const { probes, unsendable } = this;
    const above = probes.filter(({ perSecond }) => perSecond > (found ?? 0)).map(({ perSecond }) => perSecond);
    const generatorLimited = unsendable.has(Math.min(...above));
    if (found === null && generatorLimited) this.failure = this.tellGenerator();
    if (found === null && this.failure === null && !signal.aborted) throw new SweptLoadError(this.nothingLossFree());
    return { lossFreePerSecond: found, probes, generatorLimited, failure: this.failure };
  }

  private async foresee(search: (measure: MeasureLoss) => Promise<unknown>): Promise<void> {
    const { bed, probes, answers } = this;
    const likeNearest = (perSecond: number): number =>
      probes.length === 0 ? 0 : nearestTo(perSecond, probes, (probe) => probe.perSecond).lossRatio;
    const rates = await lookAhead(search, answers, likeNearest, Math.ceil(bed.ahead / PROBE_TRIALS));
    const repeats = Array.from({ length: PROBE_TRIALS }, (_, repeat) => repeat);
    bed.foresee(rates.flatMap((rate) => repeats.map((repeat) => this.probeRequest(rate, repeat))));
  }

  private probeRequest(perSecond: number, repeat: number): TrialRequest {
    const { load, runInNs, probeNs } = this.request;
    const rate = rateOf(this.bed.variant.scenario, load.unit, perSecond);
    return { name: 'search', rate, runInNs, durationNs: probeNs, repeat };
  }

  /** Median loss of a few short trials; invalid ones are made again while there is patience. Null ends the search. */
  private async probe(perSecond: number): Promise<number | null> {
    const { load, signal, probed } = this.request;
    const trials: Trial[] = [];
    const usable = (): Trial[] => trials.filter(({ validity }) => validity.status !== 'invalid');
    while (usable().length < PROBE_TRIALS && trials.length < PROBE_ATTEMPTS_MAX) {
      const trial = await this.bed.trial(this.probeRequest(perSecond, trials.length), signal);
      if (trial === null) return null;
      trials.push(trial);
    }
    const validTrials = usable().length;
    const judged = validTrials > 0 ? usable() : trials;
    [this.last] = judged;
    const losses = judged.map(({ phase }) => trialLoss(phase, load));
    const probe = {
      perSecond,
      lossRatio: median(losses.map(({ lossRatio }) => lossRatio)),
      unsentRatio: median(losses.map(({ unsentRatio }) => unsentRatio)),
      validTrials,
    };
    this.probes.push(probe);
    probed?.(probe);
    if (validTrials > 0) return this.answer(probe.lossRatio);
    if (trials.every(({ phase }) => generatorFaults([phase]).length > 0)) {
      this.unsendable.add(perSecond);
      return this.answer(1);
    }
    this.failure = `no trial at ${this.rateText(perSecond)} was valid: ${trials[0].validity.reasons.join('; ')}`;
    return null;
  }

  private answer(lossRatio: number): number {
    this.answers.push(lossRatio);
    return lossRatio;
  }

  private tellGenerator(): string {
    const [{ perSecond }] = this.probes.slice(-1);
    const [reason] = this.last?.validity.reasons ?? [];
    return `the generator is the limit even at ${this.rateText(perSecond)}: ${reason}`;
  }

  private nothingLossFree(): string {
    const { name, scenario } = this.bed.variant;
    const { unit, counted } = this.request.load;
    const [{ perSecond, lossRatio }] = this.probes.slice(-1);
    const [worst] = this.last?.phase.drops ?? [];
    const where = worst === undefined ? '' : ` (most frames at ${worst.actor}: ${worst.reason})`;
    const { streams, connections } = scenario.traffic;
    const names = (unit === 'frames' ? streams : connections).map((each) => each.name);
    const others =
      counted === null && names.length > 1 ? `, or --stream with the one that counts (${names.join(', ')})` : '';
    return (
      `${name} has no loss-free rate to be multiplied, ${counted ?? 'it'} loses ${formatShare(lossRatio)} even at ` +
      `${this.rateText(perSecond)}${where}, allowed: --rates or --steps, a higher --loss-free${others}`
    );
  }

  private rateText(perSecond: number): string {
    return `${formatAmount(perSecond)} ${LOAD_WORDS[this.request.load.unit].perSecond}`;
  }
}
