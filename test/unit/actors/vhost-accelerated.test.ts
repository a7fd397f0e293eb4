import { describe, expect, test } from 'vitest';
import { AcceleratedBed, DEPLETION_ENTRY, DEPLETION_EXIT } from '../../support/accelerated-bed.ts';

const BUFFERS = 20;

describe.each(['dpaa', 'sriov'] as const)('vhost above %s queues', (provider) => {
  test('the four handles: buffers are seeded, frames come up and go down, and are confirmed', () => {
    const v = new AcceleratedBed(provider, BUFFERS);
    expect(v.arrive(5)).toBe(5);
    v.post(5);
    v.drain();
    expect(v.used(v.rx)).toBe(5);
    expect(v.transmit(3)).toBe(3);
    expect(v.used(v.tx)).toBe(0);
    v.drain();
    expect(v.used(v.tx)).toBe(3);
    expect(v.counts()).toMatchObject({
      buffers_seeded: 5,
      rx_packets: 5,
      rx_to_guest: 5,
      tx_packets: 3,
      tx_to_hardware: 3,
      calls: 2,
    });
    expect(v.bed.held(v.worker)).toBe(0);
  });

  test('a receive virtqueue that breaks leaves transmission as it was', () => {
    const v = new AcceleratedBed(provider, BUFFERS);
    v.breakQueue(v.rx);
    expect(v.counts()).toMatchObject({ virtqueue_errors: 1 });
    expect(v.transmit(3)).toBe(3);
    v.drain();
    expect(v.used(v.tx)).toBe(3);
    // What the hardware still puts into buffers of the broken ring ends here, and is counted.
    expect(v.arrive(30)).toBe(BUFFERS);
    v.drain();
    expect(v.used(v.rx)).toBe(0);
    v.post(5);
    v.drain();
    expect(v.counts()).toMatchObject({
      virtqueue_errors: 1,
      rx_packets: BUFFERS,
      rx_errors: BUFFERS,
      buffers_seeded: 0,
    });
    expect(v.bed.held(v.worker)).toBe(0);
    expect(v.worker.report()).toEqual([expect.stringMatching(/^vring 0: /)]);
  });

  test('a transmit virtqueue that breaks leaves reception as it was', () => {
    const v = new AcceleratedBed(provider, BUFFERS);
    expect(v.transmit(3)).toBe(3);
    v.breakQueue(v.tx);
    expect(v.arrive(5)).toBe(5);
    v.drain();
    expect(v.used(v.rx)).toBe(5);
    v.post(5);
    v.drain();
    expect(v.transmit(2)).toBe(0);
    expect(v.counts()).toMatchObject({ virtqueue_errors: 1, buffers_seeded: 5, rx_to_guest: 5, tx_to_hardware: 3 });
    expect(v.worker.report()).toEqual([expect.stringMatching(/^vring 1: /)]);
  });

  test('depletion is entered at one threshold, left at the higher one, and the guest is called to refill', () => {
    const v = new AcceleratedBed(provider, BUFFERS);
    v.arrive(BUFFERS - DEPLETION_ENTRY - 1);
    v.drain();
    expect(v.counts().depletion_entries ?? 0).toBe(0);
    v.arrive(1);
    v.drain();
    expect(v.counts()).toMatchObject({ depletion_entries: 1, congestion_calls: 1 });
    v.post(DEPLETION_EXIT - DEPLETION_ENTRY - 1);
    v.drain();
    v.hardware.refresh();
    v.drain();
    expect(v.counts().depletion_exits ?? 0).toBe(0);
    // No frame arrives: the pool is seen to be full again all the same.
    v.post(1);
    v.drain();
    v.hardware.refresh();
    v.drain();
    expect(v.counts()).toMatchObject({ depletion_entries: 1, depletion_exits: 1, congestion_calls: 1 });
  });
});
