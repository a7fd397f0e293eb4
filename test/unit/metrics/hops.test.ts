import { describe, expect, it } from 'vitest';
import { hopRows, mergeLanes } from '../../../src/metrics/derive/hops.ts';
import { planLanes } from '../../../src/metrics/derive/lanes.ts';
import { takeSnapshot } from '../../../src/metrics/derive/snapshot.ts';
import { planStreamMeters, streamRows } from '../../../src/metrics/text/stream-rows.ts';
import { IdRingProducer } from '../../../src/memory/id-ring.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { StillHost } from '../../support/still-host.ts';

const plan = buildPlan(loadScenario('kvm-forum-2014'));
const lanes = planLanes(plan);

describe('lanes of the path', () => {
  it('stand in the order a frame passes them, from the wire into the guest and back', () => {
    const order = lanes.map(({ actor, name }) => (name === '' ? actor : `${actor} ${name}`));
    expect(order).toEqual([
      'generator-eth0',
      'generator-eth1',
      'eth0 rx',
      'eth1 rx',
      'softirq0 rx',
      'br0',
      'br1',
      'tap0',
      'tap1',
      'vhost-vnic0 rx',
      'vhost-vnic1 rx',
      'vm0/vcpu0',
      'vm0/vcpu1',
      'vhost-vnic0 tx',
      'vhost-vnic1 tx',
      'softirq0 backlog',
      'eth0 tx',
      'eth1 tx',
      'sink-eth0',
      'sink-eth1',
    ]);
  });

  it('know the ring in front of them', () => {
    const inputs = Object.fromEntries(
      lanes.map(({ actor, name, inputs: rings }) => [`${actor} ${name}`.trim(), rings.map((ring) => ring.name)]),
    );
    expect(inputs).toMatchObject({
      'generator-eth0': [],
      'eth0 rx': ['eth0.wire-in'],
      'eth0 tx': ['eth0.tx'],
      'softirq0 rx': ['eth0.rx', 'eth1.rx'],
      'softirq0 backlog': ['tap0.backlog', 'tap1.backlog'],
      br0: ['eth0.to-bridge', 'tap0.to-br0'],
      tap0: ['tap0.tx'],
      'vhost-vnic0 rx': ['tap0.queue'],
      'vhost-vnic0 tx': [],
      'vm0/vcpu0': [],
      'sink-eth1': ['eth1.wire-out'],
    });
  });

  it('account for every counter that moves frames, once', () => {
    const counted = lanes.flatMap((lane) => [
      ...[...lane.inIndexes, ...lane.outIndexes, ...lane.consumeIndexes, ...lane.cloneIndexes].map(
        (index) => `${lane.actor} ${index}`,
      ),
      ...lane.drops.map(({ index }) => `${lane.actor} ${index}`),
    ]);
    const moving = plan.threads.flatMap(({ actors }) =>
      actors.flatMap(({ name, counters }) =>
        counters.flatMap(({ role }, index) => (role === 'event' ? [] : [`${name} ${index}`])),
      ),
    );
    expect(counted.sort()).toEqual(moving.sort());
  });
});

describe('hop rows', () => {
  const host = new StillHost(plan);
  const before = takeSnapshot(host);
  host.clockNs = 0.5e9;
  host.countPassage(1000);
  host.count('tap0', 'tx_packets', 400);
  host.count('tap0', 'tx_dropped', 300);
  host.count('tap0', 'tx_no_reader', 100);
  const ring = new IdRingProducer(host.memory, plan.rings.find(({ name }) => name === 'tap0.queue')!.ring);
  for (let id = 0; id < 450; id++) ring.put(id);
  ring.publish();
  const rows = hopRows(lanes, before, takeSnapshot(host));
  const row = (actor: string, lane = '') => rows.find((each) => each.actor === actor && each.lane === lane)!;

  it('hold rates over the time that passed, and drops by reason, most first', () => {
    expect(row('tap0')).toMatchObject({ place: 'tap', inFps: 2800, outFps: 2000, dropFps: 800 });
    expect(row('tap0').drops).toEqual([
      { counter: 'tx_dropped', reason: 'tap queue full', frames: 300, fps: 600 },
      { counter: 'tx_no_reader', reason: 'no backend attached to the tap', frames: 100, fps: 200 },
    ]);
    expect(row('softirq0', 'backlog')).toMatchObject({ inFps: 2000, outFps: 2000, dropFps: 0, drops: [] });
  });

  it('leave open what begins or ends frames', () => {
    expect(row('generator-eth0')).toMatchObject({ inFps: null, outFps: 2000, ring: null });
    expect(row('sink-eth1')).toMatchObject({ inFps: 2000, outFps: null });
  });

  it('show how full the ring in front is', () => {
    expect(row('vhost-vnic0', 'rx').ring).toEqual({ name: 'tap0.queue', depthFrames: 450, limitFrames: 500 });
  });

  it('become one row for each component', () => {
    const merged = mergeLanes(rows);
    expect(merged).toHaveLength(15);
    const vhost = merged.find(({ actor }) => actor === 'vhost-vnic0');
    expect(vhost).toMatchObject({ lane: '', inFps: 2000, outFps: 2000, ring: { name: 'tap0.queue' } });
    expect(merged.find(({ actor }) => actor === 'softirq0')).toMatchObject({ inFps: 4000, outFps: 4000 });
  });

  it('stand beside what each stream offered, sent and delivered', () => {
    const [there, back] = streamRows(planStreamMeters(plan), before, takeSnapshot(host));
    expect(there).toMatchObject({ offeredFrames: 1000, sentFrames: 1000, deliveredFrames: 1000 });
    expect(back).toMatchObject({ name: 'eth1-to-eth0', offeredFrames: 0, sentFrames: 0, deliveredFrames: 0 });
  });
});
