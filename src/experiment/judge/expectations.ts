import { formatAmount, formatShare, formatTime } from '../../text/number-format.ts';
import type { Expectation, Measurement } from '../../scenario/scenario.ts';
import { METRICS } from '../../scenario/words.ts';
import type { ExpectationResult, PhaseResult } from '../run/run-result.ts';

/**
 * Judges a scenario's expectations by the phases of its run. `judged` false: the run's rates say nothing, so values are
 * shown and nothing is passed or failed. Nor is what a phase was to show that was cut short. What has no value in a
 * complete phase is not met: a place of loss where nothing was lost, or a time that this kernel does not measure.
 */
export function evaluateExpectations(
  expectations: readonly Expectation[],
  phases: readonly PhaseResult[],
  judged: boolean,
): ExpectationResult[] {
  return expectations.map(({ left: measured, relation, right: against, why }) => {
    const left = measure(measured, phases);
    const compared = against.kind === 'value' ? against.value : measure(against.measurement, phases);
    const times = against.kind === 'value' ? 1 : against.times;
    const needed = against.kind === 'value' ? [measured.phase] : [measured.phase, against.measurement.phase];
    const complete = needed.every((name) => phases.some((phase) => phase.name === name && phase.complete));
    const right = compared === null ? null : compared * times;
    const metric = measured.metric;
    const rightText =
      against.kind === 'value'
        ? showValue(metric, right)
        : `${times === 1 ? '' : `${times} x `}${describe(against.measurement)} (${showValue(metric, right)})`;
    return {
      text: `${describe(measured)} ${showValue(metric, left)} ${relation} ${rightText}`,
      why,
      passed: judged && complete ? left !== null && right !== null && holds(left, relation, right) : null,
      left,
      right,
    };
  });
}

/** One number of a finished phase; null when the phase is missing or the kernel did not measure it. */
export function measure(measurement: Measurement, phases: readonly PhaseResult[]): number | null {
  const phase = phases.find(({ name, complete }) => name === measurement.phase && complete);
  if (phase === undefined) return null;
  const { total, drops, threads } = phase;
  const seconds = phase.elapsedNs / 1e9;
  const stream = phase.streams.find(({ name }) => name === measurement.stream);
  const frames = stream ?? total;
  const thread = threads.find(({ name }) => name === measurement.thread);
  const latency =
    stream === undefined
      ? phase.latencyAll
      : (phase.latency.find((each) => each.stream === stream.name)?.summary ?? null);
  switch (measurement.metric) {
    case 'offered':
      return frames.offeredFrames / seconds;
    case 'sent':
      return frames.sentFrames / seconds;
    case 'delivered':
      return frames.deliveredFrames / seconds;
    case 'loss':
      return frames.lossRatio;
    case 'latencyP50':
      return latency?.p50Ns ?? null;
    case 'latencyP99':
      return latency?.p99Ns ?? null;
    case 'dropShare': {
      if (total.droppedFrames === 0) return null;
      const there = drops.filter(({ place }) => place === measurement.place);
      return there.reduce((sum, drop) => sum + drop.frames, 0) / total.droppedFrames;
    }
    case 'running':
      return thread?.runningRatio ?? null;
    case 'waiting':
      return thread?.waitingRatio ?? null;
    case 'counter': {
      const [actor, counter] = (measurement.counter ?? '').split(':');
      const value = phase.counters[actor]?.[counter];
      if (value === undefined) throw new Error(`no counter ${counter} of ${actor} in these results`);
      return value;
    }
  }
}

/** Whether two numbers relate as they should. */
export function holds(left: number, relation: Expectation['relation'], right: number): boolean {
  switch (relation) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '==':
      return left === right;
    case '>=':
      return left >= right;
    case '>':
      return left > right;
  }
}

/** `delivered of eth0-to-eth1 in flood`. */
function describe({ metric, phase, stream, place, thread, counter }: Measurement): string {
  const subject = stream ?? place ?? thread ?? counter;
  return `${metric}${subject === null ? '' : ` of ${subject}`} in ${phase}`;
}

function showValue(metric: Measurement['metric'], value: number | null): string {
  if (value === null) return 'not measured';
  switch (METRICS[metric].unit) {
    case 'fps':
      return `${formatAmount(value)}/s`;
    case 'ratio':
      return formatShare(value);
    case 'ns':
      return formatTime(value);
    case 'count':
      return formatAmount(value);
  }
}
