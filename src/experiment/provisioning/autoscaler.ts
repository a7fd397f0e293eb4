import type { IntervalRecord } from '../../metrics/derive/interval-record.ts';
import { formatAmount, formatShare, formatTime } from '../../text/number-format.ts';
import { SCALING_METRICS } from '../../scenario/words.ts';
import type { AutoscaleSpec, ProvisioningOrder } from '../../scenario/scenario.ts';

/** An order, and what the rule saw. */
export interface ScalingDecision {
  readonly order: ProvisioningOrder;
  readonly cause: string;
}

/** One rule, fed with every interval of a phase in turn. It decides by what it was shown and by nothing else. */
export class Autoscaler {
  readonly vm: string;
  private readonly rule: AutoscaleSpec;
  private present: boolean;
  /** How long the measurement has been beyond the threshold that matters now. */
  private heldNs = 0;
  private lastOrderNs = -Infinity;

  constructor(rule: AutoscaleSpec, present: boolean) {
    this.rule = rule;
    this.vm = rule.vm;
    this.present = present;
  }

  /** @returns what is to be done, or null. */
  observe(record: IntervalRecord): ScalingDecision | null {
    const { metric, above, below, forNs, cooldownNs } = this.rule;
    const value = scalingMeasure(this.rule, record);
    const beyond = value !== null && (this.present ? value < below : value > above);
    this.heldNs = beyond ? this.heldNs + record.elapsedNs : 0;
    if (!beyond || this.heldNs < forNs || record.monotonicNs - this.lastOrderNs < cooldownNs) return null;
    const seen = `${show(metric, value)} ${this.present ? '<' : '>'} ${show(metric, this.present ? below : above)}`;
    const cause = `autoscale: ${metric} ${seen} for ${formatTime(this.heldNs)}`;
    this.present = !this.present;
    this.heldNs = 0;
    this.lastOrderNs = record.monotonicNs;
    return { order: this.present ? 'add' : 'remove', cause };
  }
}

/** What a rule watches, over one interval; null where there is no such thing or the kernel does not say. */
export function scalingMeasure(
  { metric, stream, place, thread }: Pick<AutoscaleSpec, 'metric' | 'stream' | 'place' | 'thread'>,
  { streams, connections, hops, threads }: Pick<IntervalRecord, 'streams' | 'connections' | 'hops' | 'threads'>,
): number | null {
  const watched = streams.filter(({ name }) => stream === null || name === stream);
  const sum = (of: (each: (typeof streams)[number]) => number): number =>
    watched.reduce((total, each) => total + of(each), 0);
  switch (metric) {
    case 'offered':
      return sum(({ offeredFps }) => offeredFps);
    case 'delivered':
      return sum(({ deliveredFps }) => deliveredFps);
    case 'loss': {
      const sentFps = sum(({ sentFps: each }) => each);
      return sentFps === 0 ? null : Math.max(0, sentFps - sum(({ deliveredFps }) => deliveredFps)) / sentFps;
    }
    case 'connectionsOffered':
      return connections.reduce((total, { offeredPerSecond }) => total + offeredPerSecond, 0);
    case 'connectionsCompleted':
      return connections.reduce((total, { completedPerSecond }) => total + completedPerSecond, 0);
    case 'connectionsFailed':
      return connections.reduce((total, { failedPerSecond }) => total + failedPerSecond, 0);
    case 'drops': {
      const there = hops.filter((hop) => place === null || hop.place === place);
      return there.reduce((total, { dropFps }) => total + dropFps, 0);
    }
    case 'running':
      return threads.find(({ name }) => name === thread)?.runningRatio ?? null;
    case 'waiting':
      return threads.find(({ name }) => name === thread)?.waitingRatio ?? null;
  }
}

function show(metric: AutoscaleSpec['metric'], value: number): string {
  return SCALING_METRICS[metric].unit === 'ratio' ? formatShare(value) : `${formatAmount(value)}/s`;
}
