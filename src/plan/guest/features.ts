/** Which virtio features a vNIC has, by its scenario. */
import type { FeatureSet } from '../../virtio/net/features.ts';
import {
  MULTIQUEUE_FEATURES,
  NO_FEATURES,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
  VIRTIO_NET_F_MRG_RXBUF,
  VMM_NET_FEATURES,
  featureSet,
  unionFeatures,
} from '../../virtio/net/features.ts';
import type { VnicFeature } from '../../scenario/words.ts';
import type { VnicSpec } from '../../scenario/scenario.ts';

const FEATURE_BITS: Readonly<Record<VnicFeature, number>> = {
  'event-idx': VIRTIO_F_EVENT_IDX,
  'indirect-desc': VIRTIO_F_INDIRECT_DESC,
  'ring-packed': VIRTIO_F_RING_PACKED,
  'mrg-rxbuf': VIRTIO_NET_F_MRG_RXBUF,
};

/** What the scenario lets the device offer, and the driver accept. */
export function allowedFeatures(nic: VnicSpec): FeatureSet {
  const chosen = featureSet(VIRTIO_F_VERSION_1, ...nic.features.map((name) => FEATURE_BITS[name]));
  const several = nic.queues > 1 ? MULTIQUEUE_FEATURES : NO_FEATURES;
  return unionFeatures(unionFeatures(chosen, VMM_NET_FEATURES), several);
}
