/** What is compared of a trial: figures of the load, and of the host's threads in the words of `perf sched stats`. */
import { mean } from 'simple-statistics';
import type { PhaseResult, RunResult } from '../run/run-result.ts';
import { measuredWhole } from '../sweep/swept-load.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import { trialLoss } from '../sweep/trial-loss.ts';
import { COMPARED_THREADS } from './choices.ts';

/** How a figure is written. */
export type FigureUnit = 'perSecond' | 'share' | 'time';

export interface Figure {
  readonly name: string;
  readonly unit: FigureUnit;
  readonly value: number;
}

/** Those that are known of a trial. */
export function figuresOf(phase: PhaseResult, load: SweptLoad, threads: RunResult['threads']): Figure[] {
  const { latencyAll } = phase;
  const delivered = (measuredWhole(phase, load).delivered * 1e9) / phase.elapsedNs;
  return [
    { name: 'delivered', unit: 'perSecond', value: delivered },
    { name: 'loss', unit: 'share', value: trialLoss(phase, load).lossRatio },
    ...(latencyAll === null
      ? []
      : ([
          { name: 'latency-p50', unit: 'time', value: latencyAll.p50Ns },
          { name: 'latency-p99', unit: 'time', value: latencyAll.p99Ns },
        ] as const)),
    ...COMPARED_THREADS.flatMap((kind) => threadFigures(kind, phase, threads)),
  ];
}

/** Cores in use by all threads of a kind; mean share of time that they were runnable and did not run; switches/s. */
function threadFigures(
  kind: (typeof COMPARED_THREADS)[number],
  phase: PhaseResult,
  threads: RunResult['threads'],
): Figure[] {
  const names = threads.filter((thread) => thread.kind === kind).map(({ name }) => name);
  const rows = phase.threads.filter(({ name }) => names.includes(name));
  if (rows.length === 0) return [];
  const waiting = rows.map(({ waitingRatio }) => waitingRatio).filter((ratio) => ratio !== null);
  const switches = rows.map(({ switchesPerSecond }) => switchesPerSecond).filter((count) => count !== null);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return [
    { name: `${kind}-run`, unit: 'share', value: sum(rows.map(({ runningRatio }) => runningRatio)) },
    ...(waiting.length === 0 ? [] : [{ name: `${kind}-wait`, unit: 'share', value: mean(waiting) } as const]),
    ...(switches.length === 0 ? [] : [{ name: `${kind}-switches`, unit: 'perSecond', value: sum(switches) } as const]),
  ];
}
