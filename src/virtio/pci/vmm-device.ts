/**
 * A virtio-net device in the hands of the VMM alone: its virtio-pci registers, and the queues that its driver has set
 * up and that are being served (QEMU, hw/net/virtio-net.c with vhost=off).
 */
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
} from '../net/features.ts';
import type { FeatureSet } from '../net/features.ts';
import { DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES } from '../ring/device-chain.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import type { NetConfig } from './pci-transport.ts';
import { VirtioPciDevice } from './pci-transport.ts';
import { PciTrapHost } from './pci-trap.ts';
import { createDeviceQueue, startBase } from '../ring/ring-format.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';
import { Transcript } from './transcript.ts';
import { virtqueueErrorText } from '../ring/virtqueue-error.ts';

const RX = 0;
const QUEUES = 2;

/** What the VMM's own queues implement. */
export const VMM_DEVICE_FEATURES: FeatureSet = featureSet(
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_F_RING_PACKED,
);

export interface VmmDeviceOptions {
  readonly guest: GuestMemory;
  /** The trap mailbox of the vCPU that probes the device. */
  readonly pci: Int32Array;
  readonly offered: FeatureSet;
  readonly queueSize: number;
  readonly netConfig: NetConfig;
}

export class VmmVirtioDevice {
  private readonly guest: GuestMemory;
  private readonly trap: PciTrapHost;
  private readonly registers: VirtioPciDevice;
  private readonly transcript = new Transcript();
  private readonly queues: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(QUEUES).fill(null);
  /** Queues that broke, for what still lies in them. */
  private readonly stopped: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(QUEUES).fill(null);

  constructor({ guest, pci, offered, queueSize, netConfig }: VmmDeviceOptions) {
    this.guest = guest;
    this.trap = new PciTrapHost(pci, 0);
    this.registers = new VirtioPciDevice({
      offered,
      queueSizesMax: new Array<number>(QUEUES).fill(queueSize),
      netConfig,
      guestMemoryBytes: guest.sizeBytes,
      transcript: this.transcript,
      hooks: { driverOk: () => this.open(), stop: () => this.close() },
    });
  }

  /** Answers the register access that waits, if one does. @returns whether one did: then ring the vCPU. */
  serveTrap(): boolean {
    return this.trap.serve(this.registers);
  }

  get trapRequested(): boolean {
    return this.trap.requested;
  }

  /** Queue `index` while its driver is there and it is not broken. */
  queue(index: number): DeviceQueue | null {
    return this.queues[index];
  }

  /** Leaves a broken queue alone; only it, and only until the driver resets the device. */
  stopQueue(index: number): void {
    const queue = this.queues[index]!;
    this.transcript.add(`queue ${index}: ${virtqueueErrorText(queue.broken, queue.brokenDetail)}`);
    this.stopped[index] = queue;
    this.queues[index] = null;
  }

  /** Chains in queue `index` that have not been taken, while it is served and after it broke; for stock-taking. */
  chainsWaiting(index: number): number {
    return (this.queues[index] ?? this.stopped[index])?.waiting ?? 0;
  }

  /** Every register access so far, and what broke, in words. */
  lines(): readonly string[] {
    return this.transcript.lines();
  }

  private open(): void {
    const queues = this.registers.queues();
    if (!queues.every(({ enabled }) => enabled)) {
      this.registers.needsReset('DRIVER_OK with a queue that is not enabled');
      return;
    }
    const features = this.registers.acceptedFeatures;
    queues.forEach(({ layout }, index) => {
      const queue = createDeviceQueue({
        memory: this.guest,
        layout,
        features,
        direction: index === RX ? DIRECTION_DEVICE_WRITES : DIRECTION_DEVICE_READS,
      });
      queue.start(startBase(features));
      this.queues[index] = queue;
      this.stopped[index] = null;
    });
  }

  private close(): void {
    this.queues.fill(null);
  }
}
