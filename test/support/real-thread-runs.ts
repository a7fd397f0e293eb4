/** Scenarios on real threads, judged by what they expect: an invalid run is repeated, and a broken relation too. */
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { PlacementError, ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { METRICS } from '../../src/scenario/words.ts';
import { withShortPhases } from './short-phases.ts';

/** Runs of one scenario at most, whether invalid or not. */
const RUNS_MAX = 4;
/** Valid runs of which most decide about a relation that the first has broken. */
const VALID_RUNS_MAX = 3;
/** What noise may add to or take from a share, and from anything else as a part of it; what must be 0 must be 0. */
const RATIO_MARGIN = 0.02;
const MARGIN = 0.1;

export interface RealThreadOptions {
  readonly phaseNs: number;
  readonly overrides: readonly string[];
}

/** What came of a scenario in all of its runs. */
export interface Judgement {
  readonly name: string;
  readonly expectations: number;
  /** Why it cannot run here: its cores are not there. */
  readonly lacking: string | null;
  readonly runs: number;
  readonly valid: readonly RunResult[];
  /** Of every run, valid or not: what does not balance, is corrupt, twice there, out of order, or for nobody here. */
  readonly faults: readonly string[];
  /** Why each invalid run was invalid, first of all. */
  readonly reasons: readonly string[];
  /** `k of n: ` and the relation, for every relation that any valid run broke. */
  readonly broken: readonly string[];
  /** Those that most of the valid runs broke. */
  readonly refuted: readonly string[];
}

/** Runs a shipped scenario until one run is valid, and thrice where that one breaks a relation. */
export async function judgeOnThreads(name: string, { phaseNs, overrides }: RealThreadOptions): Promise<Judgement> {
  const scenario = withShortPhases(loadScenario(name, { overrides }), phaseNs);
  const valid: RunResult[] = [];
  const [faults, reasons]: string[][] = [[], []];
  let lacking: string | null = null;
  let runs = 0;
  let wanted = 1;
  while (runs < RUNS_MAX && valid.length < wanted) {
    try {
      const host = await ThreadHost.create(buildPlan(scenario));
      const result = await runScenario(scenario, host, { signal: new AbortController().signal });
      runs++;
      faults.push(...faultsOf(result));
      if (result.validity.status === 'valid') valid.push(result);
      else reasons.push(result.validity.reasons[0]);
    } catch (error) {
      if (!(error instanceof PlacementError)) throw error;
      lacking = error.message;
      break;
    }
    if (valid.some((result) => scenario.expect.some((_, i) => isBroken(result, i)))) wanted = VALID_RUNS_MAX;
  }
  const counts = scenario.expect.map((_, i) => valid.filter((result) => isBroken(result, i)).length);
  const told = (i: number): string => `${counts[i]} of ${valid.length}: ${lastBroken(valid, i)}`;
  const all = scenario.expect.map((_, i) => i).filter((i) => counts[i] > 0);
  return {
    name,
    expectations: scenario.expect.length,
    lacking,
    runs,
    valid,
    faults,
    reasons,
    broken: all.map(told),
    refuted: all.filter((i) => 2 * counts[i] > valid.length).map(told),
  };
}

/** What no run may have, whether valid or not. */
export function faultsOf({ ledger, integrity, phases }: Pick<RunResult, 'ledger' | 'integrity' | 'phases'>): string[] {
  const { foreignFrames, corruptFrames, duplicateFrames, reorderedFrames } = integrity;
  const wrong = { foreignFrames, corruptFrames, duplicateFrames, reorderedFrames };
  const arrived = phases.reduce((sum, { total }) => sum + total.deliveredFrames, 0);
  return [
    ...ledger.faults,
    ...Object.entries(wrong).flatMap(([what, frames]) => (frames === 0 ? [] : [`${frames} ${what}`])),
    ...(arrived > 0 ? [] : ['nothing was delivered']),
  ];
}

/** Whether expectation number `i` does not hold, with a margin. What has no value does not hold. */
export function isBroken({ scenario, expectations }: Pick<RunResult, 'scenario' | 'expectations'>, i: number): boolean {
  const { left, right, passed } = expectations[i];
  if (passed === true) return false;
  if (left === null || right === null) return true;
  const { metric } = scenario.expect[i].left;
  const margin = METRICS[metric].unit === 'ratio' ? RATIO_MARGIN : MARGIN * Math.abs(right);
  switch (scenario.expect[i].relation) {
    case '<':
    case '<=':
      return left > right + margin;
    case '>':
    case '>=':
      return left < right - margin;
    case '==':
      return right === 0 || Math.abs(left - right) > margin;
  }
}

function lastBroken(valid: readonly RunResult[], i: number): string {
  const { text, why } = valid.filter((result) => isBroken(result, i)).at(-1)!.expectations[i];
  return `${text} (${why})`;
}
