import { formatAmount, formatTime } from '../../text/number-format.ts';
import type { PhaseResult, Validity } from '../run/run-result.ts';

/** Time in which a phase lost its core to others, where as many frames came in it as were lost in all. */
export interface OthersLoss {
  readonly core: number;
  readonly awayNs: number;
}

/**
 * What a pool or ring of a few milliseconds loses while other programs, or other machines, have the host's core is not
 * the scenario's loss, and far below what makes a run invalid. @returns null where nothing or more than that was lost.
 */
export function othersLoss({ total, cores, elapsedNs }: PhaseResult): OthersLoss | null {
  const lossRatio = total.lossRatio ?? 0;
  if (lossRatio === 0 || cores === null) return null;
  const away = cores.map(({ core, foreignRatio, stealRatio }) => ({ core, ratio: foreignRatio + stealRatio }));
  const most = away.reduce((worst, each) => (each.ratio > worst.ratio ? each : worst), { core: -1, ratio: 0 });
  return most.ratio < lossRatio ? null : { core: most.core, awayNs: most.ratio * elapsedNs };
}

/** Of a run: each phase whose loss may be others'. */
export function othersLossNotes(phases: readonly PhaseResult[]): string[] {
  return phases.flatMap((phase) => {
    const loss = othersLoss(phase);
    if (loss === null) return [];
    return [
      `${phase.name}: others had core ${loss.core} for ${formatTime(loss.awayNs)}, in which at least as many frames came ` +
        `as were lost (${formatAmount(phase.total.lostFrames)}): the loss may be theirs`,
    ];
  });
}

/** One trial of a sweep. */
interface JudgedTrial {
  readonly phase: PhaseResult;
  readonly validity: Validity;
}

/** Of the trials of a sweep: how many of the valid ones that is true of. */
export function othersLossOfTrials(trials: readonly JudgedTrial[]): string[] {
  const valid = trials.filter(({ validity }) => validity.status === 'valid');
  const count = valid.filter(({ phase }) => othersLoss(phase) !== null).length;
  if (count === 0) return [];
  return [
    `${count} of ${valid.length} valid trials lost no more frames than came while others had a core: the loss may be ` +
      'theirs, and a quieter machine may carry more without it',
  ];
}
