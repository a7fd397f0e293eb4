/** Every interleaving of the mechanisms that the threads of a run meet in, at sizes that take seconds to minutes. */
import { expect, test } from 'vitest';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX } from '../../src/virtio/features.ts';
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
  softirqLineModel,
} from '../support/memory-models.ts';
import { virtqueueSleepModel } from '../support/virtqueue-sleep-model.ts';

const EVENT_IDX = featureSet(VIRTIO_F_EVENT_IDX);

const models: [string, Model][] = [
  ['id ring, 12 ids in batches of 2 over 2^31', ringModel({ ids: 12, batch: 2, start: 0x7fff_fffa })],
  ['id ring, 12 ids one by one over 2^32', ringModel({ ids: 12, batch: 1, start: -6 })],
  ['doorbell, two ringers, two events each', doorbellModel({ ringers: 2, events: 2 })],
  ['event word, five events', eventModel({ events: 5 })],
  ['interrupt line, three frames', interruptModel({ frames: 3 })],
  ['softirq line, three raisers', softirqLineModel({ raisers: 3 })],
  ['tap feedback, three frames', feedbackModel({ frames: 3, highMark: 2 })],
  ['spin lock, three threads', lockModel({ threads: 3, rounds: 1 })],
  ['magazines, two threads', magazineModel({ threads: 2, entries: 5 })],
  ['virtqueue of 2, flags', virtqueueSleepModel({ queueSize: 2, chains: 3, startIdx: 0xfffe, features: NO_FEATURES })],
  [
    'virtqueue of 2, EVENT_IDX',
    virtqueueSleepModel({ queueSize: 2, chains: 3, startIdx: 0xfffe, features: EVENT_IDX }),
  ],
  [
    'virtqueue of 2, delayed callback',
    virtqueueSleepModel({ queueSize: 2, chains: 3, startIdx: 0, features: EVENT_IDX, delayed: true }),
  ],
];

test.each(models)('%s', (_, model) => {
  const { states, endings } = explore(model);
  expect(states).toBeGreaterThan(500);
  expect(endings).toBeGreaterThan(0);
});
