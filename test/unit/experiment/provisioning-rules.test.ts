import { describe, expect, it } from 'vitest';
import { Autoscaler, scalingMeasure } from '../../../src/experiment/provisioning/autoscaler.ts';
import type { IntervalRecord } from '../../../src/metrics/derive/interval-record.ts';
import type { ScenarioError } from '../../../src/scenario/error.ts';
import { parseScenario } from '../../../src/plan/load-scenario.ts';
import type { AutoscaleSpec } from '../../../src/scenario/scenario.ts';

const SECOND = 1e9;
const RULE: AutoscaleSpec = {
  vm: 'vm1',
  metric: 'offered',
  stream: null,
  place: null,
  thread: null,
  above: 1000,
  below: 500,
  forNs: SECOND,
  cooldownNs: 3 * SECOND,
};

/** Half-second intervals of the given offered rates, one after the other. */
function decisions(rule: AutoscaleSpec, present: boolean, offered: readonly number[]): string[] {
  const scaler = new Autoscaler(rule, present);
  return offered.flatMap((offeredFps, i) => {
    const streams = [{ offeredFps, deliveredFps: 0, sentFps: 0 }];
    const record = { elapsedNs: SECOND / 2, monotonicNs: (i * SECOND) / 2, streams, hops: [], threads: [] };
    const decision = scaler.observe(record as unknown as IntervalRecord);
    return decision === null ? [] : [`${i}: ${decision.order}, ${decision.cause}`];
  });
}

describe('a rule', () => {
  it('adds when the measurement has been above for long enough, and not before', () => {
    expect(decisions(RULE, false, [2000, 900, 2000, 2000, 2000])).toEqual([
      '3: add, autoscale: offered 2 k/s > 1 k/s for 1 s',
    ]);
  });

  it('removes when it has been below the other threshold; between the two nothing happens', () => {
    expect(decisions(RULE, true, [700, 700, 700, 400, 400, 400])).toEqual([
      '4: remove, autoscale: offered 400/s < 500/s for 1 s',
    ]);
  });

  it('waits between two orders', () => {
    const calm = [400, 400, 400, 400, 400, 400];
    expect(decisions(RULE, false, [2000, 2000, ...calm, ...calm]).map((text) => text.slice(0, 6))).toEqual([
      '1: add',
      '7: rem',
    ]);
  });
});

describe('what a rule watches', () => {
  const interval = {
    streams: [
      { name: 'a', offeredFps: 100, sentFps: 100, deliveredFps: 90 },
      { name: 'b', offeredFps: 100, sentFps: 100, deliveredFps: 50 },
    ],
    connections: [
      { offeredPerSecond: 2000, completedPerSecond: 1500, failedPerSecond: 400 },
      { offeredPerSecond: 100, completedPerSecond: 100, failedPerSecond: 0 },
    ],
    hops: [
      { place: 'tap', dropFps: 30 },
      { place: 'nic', dropFps: 12 },
    ],
    threads: [{ name: 'vhost-vnic0', runningRatio: 0.2, waitingRatio: null }],
  } as unknown as IntervalRecord;
  const measured = (change: Partial<AutoscaleSpec>): number | null =>
    scalingMeasure({ metric: 'loss', stream: null, place: null, thread: null, ...change }, interval);

  it('is what the interval says', () => {
    expect(measured({})).toBe(0.3);
    expect(measured({ stream: 'b' })).toBe(0.5);
    expect(measured({ metric: 'delivered' })).toBe(140);
    expect(measured({ metric: 'connectionsOffered' })).toBe(2100);
    expect(measured({ metric: 'connectionsCompleted' })).toBe(1600);
    expect(measured({ metric: 'connectionsFailed' })).toBe(400);
    expect(measured({ metric: 'drops' })).toBe(42);
    expect(measured({ metric: 'drops', place: 'tap' })).toBe(30);
    expect(measured({ metric: 'running', thread: 'vhost-vnic0' })).toBe(0.2);
    expect(measured({ metric: 'waiting', thread: 'vhost-vnic0' })).toBeNull();
  });
});

describe('what a scenario may say of VMs that come and go', () => {
  const problems = (text: string): string[] => {
    try {
      parseScenario(text, 'x.yaml');
    } catch (error) {
      return (error as ScenarioError).message.split('\n').map((line) => line.replace(/^x\.yaml:2:\d+: /, ''));
    }
    return [];
  };

  it('is an order that can be carried out at its time', () => {
    const run = (timeline: string): string[] => problems(`run:\n  timeline: [${timeline}]\n`);
    expect(run('{ at: 1s, remove: vm0 }, { at: 2s, add: vm0 }')).toEqual([]);
    expect(run('{ at: 1s, add: vm0 }')).toEqual(['"vm0" is there already at that time']);
    expect(run('{ at: 1s, remove: vm9 }')).toEqual(['no VM "vm9", allowed: vm0']);
    expect(run('{ at: 1s }')).toEqual(['found a mapping, allowed: one of add and remove']);
    expect(run('{ at: 11s, remove: vm0 }')).toEqual(['found 11 s, allowed: before the last phase ends']);
  });

  it('is a rule whose thresholds fit its metric', () => {
    const rule = (text: string): string[] => problems(`run:\n  autoscale: [{ vm: vm0, ${text} }]\n`);
    expect(rule('metric: loss, above: 20%, below: 0.1')).toEqual([]);
    expect(rule('metric: running, thread: vm0/vcpu0, above: 80%, below: 20%')).toEqual([]);
    expect(rule('metric: offered, above: 20%, below: 1kpps')).toEqual([
      'found "20%", allowed: frames/s such as 100kpps',
    ]);
    expect(rule('metric: connectionsFailed, above: 1kcps, below: 10cps')).toEqual([
      'found connectionsFailed, allowed where there are traffic.connections',
    ]);
    expect(rule('metric: connectionsOffered, above: 1kpps, below: 10cps')).toContain(
      'found "1kpps", allowed: connections/s such as 2kcps',
    );
    expect(rule('metric: connectionsOffered, stream: a, above: 1kcps, below: 10cps')).toContain(
      'unknown key "stream" for connectionsOffered',
    );
    expect(rule('metric: offered, above: 1kpps, below: 2kpps')[0]).toMatch(/not below `above`/);
    expect(rule('metric: waiting, above: 20%, below: 10%')[0]).toMatch(/missing key "thread" for waiting/);
  });
});
