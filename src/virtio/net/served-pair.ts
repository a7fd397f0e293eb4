/**
 * The receive and the transmit virtqueue of one queue pair, in the hands of the thread that serves them: a vhost worker
 * or the VMM itself.
 */
import type { GuestMemory, MemoryRegion } from '../guest/guest-memory.ts';
import { DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES } from '../ring/device-chain.ts';
import { createDeviceQueue } from '../ring/ring-format.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';
import type { SplitLayout } from '../ring/split-layout.ts';
import { virtqueueErrorText } from '../ring/virtqueue-error.ts';
import type { FeatureSet } from './features.ts';

/** Index of the receive virtqueue in its pair; the transmit virtqueue follows it. */
const RX = 0;
export const PAIR_QUEUES = 2;

export class ServedPair {
  private readonly guest: GuestMemory;
  private readonly queues: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(PAIR_QUEUES).fill(null);
  /** Queues that broke, for what still lies in them. */
  private readonly stopped: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(PAIR_QUEUES).fill(null);

  constructor(guest: GuestMemory) {
    this.guest = guest;
  }

  /** Queue `index` while it is open and not broken. */
  queue(index: number): DeviceQueue | null {
    return this.queues[index];
  }

  /**
   * Begins to serve a queue.
   *
   * @param base where its driver begins, as in VHOST_SET_VRING_BASE.
   * @param regions of guest memory that its descriptors may name; all of it where none are given.
   */
  open(
    index: number,
    layout: SplitLayout,
    features: FeatureSet,
    base: number,
    regions?: readonly MemoryRegion[],
  ): void {
    const direction = index === RX ? DIRECTION_DEVICE_WRITES : DIRECTION_DEVICE_READS;
    const options = { memory: this.guest, layout, features, direction };
    const queue = createDeviceQueue(regions === undefined ? options : { ...options, regions });
    queue.start(base);
    this.queues[index] = queue;
    this.stopped[index] = null;
  }

  /** Serves the queue no longer; what lies in it is its driver's. */
  close(index: number): void {
    this.queues[index] = null;
  }

  /** Leaves a broken queue alone; only it, and only until it is opened again. @returns what is wrong, in words. */
  stop(index: number): string {
    const queue = this.queues[index]!;
    this.stopped[index] = queue;
    this.queues[index] = null;
    return virtqueueErrorText(queue.broken, queue.brokenDetail);
  }

  /** Chains in a queue that have not been taken, while it is served and after it broke; for stock-taking. */
  chainsWaiting(index: number): number {
    return (this.queues[index] ?? this.stopped[index])?.waiting ?? 0;
  }

  /** The avail index of the next chain to be taken: VHOST_GET_VRING_BASE; 0 for a queue that is not served. */
  lastAvailIdx(index: number): number {
    return this.queues[index]?.lastAvailIdx ?? 0;
  }
}
