/**
 * The two formats of a virtqueue. Which one a device's queues have is settled with its features (VIRTIO_F_RING_PACKED),
 * before any queue is laid out; from then on the queue itself is held, so that a call on it is a call on one class.
 */
import type { DeviceQueueOptions } from './device-chain.ts';
import { hasFeature, VIRTIO_F_RING_PACKED } from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import { PackedDeviceQueue } from './packed-device.ts';
import { PACKED_STATE_WORDS, PACKED_TOKEN_WORDS, PackedDriverQueue } from './packed-driver.ts';
import * as packed from './packed-layout.ts';
import { SplitDeviceQueue } from './split-device.ts';
import { DRIVER_STATE_WORDS, SplitDriverQueue } from './split-driver.ts';
import type { DriverQueueOptions } from './split-driver.ts';
import * as split from './split-layout.ts';
import type { SplitLayout, VringPart } from './split-layout.ts';

export type DeviceQueue = SplitDeviceQueue | PackedDeviceQueue;
export type DriverQueue = SplitDriverQueue | PackedDriverQueue;

/** Words that a driver queue of either format saves its state in. */
export const QUEUE_STATE_WORDS: number = Math.max(DRIVER_STATE_WORDS, PACKED_STATE_WORDS);

export function isPacked(features: FeatureSet): boolean {
  return hasFeature(features, VIRTIO_F_RING_PACKED);
}

export function createDeviceQueue(options: DeviceQueueOptions): DeviceQueue {
  return isPacked(options.features) ? new PackedDeviceQueue(options) : new SplitDeviceQueue(options);
}

export function createDriverQueue(options: DriverQueueOptions): DriverQueue {
  return isPacked(options.features) ? new PackedDriverQueue(options) : new SplitDriverQueue(options);
}

/** Words of a driver queue's token table. */
export function tokenWords(queueSize: number, features: FeatureSet): number {
  return isPacked(features) ? queueSize * PACKED_TOKEN_WORDS : queueSize;
}

/** VHOST_SET_VRING_BASE of a ring that nobody has used yet. */
export function startBase(features: FeatureSet): number {
  return isPacked(features) ? packed.PACKED_START_BASE : 0;
}

/** A ring's parts one after another from `baseAddr`, what the two sides write on lines of `alignBytes` of their own. */
export function ringLayoutAt(
  baseAddr: number,
  queueSize: number,
  alignBytes: number,
  features: FeatureSet,
): SplitLayout {
  const layoutAt = isPacked(features) ? packed.packedLayoutAt : split.splitLayoutAt;
  return layoutAt(baseAddr, queueSize, alignBytes);
}

/** Bytes that `ringLayoutAt` takes. */
export function ringBytes(queueSize: number, alignBytes: number, features: FeatureSet): number {
  return isPacked(features)
    ? packed.packedRingBytes(queueSize, alignBytes)
    : split.splitRingBytes(queueSize, alignBytes);
}

/** The parts of a ring, for checks against a memory table. */
export function ringParts(layout: SplitLayout, features: FeatureSet): readonly VringPart[] {
  return isPacked(features) ? packed.packedParts(layout) : split.vringParts(layout);
}

/** Why a ring cannot lie where `layout` says in a memory of `memoryBytes`, or null when it can. */
export function ringFault(layout: SplitLayout, memoryBytes: number, features: FeatureSet): string | null {
  return isPacked(features)
    ? packed.packedLayoutFault(layout, memoryBytes)
    : split.splitLayoutFault(layout, memoryBytes);
}
