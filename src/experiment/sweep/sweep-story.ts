/** A sweep in words: a paragraph for each variant, from its points alone. */
import { formatAmount, formatShare } from '../../text/number-format.ts';
import { tellLossFree } from './loss-free-rate.ts';
import { formatMultiple } from './offered-rates.ts';
import { sharesOf } from './points.ts';
import type { PointResult, SweepResult, VariantResult } from './sweep-result.ts';

export function sweepStory(result: SweepResult): string[] {
  return result.variants.flatMap((variant) => {
    const points = result.points.filter((point) => point.variant === variant.name);
    return points.length === 0 || variant.peak === null ? [] : [variantStory(result, variant, points)];
  });
}

const PEAKS = { frames: 'egress', connections: 'rate of completion' };

function variantStory(result: SweepResult, variant: VariantResult, points: readonly PointResult[]): string {
  const { peak, lossFreePerSecond, verdict } = variant;
  const last = points[points.length - 1];
  const peakEgress = peak?.egressPerSecond ?? 0;
  const compared = comparedText(result, variant, points);
  const kept = peakEgress === 0 ? 'nothing' : `${formatShare(last.egressPerSecond.median / peakEgress)} of the peak`;
  const within = tellLossFree(result.lossFreeRatioMax);
  const carried =
    lossFreePerSecond === null
      ? `It carried none of the offered rates ${within}.`
      : `The highest rate it carried ${within} was ${formatAmount(lossFreePerSecond)}/s.`;
  const counted = result.load.counted === null ? '' : ` of ${result.load.counted}`;
  const doubt = points.some(({ status }) => status === 'invalid') ? ' Some of its points have no valid trial.' : '';
  return [
    `${variant.name}: peak ${PEAKS[result.load.unit]} ${formatAmount(peakEgress)}/s at ${formatAmount(peak?.offeredPerSecond ?? 0)}/s offered${compared}.`,
    carried,
    `At ${rateText(last)} ${formatAmount(last.egressPerSecond.median)}/s${counted} were left, ${kept}${counted === '' ? directionsText(last) : ''}.`,
    threadText(last),
    `${verdict}${doubt}`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

/**
 * The peak beside that of the first variant, where both have a valid point at the same rates: of a sweep that was cut
 * short one may have been offered more than the other.
 */
function comparedText(result: SweepResult, { name, peak }: VariantResult, points: readonly PointResult[]): string {
  const [first] = result.variants;
  const firstEgress = first.peak?.egressPerSecond ?? 0;
  if (first.name === name || peak === null || firstEgress === 0) return '';
  const ratesOf = (of: readonly PointResult[]): string =>
    of.flatMap(({ validTrials, rateIndex }) => (validTrials > 0 ? [rateIndex] : [])).join();
  const ofFirst = result.points.filter(({ variant }) => variant === first.name);
  if (ratesOf(ofFirst) !== ratesOf(points)) {
    return `, not compared with ${first.name}, which has valid points at other rates`;
  }
  return `, ${(peak.egressPerSecond / firstEgress).toFixed(2)} times that of ${first.name}`;
}

function rateText({ multiple, offeredPerSecond }: PointResult): string {
  return multiple === null ? `${formatAmount(offeredPerSecond)}/s` : formatMultiple(multiple).replace(' x', ' x L');
}

/** Which share of what is left each direction has, where there are several. */
function directionsText({ streams, egressPerSecond }: PointResult): string {
  if (streams.length < 2 || egressPerSecond.median === 0) return '';
  const parts = streams.map((stream) => `${stream.name} ${formatAmount(stream.egressPerSecond.median)}/s`);
  return ` (${parts.join(', ')})`;
}

const NAMES = { softirq: 'softirq', vhost: 'vhost', vmm: 'the VMM', vcpu: 'vCPUs' };
/** Of a core. */
const NOTABLE_CORES = 0.01;

function threadText(point: PointResult): string {
  const parts = (['softirq', 'vhost', 'vmm', 'vcpu'] as const).flatMap((kind) => {
    const shares = sharesOf(point, kind);
    // A VMM that serves no vNIC has nothing to do with the load.
    if (shares === null || (kind === 'vmm' && shares.runningCores < NOTABLE_CORES)) return [];
    const waited = shares.waitingRatio === null ? '' : ` and waited ${formatShare(shares.waitingRatio)} of the time`;
    return [`${NAMES[kind]} used ${formatShare(shares.runningCores)} of a core${waited}`];
  });
  if (parts.length === 0) return '';
  return `There ${parts.join('; ')}.`;
}
