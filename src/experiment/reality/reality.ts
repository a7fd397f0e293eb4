/**
 * The reality check: one scenario on real threads, on this machine's kernel and on virtual time, in one sitting. Each
 * host's loss-free rate is measured, and multiples of it offered, the hosts in turn, so that what drifts meets all.
 */
import { median } from 'simple-statistics';
import type { TestBed, Trial } from '../bed/test-bed.ts';
import type { HostKind } from '../../runtime/host.ts';
import { readFingerprint } from '../../runtime/os/fingerprint.ts';
import { LOSS_FREE_RATIO_DEFAULT, measureLossFreeRate } from '../sweep/loss-free-rate.ts';
import { multipliedRates } from '../sweep/offered-rates.ts';
import type { OfferedRate } from '../sweep/offered-rates.ts';
import { measuredWhole } from '../sweep/swept-load.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import { curveDistance } from './compare.ts';
import type { Curve, CurveDistance, CurvePoint } from './compare.ts';

export const REALITY_SCHEMA_VERSION = 1;
export const REALITY_HOSTS: readonly HostKind[] = ['kernel', 'threads', 'virtual'];
const MULTIPLES = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const RUN_IN_NS = 2e8;
const PROBE_NS = 3e8;

/** Who has which core: what the collapse depends on. */
export interface Condition {
  readonly name: string;
  readonly overrides: readonly string[];
  /** Why it cannot be had here; empty where it can. */
  readonly obstacle: string;
}

export interface HostCurve extends Curve {
  readonly host: HostKind;
  readonly header: readonly string[];
  readonly ledgerBalanced: boolean;
  /** Trials made, and those of them that were invalid, with why. */
  readonly trials: number;
  readonly invalid: readonly string[];
}

export interface ConditionResult {
  readonly condition: string;
  /** Why it was not measured; null where it was. */
  readonly skipped: string | null;
  readonly curves: readonly HostCurve[];
  /** Of each modelled host from the kernel. */
  readonly distances: readonly { readonly host: HostKind; readonly distance: CurveDistance | null }[];
}

export interface RealityResult {
  readonly schemaVersion: typeof REALITY_SCHEMA_VERSION;
  readonly kind: 'reality';
  readonly scenario: string;
  readonly machine: string;
  readonly startedAt: string;
  readonly interrupted: boolean;
  readonly conditions: readonly ConditionResult[];
}

export interface RealityPlan {
  readonly scenario: string;
  readonly conditions: readonly Condition[];
  readonly load: SweptLoad;
  readonly trials: number;
  readonly durationNs: number;
  readonly warmupNs: number;
}

export interface RealityOptions {
  readonly openBed: (host: HostKind, condition: Condition, signal: AbortSignal) => Promise<TestBed>;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Runs it. Hosts are stopped when this returns, and when it throws. */
export async function checkReality(plan: RealityPlan, options: RealityOptions): Promise<RealityResult> {
  const startedAt = new Date().toISOString();
  const conditions: ConditionResult[] = [];
  for (const condition of plan.conditions) {
    if (options.signal.aborted) break;
    conditions.push(await checkCondition(plan, condition, options));
  }
  return {
    schemaVersion: REALITY_SCHEMA_VERSION,
    kind: 'reality',
    scenario: plan.scenario,
    machine: readFingerprint().text,
    startedAt,
    interrupted: options.signal.aborted,
    conditions,
  };
}

/** A host under test, and what was measured on it. */
interface Measured {
  readonly kind: HostKind;
  readonly bed: TestBed;
  readonly lossFreePerSecond: number;
  readonly rates: readonly OfferedRate[];
  readonly trials: Trial[][];
}

async function checkCondition(
  plan: RealityPlan,
  condition: Condition,
  options: RealityOptions,
): Promise<ConditionResult> {
  const skipped = (why: string): ConditionResult => {
    return { condition: condition.name, skipped: why, curves: [], distances: [] };
  };
  if (condition.obstacle !== '') return skipped(condition.obstacle);
  const beds: TestBed[] = [];
  try {
    const measured: Measured[] = [];
    for (const kind of REALITY_HOSTS) {
      if (options.signal.aborted) return skipped('interrupted');
      const bed = await options.openBed(kind, condition, options.signal);
      beds.push(bed);
      const found = await searchOn(plan, kind, bed, options);
      if (typeof found === 'string') return skipped(`${kind}: ${found}`);
      measured.push(found);
    }
    await passTrials(plan, measured, options);
    const curves: HostCurve[] = [];
    for (const each of measured) curves.push(await curveOf(plan, each));
    const [kernel, ...models] = curves;
    const distances = models.map((curve) => ({ host: curve.host, distance: curveDistance(curve, kernel) }));
    return { condition: condition.name, skipped: null, curves, distances };
  } finally {
    await Promise.all(beds.map((bed) => bed.stop().catch(() => undefined)));
  }
}

async function searchOn(
  plan: RealityPlan,
  kind: HostKind,
  bed: TestBed,
  options: RealityOptions,
): Promise<Measured | string> {
  const { load, warmupNs } = plan;
  const startPerSecond = await bed.warmUp(load, warmupNs, options.signal);
  const { lossFreePerSecond, failure } = await measureLossFreeRate(bed, {
    load,
    lossRatioMax: LOSS_FREE_RATIO_DEFAULT,
    probeNs: PROBE_NS,
    runInNs: RUN_IN_NS,
    startPerSecond,
    signal: options.signal,
  });
  if (lossFreePerSecond === null) return failure ?? 'interrupted';
  options.tell(`${kind}: loss-free ${Math.round(lossFreePerSecond)} frames/s`);
  const rates = multipliedRates(bed.variant.scenario, load.unit, MULTIPLES, lossFreePerSecond);
  return { kind, bed, lossFreePerSecond, rates, trials: rates.map(() => []) };
}

/** Rounds through all multiples, and at each the hosts in turn. */
async function passTrials(
  { trials, durationNs }: RealityPlan,
  measured: readonly Measured[],
  options: RealityOptions,
): Promise<void> {
  for (let round = 0; round < trials; round++) {
    for (let i = 0; i < MULTIPLES.length; i++) {
      for (const { bed, rates, trials: made } of measured) {
        if (options.signal.aborted) return;
        if (i >= rates.length) continue;
        const request = {
          name: `${rates[i].multiple} L`,
          rate: rates[i].rate,
          runInNs: RUN_IN_NS,
          durationNs,
          repeat: round,
        };
        const trial = await bed.trial(request, options.signal);
        if (trial !== null) made[i].push(trial);
      }
    }
    options.tell(`round ${round + 1} of ${trials}`);
  }
}

async function curveOf(
  { load }: RealityPlan,
  { kind, bed, lossFreePerSecond, rates, trials }: Measured,
): Promise<HostCurve> {
  const points = rates.flatMap(({ multiple, offeredPerSecond }, i): CurvePoint[] => {
    const made = trials[i];
    if (made.length === 0) return [];
    const valid = made.filter(({ validity }) => validity.status !== 'invalid');
    const egress = (valid.length > 0 ? valid : made).map(
      ({ phase }) => (measuredWhole(phase, load).delivered * 1e9) / phase.elapsedNs,
    );
    const spread = { median: median(egress), min: Math.min(...egress), max: Math.max(...egress) };
    return [{ multiple: multiple ?? 0, offeredPerSecond, ...spread, validTrials: valid.length }];
  });
  const all = trials.flat();
  const invalid = all.flatMap(({ validity }) => (validity.status === 'invalid' ? [validity.reasons[0]] : []));
  const { balanced } = await bed.ledger();
  return {
    host: kind,
    header: bed.header,
    lossFreePerSecond,
    points,
    ledgerBalanced: balanced,
    trials: all.length,
    invalid,
  };
}
