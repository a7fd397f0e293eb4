/**
 * Feature bits (VIRTIO 1.x chapter 6 for the transport, section 5.1.3 for the network device) and the rules of their
 * negotiation. A set of features is two unsigned 32-bit words, as it crosses both virtio-pci and the vhost ioctls.
 */

export const VIRTIO_NET_F_CSUM = 0;
export const VIRTIO_NET_F_GUEST_CSUM = 1;
export const VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2;
export const VIRTIO_NET_F_MTU = 3;
export const VIRTIO_NET_F_MAC = 5;
export const VIRTIO_NET_F_GUEST_TSO4 = 7;
export const VIRTIO_NET_F_GUEST_TSO6 = 8;
export const VIRTIO_NET_F_GUEST_ECN = 9;
export const VIRTIO_NET_F_GUEST_UFO = 10;
export const VIRTIO_NET_F_HOST_TSO4 = 11;
export const VIRTIO_NET_F_HOST_TSO6 = 12;
export const VIRTIO_NET_F_HOST_ECN = 13;
export const VIRTIO_NET_F_HOST_UFO = 14;
export const VIRTIO_NET_F_MRG_RXBUF = 15;
export const VIRTIO_NET_F_STATUS = 16;
export const VIRTIO_NET_F_CTRL_VQ = 17;
export const VIRTIO_NET_F_CTRL_RX = 18;
export const VIRTIO_NET_F_CTRL_VLAN = 19;
export const VIRTIO_NET_F_GUEST_ANNOUNCE = 21;
export const VIRTIO_NET_F_MQ = 22;
export const VIRTIO_NET_F_CTRL_MAC_ADDR = 23;
/** Legacy: a call whenever the available ring runs dry (virtio 0.9.5); vhost still knows it. */
export const VIRTIO_F_NOTIFY_ON_EMPTY = 24;
/** Legacy: a header and its frame may share descriptors freely. VERSION_1 implies it. */
export const VIRTIO_F_ANY_LAYOUT = 27;
/**
 * In VHOST_SET_FEATURES the same bit says that vhost, not the tap, supplies virtio_net_hdr
 * (include/uapi/linux/vhost.h).
 */
export const VHOST_NET_F_VIRTIO_NET_HDR = 27;
export const VIRTIO_F_INDIRECT_DESC = 28;
export const VIRTIO_F_EVENT_IDX = 29;
export const VIRTIO_F_VERSION_1 = 32;
export const VIRTIO_F_ACCESS_PLATFORM = 33;
export const VIRTIO_F_RING_PACKED = 34;
export const VIRTIO_F_IN_ORDER = 35;

const FEATURE_NAMES: readonly (readonly [number, string])[] = [
  [VIRTIO_NET_F_CSUM, 'CSUM'],
  [VIRTIO_NET_F_GUEST_CSUM, 'GUEST_CSUM'],
  [VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 'CTRL_GUEST_OFFLOADS'],
  [VIRTIO_NET_F_MTU, 'MTU'],
  [VIRTIO_NET_F_MAC, 'MAC'],
  [VIRTIO_NET_F_GUEST_TSO4, 'GUEST_TSO4'],
  [VIRTIO_NET_F_GUEST_TSO6, 'GUEST_TSO6'],
  [VIRTIO_NET_F_GUEST_ECN, 'GUEST_ECN'],
  [VIRTIO_NET_F_GUEST_UFO, 'GUEST_UFO'],
  [VIRTIO_NET_F_HOST_TSO4, 'HOST_TSO4'],
  [VIRTIO_NET_F_HOST_TSO6, 'HOST_TSO6'],
  [VIRTIO_NET_F_HOST_ECN, 'HOST_ECN'],
  [VIRTIO_NET_F_HOST_UFO, 'HOST_UFO'],
  [VIRTIO_NET_F_MRG_RXBUF, 'MRG_RXBUF'],
  [VIRTIO_NET_F_STATUS, 'STATUS'],
  [VIRTIO_NET_F_CTRL_VQ, 'CTRL_VQ'],
  [VIRTIO_NET_F_CTRL_RX, 'CTRL_RX'],
  [VIRTIO_NET_F_CTRL_VLAN, 'CTRL_VLAN'],
  [VIRTIO_NET_F_GUEST_ANNOUNCE, 'GUEST_ANNOUNCE'],
  [VIRTIO_NET_F_MQ, 'MQ'],
  [VIRTIO_NET_F_CTRL_MAC_ADDR, 'CTRL_MAC_ADDR'],
  [VIRTIO_F_NOTIFY_ON_EMPTY, 'NOTIFY_ON_EMPTY'],
  [VIRTIO_F_ANY_LAYOUT, 'ANY_LAYOUT'],
  [VIRTIO_F_INDIRECT_DESC, 'INDIRECT_DESC'],
  [VIRTIO_F_EVENT_IDX, 'EVENT_IDX'],
  [VIRTIO_F_VERSION_1, 'VERSION_1'],
  [VIRTIO_F_ACCESS_PLATFORM, 'ACCESS_PLATFORM'],
  [VIRTIO_F_RING_PACKED, 'RING_PACKED'],
  [VIRTIO_F_IN_ORDER, 'IN_ORDER'],
];

/** Sixty-four feature bits: `lo` holds bits 0 to 31, `hi` 32 to 63, both unsigned. */
export interface FeatureSet {
  readonly lo: number;
  readonly hi: number;
}

export const NO_FEATURES: FeatureSet = { lo: 0, hi: 0 };

export function featureSet(...bits: readonly number[]): FeatureSet {
  let lo = 0;
  let hi = 0;
  for (const bit of bits) {
    if (bit < 32) lo |= 1 << bit;
    else hi |= 1 << (bit - 32);
  }
  return { lo: lo >>> 0, hi: hi >>> 0 };
}

export function hasFeature(features: FeatureSet, bit: number): boolean {
  return (((bit < 32 ? features.lo : features.hi) >>> (bit & 31)) & 1) === 1;
}

/** The bits present in both sets. */
export function commonFeatures(a: FeatureSet, b: FeatureSet): FeatureSet {
  return { lo: (a.lo & b.lo) >>> 0, hi: (a.hi & b.hi) >>> 0 };
}

/** The bits present in either set. */
export function unionFeatures(a: FeatureSet, b: FeatureSet): FeatureSet {
  return { lo: (a.lo | b.lo) >>> 0, hi: (a.hi | b.hi) >>> 0 };
}

/** The bits of `a` that `b` lacks. */
export function featuresWithout(a: FeatureSet, b: FeatureSet): FeatureSet {
  return { lo: (a.lo & ~b.lo) >>> 0, hi: (a.hi & ~b.hi) >>> 0 };
}

/** Names joined by `|`; `none` for the empty set. */
export function featureNames(features: FeatureSet): string {
  return listFeatures(features).join('|') || 'none';
}

/** The name of each feature; unnamed bits as `bitN`. */
export function listFeatures(features: FeatureSet): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if (!hasFeature(features, bit)) continue;
    names.push(FEATURE_NAMES.find(([known]) => known === bit)?.[1] ?? `bit${bit}`);
  }
  return names;
}

/**
 * What this vhost-net implements, hence what VHOST_GET_FEATURES answers. Linux 5.10 adds LOG_ALL and ACCESS_PLATFORM
 * (drivers/vhost/net.c, VHOST_NET_FEATURES), which this one does not do and so does not offer. It does offer
 * RING_PACKED, which of Linux's vhost devices only vDPA has: what the ioctls carry for it is vDPA's.
 */
export const VHOST_NET_FEATURES: FeatureSet = featureSet(
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_NET_F_MRG_RXBUF,
  VHOST_NET_F_VIRTIO_NET_HDR,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_F_RING_PACKED,
);

/** What the VMM implements itself, in the device configuration, whatever the backend. */
export const VMM_NET_FEATURES: FeatureSet = featureSet(VIRTIO_NET_F_MAC, VIRTIO_NET_F_STATUS, VIRTIO_NET_F_MTU);

/** What it implements besides for a device with several queue pairs: the control virtqueue that puts them into use. */
export const MULTIQUEUE_FEATURES: FeatureSet = featureSet(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ);

/**
 * Bits that exist only on the legacy interface; a modern device hides them (QEMU, virtio_device_class legacy_features).
 */
const LEGACY_FEATURES: FeatureSet = featureSet(VIRTIO_F_NOTIFY_ON_EMPTY, VIRTIO_F_ANY_LAYOUT);

/**
 * What a virtio-net PCI device of `queuePairs` pairs in front of a vhost backend offers its driver (QEMU,
 * vhost_get_features).
 */
export function deviceOfferedFeatures(backend: FeatureSet, queuePairs = 1): FeatureSet {
  const own = queuePairs > 1 ? unionFeatures(VMM_NET_FEATURES, MULTIQUEUE_FEATURES) : VMM_NET_FEATURES;
  return unionFeatures(featuresWithout(backend, LEGACY_FEATURES), own);
}

/** Dependencies of network features (section 5.1.3.1): the first needs at least one of the others. */
const REQUIREMENTS: readonly (readonly [number, readonly number[]])[] = [
  [VIRTIO_NET_F_GUEST_TSO4, [VIRTIO_NET_F_GUEST_CSUM]],
  [VIRTIO_NET_F_GUEST_TSO6, [VIRTIO_NET_F_GUEST_CSUM]],
  [VIRTIO_NET_F_GUEST_ECN, [VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6]],
  [VIRTIO_NET_F_GUEST_UFO, [VIRTIO_NET_F_GUEST_CSUM]],
  [VIRTIO_NET_F_HOST_TSO4, [VIRTIO_NET_F_CSUM]],
  [VIRTIO_NET_F_HOST_TSO6, [VIRTIO_NET_F_CSUM]],
  [VIRTIO_NET_F_HOST_ECN, [VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6]],
  [VIRTIO_NET_F_HOST_UFO, [VIRTIO_NET_F_CSUM]],
  [VIRTIO_NET_F_CTRL_RX, [VIRTIO_NET_F_CTRL_VQ]],
  [VIRTIO_NET_F_CTRL_VLAN, [VIRTIO_NET_F_CTRL_VQ]],
  [VIRTIO_NET_F_GUEST_ANNOUNCE, [VIRTIO_NET_F_CTRL_VQ]],
  [VIRTIO_NET_F_MQ, [VIRTIO_NET_F_CTRL_VQ]],
  [VIRTIO_NET_F_CTRL_MAC_ADDR, [VIRTIO_NET_F_CTRL_VQ]],
];

/**
 * Why a device must refuse FEATURES_OK for this choice, or null when it is acceptable (VIRTIO 1.x sections 2.2, 3.1.1,
 * 5.1.3.1 and 6.1; this device is not transitional, so VERSION_1 is required).
 */
export function featuresRefusal(offered: FeatureSet, accepted: FeatureSet): string | null {
  const unoffered = featuresWithout(accepted, offered);
  if (unoffered.lo !== 0 || unoffered.hi !== 0) return `${featureNames(unoffered)} was not offered`;
  if (!hasFeature(accepted, VIRTIO_F_VERSION_1)) return 'VERSION_1 was not accepted';
  for (const [bit, needed] of REQUIREMENTS) {
    if (!hasFeature(accepted, bit) || needed.some((other) => hasFeature(accepted, other))) continue;
    const names = needed.map((other) => featureNames(featureSet(other))).join(' or ');
    return `${featureNames(featureSet(bit))} needs ${names}`;
  }
  return null;
}
