import { expect, test } from 'vitest';
import { describeVnics } from '../../src/experiment/vnic-features.ts';
import { GuestBed } from '../support/guest-bed.ts';

test('the header tells what driver and device settled on, vNICs of the same together', () => {
  const { bed } = new GuestBed().bringUp();
  expect(describeVnics(bed)).toEqual([
    'virtio-net vnic0, vnic1: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
  ]);
});

test('vNICs that differ have lines of their own, and before the handshake there is nothing to tell', () => {
  const features = ['vms.vm0.nics.vnic1.features=[ring-packed, mrg-rxbuf]', 'vms.vm0.nics.vnic1.mtu=4000'];
  const guest = new GuestBed(features);
  expect(describeVnics(guest.bed)[0]).toBe('virtio-net vnic0: MTU 1500, none');
  expect(describeVnics(guest.bringUp().bed)).toEqual([
    'virtio-net vnic0: MTU 1500, MTU|MAC|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1',
    'virtio-net vnic1: MTU 4000, MTU|MAC|MRG_RXBUF|STATUS|VERSION_1|RING_PACKED',
  ]);
});
