import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { latestFeatures, readVnicFeatures } from '../../../src/experiment/run/vnic-features.ts';
import type { RunHeading, VnicFeatures } from '../../../src/metrics/derive/live-run.ts';
import { vnicLines } from '../../../src/metrics/text/vnic-text.ts';
import { runScenario } from '../../../src/experiment/run/run.ts';
import { VirtualHost } from '../../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { GuestBed } from '../../support/guest-bed.ts';

const BALANCED = fileURLToPath(new URL('../../support/balanced-servers.yaml', import.meta.url));
const linesOf = ({ bed }: GuestBed): string[] =>
  vnicLines(readVnicFeatures(bed.scenario, { ...bed, absent: new Set() }));

test('the header tells what driver and device settled on, vNICs of the same together', () => {
  expect(linesOf(new GuestBed().bringUp())).toEqual([
    'virtio-net vnic0, vnic1: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
  ]);
});

test('vNICs that differ have lines of their own, and before the handshake there is nothing to tell', () => {
  const features = ['vms.vm0.nics.vnic1.features=[ring-packed, mrg-rxbuf]', 'vms.vm0.nics.vnic1.mtu=4000'];
  const guest = new GuestBed(features);
  expect(linesOf(guest)[0]).toBe('virtio-net vnic0: MTU 1500, not up');
  guest.bringUp();
  expect(linesOf(guest)).toEqual([
    'virtio-net vnic0: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
    'virtio-net vnic1: MTU 4000, MTU|MAC|MRG_RXBUF|STATUS|VERSION_1|RING_PACKED',
  ]);
});

test('a virtio-net device that the VMM serves itself is among them; an e1000 has no such features', async () => {
  const phases = 'run.phases=[{ name: only, rate: 1kpps, duration: 10ms }]';
  const overrides = ['expect=[]', 'run.warmup=0s', 'run.settle=100ms', phases, 'vms.vm0.nics.vnic1.mode=emulated'];
  const scenario = loadScenario('qemu', { overrides });
  const host = new VirtualHost(buildPlan(scenario), { seed: 1 });
  let heading: RunHeading | null = null;
  await runScenario(scenario, host, {
    signal: new AbortController().signal,
    watch: (run) => (heading = run.heading),
  });
  expect(heading!.lines.filter((line) => line.startsWith('virtio-net'))).toEqual([
    'virtio-net vnic0: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
  ]);
});

test('a VM that is not there yet is said to be so; what it settles on is told when it has come, and kept', async () => {
  const phases = 'run.phases=[{ name: only, duration: 20ms }]';
  const timeline = 'run.timeline=[{ at: 300ms, add: web1 }, { at: 510ms, remove: web1 }]';
  const scenario = loadScenario(BALANCED, { overrides: ['run.warmup=0s', phases, timeline, 'vms.web1.drainTime=0s'] });
  const host = new VirtualHost(buildPlan(scenario), { seed: 1 });
  let heading: RunHeading | null = null;
  const result = await runScenario(scenario, host, {
    signal: new AbortController().signal,
    watch: (run) => (heading = run.heading),
  });
  expect(heading!.lines.filter((line) => line.startsWith('virtio-net'))).toEqual([
    'virtio-net vnic0, vnic1, vnic2: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
    'virtio-net vnic3: MTU 1500, not there yet',
  ]);
  const settled = ['MTU', 'MAC', 'STATUS', 'INDIRECT_DESC', 'EVENT_IDX', 'VERSION_1'];
  const [added, removed] = result.provisioning;
  const vnic3 = { vm: 'web1', vnic: 'vnic3', mode: 'vhost', mtuBytes: 1500, offered: settled, negotiated: settled };
  expect([added.vnics, removed.vnics]).toEqual([[{ ...vnic3, isPresent: true }], []]);
  expect(result.vnics.map(({ vnic, isPresent }) => [vnic, isPresent])).toEqual([
    ['vnic0', true],
    ['vnic1', true],
    ['vnic2', true],
    ['vnic3', false],
  ]);
  expect(result.vnics[3]).toEqual({ ...vnic3, isPresent: false });
});

test('a vNIC that never came up has no features', () => {
  const look = (negotiated: string[] | null, isPresent: boolean): VnicFeatures[] => [
    { vm: 'vm0', vnic: 'vnic0', mode: 'vhost', mtuBytes: 1500, isPresent, offered: negotiated, negotiated },
  ];
  expect(latestFeatures([look(null, false), look(null, true)])).toEqual(look(null, true));
  expect(latestFeatures([look(['MAC'], true), look(null, false)])).toEqual(look(['MAC'], false));
  expect(latestFeatures([look(['MAC'], true), look(['MTU'], true)])).toEqual(look(['MTU'], true));
});
