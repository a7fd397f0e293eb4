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
import { PAIR_QUEUES, ServedPair } from '../net/served-pair.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import type { NetConfig } from './pci-transport.ts';
import { VirtioPciDevice } from './pci-transport.ts';
import { PciTrapHost } from './pci-trap.ts';
import { startBase } from '../ring/ring-format.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';
import { Transcript } from './transcript.ts';

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
  private readonly trap: PciTrapHost;
  private readonly registers: VirtioPciDevice;
  private readonly transcript = new Transcript();
  private readonly pair: ServedPair;

  constructor({ guest, pci, offered, queueSize, netConfig }: VmmDeviceOptions) {
    this.pair = new ServedPair(guest);
    this.trap = new PciTrapHost(pci, 0);
    this.registers = new VirtioPciDevice({
      offered,
      queueSizesMax: new Array<number>(PAIR_QUEUES).fill(queueSize),
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
    return this.pair.queue(index);
  }

  /** Leaves a broken queue alone; only it, and only until the driver resets the device. */
  stopQueue(index: number): void {
    this.transcript.add(`queue ${index}: ${this.pair.stop(index)}`);
  }

  /** Chains in queue `index` that have not been taken, while it is served and after it broke; for stock-taking. */
  chainsWaiting(index: number): number {
    return this.pair.chainsWaiting(index);
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
    queues.forEach(({ layout }, index) => this.pair.open(index, layout, features, startBase(features)));
  }

  private close(): void {
    for (let index = 0; index < PAIR_QUEUES; index++) this.pair.close(index);
  }
}
