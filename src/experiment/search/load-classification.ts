/** What the trials at one load say of it: RFC 9971, appendices "Load Classification" and "Conditional Throughput". */
import type { SearchGoal } from './search-goal.ts';

/** One trial. `lossRatio` counts frames that were intended and not sent as lost. */
export interface LoadTrial {
  readonly durationNs: number;
  readonly lossRatio: number;
}

export type LoadClass = 'lower bound' | 'upper bound' | 'undecided';
export type GoalRule = Pick<SearchGoal, 'lossRatio' | 'finalTrialNs' | 'durationSumNs' | 'exceedRatio'>;

/**
 * A load is a lower bound when even the worst course of the trials still missing leaves it within the exceed ratio, an
 * upper bound when even the best does not. Short trials with high loss count as far as those with low loss do not
 * balance them.
 */
export function classifyLoad(trials: readonly LoadTrial[], goal: GoalRule): LoadClass {
  const { exceedRatio, durationSumNs } = goal;
  const sums = sumTrials(trials, goal);
  const balancingNs = (sums.shortLowNs * exceedRatio) / (1 - exceedRatio);
  const highNs = sums.fullHighNs + Math.max(0, sums.shortHighNs - balancingNs);
  const wholeNs = Math.max(sums.fullLowNs + highNs, durationSumNs);
  const allowedNs = wholeNs * exceedRatio;
  const optimistic = highNs <= allowedNs;
  const pessimistic = wholeNs - sums.fullLowNs <= allowedNs;
  if (optimistic && pessimistic) return 'lower bound';
  return optimistic || pessimistic ? 'undecided' : 'upper bound';
}

function sumTrials(trials: readonly LoadTrial[], { finalTrialNs, lossRatio }: GoalRule) {
  const sums = { fullLowNs: 0, fullHighNs: 0, shortLowNs: 0, shortHighNs: 0 };
  for (const trial of trials) {
    const length = trial.durationNs >= finalTrialNs ? 'full' : 'short';
    sums[`${length}${trial.lossRatio <= lossRatio ? 'Low' : 'High'}Ns`] += trial.durationNs;
  }
  return sums;
}

/**
 * What is forwarded of a load in the quantile of time that the exceed ratio asks for, per second. Time that was not
 * measured counts as lost. @param trials at least one.
 */
export function conditionalThroughput(perSecond: number, trials: readonly LoadTrial[], goal: GoalRule): number {
  const full = trials.filter(({ durationNs }) => durationNs >= goal.finalTrialNs);
  const measuredNs = full.reduce((sum, { durationNs }) => sum + durationNs, 0);
  let remainingNs = Math.max(goal.durationSumNs, measuredNs) * (1 - goal.exceedRatio);
  let quantile: number | null = null;
  for (const { lossRatio, durationNs } of [...full].sort((a, b) => a.lossRatio - b.lossRatio)) {
    if (quantile !== null && remainingNs <= 0) break;
    quantile = lossRatio;
    remainingNs -= durationNs;
  }
  return perSecond * (1 - (quantile === null || remainingNs > 0 ? 1 : quantile));
}
