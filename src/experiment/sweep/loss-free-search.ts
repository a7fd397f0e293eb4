export interface LossFreeSearch {
  /** Where to begin, and the least and the most that is tried, per second. */
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** How near the answer must be to a rate that loses frames: 1.05 is 5 %. */
  readonly precision: number;
  /** Most loss at which a rate still counts as loss-free. */
  readonly lossRatioMax: number;
}

/**
 * Looks for the highest loss-free rate: doubling or halving until it is bracketed, then bisecting on a logarithmic
 * scale. The rate that lost frames just above the answer is measured once more before that is believed, and the search
 * goes on above it when it loses none now: threads get faster while they are searched, since V8 compiles what they run.
 * `measure` gives the loss at a rate, or null to end the search.
 * @returns null when the search was ended, or when even the least rate loses frames.
 */
export async function searchLossFreeRate(
  { start, min, max, precision, lossRatioMax }: LossFreeSearch,
  measure: (perSecond: number) => Promise<number | null>,
): Promise<number | null> {
  let [good, bad] = [0, Infinity];
  let believed = 0;
  let perSecond = Math.min(max, Math.max(min, start));
  for (;;) {
    const lossRatio = await measure(perSecond);
    if (lossRatio === null) return null;
    if (lossRatio <= lossRatioMax) good = Math.max(good, perSecond);
    else bad = Math.min(bad, perSecond);
    if (good >= max || bad <= min) break;
    if (good > 0 && bad / good <= precision) {
      if (bad === believed) break;
      believed = perSecond = bad;
      bad = Infinity;
    } else {
      perSecond = nextRate(good, bad, min, max);
    }
  }
  return good > 0 ? good : null;
}

function nextRate(good: number, bad: number, min: number, max: number): number {
  if (bad === Infinity) return Math.min(max, good * 2);
  if (good === 0) return Math.max(min, bad / 2);
  return Math.sqrt(good * bad);
}
