import type { PhaseResult, Validity } from '../../src/experiment/run/run-result.ts';
import type { TrialResult } from '../../src/experiment/sweep/sweep-result.ts';

export interface TrialFigures {
  readonly variant?: string;
  readonly rateIndex?: number;
  readonly status?: Validity['status'];
  /** Frames of each of two streams in one second. */
  readonly sent: number;
  readonly delivered: readonly [number, number];
  readonly dropped?: readonly { readonly place: 'nic' | 'tap'; readonly frames: number }[];
  /** Running and waiting of the threads `softirq0`, `vhost-a`, `vhost-b`. */
  readonly threads?: readonly (readonly [number, number | null])[];
}

/** One trial of a second, with the parts that points are made of. */
export function trialResult(figures: TrialFigures): TrialResult {
  const { variant = 'a', rateIndex = 0, status = 'valid', sent, delivered, dropped = [], threads = [] } = figures;
  const streams = delivered.map((deliveredFrames, i) => ({
    name: `stream${i}`,
    from: `eth${i}`,
    to: `eth${1 - i}`,
    requestedFps: sent,
    offeredFrames: sent,
    sentFrames: sent,
    deliveredFrames,
    lossRatio: null,
  }));
  const droppedFrames = dropped.reduce((sum, { frames }) => sum + frames, 0);
  const phase: PhaseResult = {
    name: 'trial',
    rate: '',
    beganAtNs: 0,
    durationNs: 1e9,
    elapsedNs: 1e9,
    complete: true,
    streams,
    connections: [],
    ends: [],
    total: {
      offeredFrames: 2 * sent,
      sentFrames: 2 * sent,
      deliveredFrames: delivered[0] + delivered[1],
      droppedFrames,
      foreignFrames: 0,
      floodedFrames: 0,
      lostFrames: droppedFrames,
      lossRatio: sent === 0 ? null : droppedFrames / (2 * sent),
    },
    drops: dropped.map(({ place, frames }) => ({ place, actor: place, counter: place, reason: place, frames })),
    latency: [],
    latencyAll: null,
    lateness: [],
    threads: threads.map(([runningRatio, waitingRatio], i) => ({
      name: ['softirq0', 'vhost-a', 'vhost-b'][i],
      core: 0,
      policy: 'nice 0',
      runningRatio,
      waitingRatio,
      asleepRatio: null,
      switchesPerSecond: null,
    })),
    cores: null,
    throttling: null,
    counters: {},
  };
  return {
    round: 0,
    rateIndex,
    variantIndex: 0,
    attempt: 0,
    variant,
    seed: 1,
    coreRoundTripNs: null,
    phase,
    validity: { status, reasons: status === 'invalid' ? ['trial: the generator was late'] : [], notes: [] },
  };
}
