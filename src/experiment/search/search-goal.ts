/**
 * Search goals as RFC 9971 (Multiple Loss Ratio Search) has them: what a load must stand to count as carried, and how
 * near the answer must be. Times in ns, ratios from 0 to 1.
 */
import { formatShare, formatTime } from '../../text/number-format.ts';
import { QuantityError, parseDurationNs, parseShare } from '../../scenario/text/quantities.ts';

export interface SearchGoal {
  readonly name: string;
  /** Most loss of a trial that counts as low: Goal Loss Ratio. */
  readonly lossRatio: number;
  /** Trials shorter than this are hints only: Goal Final Trial Duration. */
  readonly finalTrialNs: number;
  /** How long a load is measured before it may be called a lower bound: Goal Duration Sum. */
  readonly durationSumNs: number;
  /** Share of that time that may lose more, below 1: Goal Exceed Ratio. */
  readonly exceedRatio: number;
  /** Distance of the bounds as a share of the upper one: Goal Width. */
  readonly widthRatio: number;
  /** Length of the trials that look for where to begin: Goal Initial Trial Duration. */
  readonly initialTrialNs: number;
}

type GoalTimes = Omit<SearchGoal, 'name' | 'lossRatio'>;

const SECOND_NS = 1e9;
/** A width below the noise of a machine is a fiction: shared cores vary by a percent or two. */
const DEFAULT_TIMES: GoalTimes = {
  finalTrialNs: SECOND_NS,
  durationSumNs: 5 * SECOND_NS,
  exceedRatio: 0.5,
  widthRatio: 0.02,
  initialTrialNs: SECOND_NS / 2,
};
/** FD.io CSIT: NDR and PDR from trials of a second, 21 s at each load, half a percent wide. */
const CSIT_TIMES: GoalTimes = {
  finalTrialNs: SECOND_NS,
  durationSumNs: 21 * SECOND_NS,
  exceedRatio: 0.5,
  widthRatio: 0.005,
  initialTrialNs: SECOND_NS,
};
/** RFC 9971, "MLRsearch Compliant with RFC 2544": trials of 60 s as RFC 2544 section 24 wants the final one. */
const RFC_2544_TIMES: GoalTimes = {
  finalTrialNs: 60 * SECOND_NS,
  durationSumNs: 60 * SECOND_NS,
  exceedRatio: 0,
  widthRatio: 0.005,
  initialTrialNs: SECOND_NS,
};
/** RFC 9971, "MLRsearch Compliant with TST009": binary search with loss verification, ETSI GS NFV-TST 009 12.3.3. */
const TST_009_TIMES: GoalTimes = { ...RFC_2544_TIMES, durationSumNs: 120 * SECOND_NS, exceedRatio: 0.5 };

const PARTIAL_LOSS_RATIO = 0.005;

/** No-drop rate and partial-drop rate. */
function dropRates(times: GoalTimes): readonly SearchGoal[] {
  return [
    { name: 'NDR', lossRatio: 0, ...times },
    { name: 'PDR', lossRatio: PARTIAL_LOSS_RATIO, ...times },
  ];
}

export const DEFAULT_GOALS = dropRates(DEFAULT_TIMES);

/** Sets of goals by the name of who publishes them. */
export const GOAL_PRESETS: ReadonlyMap<string, readonly SearchGoal[]> = new Map([
  ['csit', dropRates(CSIT_TIMES)],
  ['rfc2544', [{ name: 'RFC 2544', lossRatio: 0, ...RFC_2544_TIMES }]],
  ['tst009', [{ name: 'TST 009', lossRatio: 0, ...TST_009_TIMES }]],
]);

const GOAL_ALLOWED =
  'loss=0.5%,width=2%,trial=1s,sum=5s,exceed=50%,initial=500ms,name=WORD, each once and loss at least; ' +
  'loss from 0 %, width above 0 %, exceed from 0 %, all below 100 %; sum at least trial, initial at most trial';

/** Reads `loss=0.1%,width=1%`; what is not said is as in the default goals. @throws QuantityError */
export function parseGoal(text: string): SearchGoal {
  const parts = text.split(',').map((part) => /^(loss|width|trial|sum|exceed|initial|name)=(.+)$/.exec(part.trim()));
  const given = new Map(parts.map((part) => [part?.[1], part?.[2] ?? '']));
  if (parts.includes(null) || given.size !== parts.length || !given.has('loss')) {
    throw new QuantityError(text, GOAL_ALLOWED);
  }
  const share = (key: string, otherwise: number): number => {
    try {
      return given.has(key) ? parseShare(given.get(key)!) : otherwise;
    } catch {
      throw new QuantityError(text, GOAL_ALLOWED);
    }
  };
  const time = (key: string, otherwise: number): number =>
    given.has(key) ? parseDurationNs(given.get(key)!) : otherwise;
  const lossRatio = share('loss', 0);
  const finalTrialNs = time('trial', DEFAULT_TIMES.finalTrialNs);
  const goal: SearchGoal = {
    name: given.get('name') ?? `at most ${formatShare(lossRatio)} lost`,
    lossRatio,
    finalTrialNs,
    durationSumNs: time('sum', Math.max(finalTrialNs, DEFAULT_TIMES.durationSumNs)),
    exceedRatio: share('exceed', DEFAULT_TIMES.exceedRatio),
    widthRatio: share('width', DEFAULT_TIMES.widthRatio),
    initialTrialNs: time('initial', Math.min(finalTrialNs, DEFAULT_TIMES.initialTrialNs)),
  };
  const { widthRatio, durationSumNs, initialTrialNs } = goal;
  const fits = widthRatio > 0 && initialTrialNs > 0 && initialTrialNs <= finalTrialNs && durationSumNs >= finalTrialNs;
  if (!fits) throw new QuantityError(text, GOAL_ALLOWED);
  return goal;
}

/** `NDR: without loss, bounds within 2 %, trials of 1.00 s, 5.00 s at each load, half of them may lose more`. */
export function describeGoal(goal: SearchGoal): string {
  const loss = goal.lossRatio === 0 ? 'without loss' : `with at most ${formatShare(goal.lossRatio)} lost`;
  const exceed = goal.exceedRatio === 0 ? 'no time' : `${formatShare(goal.exceedRatio)} of it`;
  return (
    `${goal.name}: ${loss}, bounds within ${formatShare(goal.widthRatio)}, trials of ${formatTime(goal.finalTrialNs)}, ` +
    `${formatTime(goal.durationSumNs)} at a load, ${exceed} may lose more`
  );
}
