/** Every interleaving of the mechanisms that the threads of a run meet in, at sizes that take seconds to minutes. */
import { expect, test } from 'vitest';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED } from '../../src/virtio/net/features.ts';
import type { Model } from '../support/interleaving.ts';
import { explore } from '../support/interleaving.ts';
import {
  doorbellModel,
  eventModel,
  feedbackModel,
  interruptModel,
  lockModel,
  magazineModel,
  ringModel,
} from '../support/memory-models.ts';
import { softirqLineModel } from '../support/softirq-line-model.ts';
import { virtqueueSleepModel } from '../support/virtqueue-sleep-model.ts';

const EVENT_IDX = featureSet(VIRTIO_F_EVENT_IDX);
const PACKED = featureSet(VIRTIO_F_RING_PACKED);
const PACKED_EVENT_IDX = featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX);
const TIGHT = { queueSize: 1, chains: 2, startIdx: 0xffff };

const models: [string, () => Model][] = [
  ['id ring, 8 ids in batches of 2 over 2^31', () => ringModel({ ids: 8, batch: 2, start: 0x7fff_fffd })],
  ['id ring, 5 ids one by one over 2^32', () => ringModel({ ids: 5, batch: 1, start: -3 })],
  ['doorbell, one ringer, two events', () => doorbellModel({ ringers: 1, events: 2 })],
  ['doorbell, two ringers', () => doorbellModel({ ringers: 2, events: 1 })],
  ['event word, four events', () => eventModel({ events: 4 })],
  ['interrupt line, three frames', () => interruptModel({ frames: 3 })],
  ['softirq line, two raisers', () => softirqLineModel({ raisers: 2 })],
  ['tap feedback, three frames', () => feedbackModel({ frames: 3, highMark: 2 })],
  ['spin lock, three threads', () => lockModel({ threads: 3, rounds: 1 })],
  ['magazines, two threads', () => magazineModel({ threads: 2, entries: 4 })],
  ['virtqueue, flags', () => virtqueueSleepModel({ ...TIGHT, features: NO_FEATURES })],
  ['virtqueue, EVENT_IDX', () => virtqueueSleepModel({ ...TIGHT, features: EVENT_IDX })],
  ['virtqueue, delayed callback', () => virtqueueSleepModel({ ...TIGHT, features: EVENT_IDX, delayed: true })],
  ['packed virtqueue, flags', () => virtqueueSleepModel({ ...TIGHT, features: PACKED })],
  ['packed virtqueue, EVENT_IDX', () => virtqueueSleepModel({ ...TIGHT, features: PACKED_EVENT_IDX })],
  [
    'packed virtqueue, delayed callback',
    () => virtqueueSleepModel({ ...TIGHT, features: PACKED_EVENT_IDX, delayed: true }),
  ],
];

test.each(models)('%s', (_, model) => {
  const { states, endings } = explore(model());
  expect(states).toBeGreaterThan(100);
  expect(endings).toBeGreaterThan(0);
});
