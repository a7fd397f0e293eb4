/**
 * The controller of RFC 9971: which load is tried next and for how long, until every goal has its bounds. Knows
 * nothing of what is measured. All goals share all trials.
 *
 * Above a receive livelock more load means less delivered, and a trial there may lose less than one below it (loss
 * inversion). The relevant upper bound is therefore the smallest, whatever was found above it, and the relevant lower
 * bound the largest below that.
 */
import { classifyLoad, conditionalThroughput } from './load-classification.ts';
import type { LoadTrial } from './load-classification.ts';
import type { SearchGoal } from './search-goal.ts';

/** Least and most load that is tried, per second: of a line, the most is its rate. */
export interface LoadLimits {
  readonly min: number;
  readonly max: number;
}

/** Measures one trial; null ends the search. */
export type MeasureLoad = (perSecond: number, durationNs: number) => Promise<LoadTrial | null>;

export interface GoalBounds {
  /** Relevant lower and upper bound, per second; null where there is none. */
  readonly lowerPerSecond: number | null;
  readonly upperPerSecond: number | null;
  /** Of the relevant lower bound; null where there is none. */
  readonly conditionalThroughput: number | null;
  /** Whether there are both bounds, within the goal's width: the regular goal result. */
  readonly regular: boolean;
}

interface Bounds {
  readonly lower: number | null;
  readonly upper: number | null;
}

/** The first look of a goal is this many times coarser than its last. */
const COARSE_WIDTHS = 4;
/** Growth of a step that finds no bound: at most a doubling. */
const STEP_DOUBLINGS_MAX = 8;

/** @returns the bounds of each goal, in the order of `goals`; what is known so far when `measure` ended the search. */
export async function searchLoads(
  goals: readonly SearchGoal[],
  limits: LoadLimits,
  measure: MeasureLoad,
): Promise<GoalBounds[]> {
  const search = new LoadSearch(limits, measure);
  for (const goal of goals) {
    if (!(await search.approach(goal))) break;
  }
  return goals.map((goal) => search.boundsOf(goal));
}

class LoadSearch {
  private readonly limits: LoadLimits;
  private readonly measure: MeasureLoad;
  private readonly trials = new Map<number, LoadTrial[]>();
  /** Loads worth trying: what was forwarded of more, and bounds of what went before. */
  private hints: number[] = [];

  constructor(limits: LoadLimits, measure: MeasureLoad) {
    this.limits = limits;
    this.measure = measure;
  }

  /** A coarse look with short trials, then the goal itself. @returns false when the search was ended. */
  async approach(goal: SearchGoal): Promise<boolean> {
    const { initialTrialNs, widthRatio } = goal;
    const coarse = {
      ...goal,
      finalTrialNs: initialTrialNs,
      durationSumNs: initialTrialNs,
      widthRatio: Math.min(0.5, widthRatio * COARSE_WIDTHS),
    };
    for (const target of [coarse, goal]) {
      if (!(await this.meet(target))) return false;
      const { lower, upper } = this.relevantBounds(target);
      this.hints = [lower, upper].filter((load) => load !== null);
    }
    return true;
  }

  boundsOf(goal: SearchGoal): GoalBounds {
    const { lower, upper } = this.relevantBounds(goal);
    return {
      lowerPerSecond: lower,
      upperPerSecond: upper,
      conditionalThroughput: lower === null ? null : conditionalThroughput(lower, this.trials.get(lower)!, goal),
      regular: lower !== null && upper !== null && isNarrow(lower, upper, goal),
    };
  }

  private async meet(target: SearchGoal): Promise<boolean> {
    for (let steps = 0; ; steps++) {
      const load = this.nextLoad(target, steps);
      if (load === null) return true;
      do {
        const trial = await this.measure(load, target.finalTrialNs);
        if (trial === null) return false;
        this.note(load, trial);
      } while (this.classify(load, target) === 'undecided');
    }
  }

  private note(load: number, trial: LoadTrial): void {
    const known = this.trials.get(load);
    if (known === undefined) this.trials.set(load, [trial]);
    else known.push(trial);
    const forwarded = Math.round(load * (1 - trial.lossRatio));
    if (this.hints.length === 0 && forwarded > this.limits.min) this.hints.push(forwarded);
  }

  private classify(load: number, goal: SearchGoal) {
    return classifyLoad(this.trials.get(load)!, goal);
  }

  private relevantBounds(goal: SearchGoal): Bounds {
    const loads = [...this.trials.keys()].sort((a, b) => a - b);
    const upper = loads.find((load) => this.classify(load, goal) === 'upper bound') ?? null;
    const lower = loads.findLast((load) => load < (upper ?? Infinity) && this.classify(load, goal) === 'lower bound');
    return { lower: lower ?? null, upper };
  }

  /** Null when the bounds are narrow enough, or none is to be had within the limits. */
  private nextLoad(target: SearchGoal, steps: number): number | null {
    const { min, max } = this.limits;
    const { lower, upper } = this.relevantBounds(target);
    const hint = this.hintWithin(lower ?? 0, upper ?? Infinity);
    const step = (1 - target.widthRatio) ** (2 ** Math.min(steps, STEP_DOUBLINGS_MAX));
    const factor = Math.max(0.5, step);
    if (lower === null && upper === null) return hint ?? max;
    if (upper === null) return lower! >= max ? null : (hint ?? Math.min(max, Math.ceil(lower! / factor)));
    if (lower === null) return upper <= min ? null : (hint ?? Math.max(min, Math.floor(upper * factor)));
    if (isNarrow(lower, upper, target)) return null;
    return (
      hint ?? Math.min(Math.ceil(upper) - 1, Math.max(Math.floor(lower) + 1, Math.round(Math.sqrt(lower * upper))))
    );
  }

  /** Takes the first hint that lies between the bounds; the others are of no use any more. */
  private hintWithin(lower: number, upper: number): number | null {
    const { min, max } = this.limits;
    const at = this.hints.findIndex((load) => load > lower && load < upper && load >= min && load <= max);
    return at < 0 ? null : this.hints.splice(at, 1)[0];
  }
}

/** Loads are whole frames or connections: nothing lies between two neighbours. */
function isNarrow(lower: number, upper: number, { widthRatio }: SearchGoal): boolean {
  return upper - lower <= Math.max(1, upper * widthRatio);
}
