/** The course of a run and where its threads are, with what was left out filled in. */
import type { ParsedConnections } from '../keys/connections.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import type { AutoscaleSpec, ConnectionsSpec, PlacementSpec, RunSpec, TimelineSpec } from '../scenario.ts';
import { thresholdValue } from '../text/threshold.ts';

export function completePlacement({ cores, threads }: ParsedScenario['placement']): PlacementSpec {
  return {
    cores,
    threads: Object.entries(threads).map(([match, said]) => {
      if (said === 'own') return { match, own: true, core: null, policy: null, nice: null };
      return { match, own: said.own, core: said.core ?? null, policy: said.policy ?? null, nice: said.nice ?? null };
    }),
  };
}

export function completeRun({ run, traffic }: ParsedScenario): RunSpec {
  return {
    warmupNs: run.warmup,
    settleNs: run.settle,
    sampleIntervalNs: run.sampleInterval,
    phases: (run.phases ?? []).map(({ name, rate, connections, duration, stopped, drained }) => {
      return {
        name,
        rate: rate ?? traffic.rate,
        connectionsPerSecond: connections ?? null,
        durationNs: duration,
        stoppedVms: stopped,
        drainedBackends: drained,
      };
    }),
    timeline: completeTimeline(run),
    autoscale: completeAutoscale(run),
  };
}

function completeTimeline({ timeline }: ParsedScenario['run']): TimelineSpec[] {
  return timeline
    .map(({ at, add, remove }): TimelineSpec => ({
      atNs: at,
      order: add === undefined ? 'remove' : 'add',
      vm: add ?? remove ?? '',
    }))
    .sort((a, b) => a.atNs - b.atNs);
}

function completeAutoscale({ autoscale }: ParsedScenario['run']): AutoscaleSpec[] {
  return autoscale.map(({ vm, metric, stream, place, thread, above, below, for: forNs, cooldown }) => ({
    vm,
    metric,
    stream: stream ?? null,
    place: place ?? null,
    thread: thread ?? null,
    above: thresholdValue(metric, above) ?? 0,
    below: thresholdValue(metric, below) ?? 0,
    forNs,
    cooldownNs: cooldown,
  }));
}

export function completeConnections(parsed: ParsedConnections): ConnectionsSpec {
  const { name, port, to, rate, max, timeout } = parsed;
  return { name: name ?? `${port}-to-${to}`, port, to, perSecond: rate, max, timeoutNs: timeout };
}
