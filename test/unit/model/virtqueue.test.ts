/** Kick and call suppression in every interleaving, small enough to run with every change. */
import { expect, test } from 'vitest';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED } from '../../../src/virtio/net/features.ts';
import { explore } from '../../support/interleaving.ts';
import { virtqueueSleepModel } from '../../support/virtqueue-sleep-model.ts';

const MODES: [string, FeatureSet][] = [
  ['flags', NO_FEATURES],
  ['EVENT_IDX', featureSet(VIRTIO_F_EVENT_IDX)],
  ['packed, flags', featureSet(VIRTIO_F_RING_PACKED)],
  ['packed, EVENT_IDX', featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX)],
];

test.each(MODES)('no kick and no call is lost (%s)', (_, features) => {
  const model = virtqueueSleepModel({ queueSize: 1, chains: 1, startIdx: 0xffff, features });
  expect(explore(model).states).toBeGreaterThan(100);
});

test.each(MODES)('a side that ignores its second look is found (%s)', (_, features) => {
  const base = { queueSize: 1, chains: 2, startIdx: 0, features };
  const deaf = virtqueueSleepModel({ ...base, fault: 'device ignores its second look' });
  expect(() => explore(deaf)).toThrow(/waiting for ever: .*device/);
  const blind = virtqueueSleepModel({ ...base, fault: 'driver ignores its second look' });
  expect(() => explore(blind)).toThrow(/waiting for ever: driver/);
});
