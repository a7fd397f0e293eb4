import { expect, test } from 'vitest';
import { describeVnics } from '../../src/experiment/vnic-features.ts';
import type { RunHeading } from '../../src/metrics/live-run.ts';
import { runScenario } from '../../src/experiment/run.ts';
import { VirtualHost } from '../../src/runtime/virtual-host.ts';
import { buildPlan } from '../../src/topology/build-plan.ts';
import { loadScenario } from '../../src/topology/scenario-file.ts';
import { GuestBed } from '../support/guest-bed.ts';

test('the header tells what driver and device settled on, vNICs of the same together', () => {
  const { bed } = new GuestBed().bringUp();
  expect(describeVnics(bed.scenario, bed)).toEqual([
    'virtio-net vnic0, vnic1: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
  ]);
});

test('vNICs that differ have lines of their own, and before the handshake there is nothing to tell', () => {
  const features = ['vms.vm0.nics.vnic1.features=[ring-packed, mrg-rxbuf]', 'vms.vm0.nics.vnic1.mtu=4000'];
  const guest = new GuestBed(features);
  expect(describeVnics(guest.bed.scenario, guest.bed)[0]).toBe('virtio-net vnic0: MTU 1500, none');
  guest.bringUp();
  expect(describeVnics(guest.bed.scenario, guest.bed)).toEqual([
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
