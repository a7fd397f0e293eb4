/**
 * A vhost-net device in the hands of the worker that owns it: its control plane and the queues that are being served.
 */
import type { Memory, Region } from '../../memory/arena.ts';
import { DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES } from '../ring/device-chain.ts';
import { hasFeature, VIRTIO_NET_F_MRG_RXBUF } from '../net/features.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import { createDeviceQueue } from '../ring/ring-format.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';
import type { VhostRingOps } from './vhost-device.ts';
import { VhostDevice } from './vhost-device.ts';
import { VhostMailboxServer } from './vhost-mailbox.ts';
import { virtqueueErrorText } from '../ring/virtqueue-error.ts';

const RX = 0;
const VRINGS = 2;

export class VhostBackend implements VhostRingOps {
  private readonly guest: GuestMemory;
  private readonly device: VhostDevice;
  private readonly mailbox: VhostMailboxServer;
  private readonly queues: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(VRINGS).fill(null);
  /** Queues that broke, for what still lies in them. */
  private readonly stopped: (DeviceQueue | null)[] = new Array<DeviceQueue | null>(VRINGS).fill(null);
  /** Virtqueue errors met so far, in words. */
  readonly faults: string[] = [];

  constructor(memory: Memory, mailbox: Region, guest: GuestMemory) {
    this.guest = guest;
    this.device = new VhostDevice(guest.sizeBytes, this, VRINGS);
    this.mailbox = new VhostMailboxServer(memory.words(mailbox), 0);
  }

  /** Executes the ioctl that waits, if one does. @returns whether one did: then ring the VMM. */
  serveIoctl(): boolean {
    return this.mailbox.serve(this.device);
  }

  get ioctlPending(): boolean {
    return this.mailbox.requested;
  }

  /** Whether the driver takes a frame in several receive buffers (VIRTIO_NET_F_MRG_RXBUF). */
  get mergeable(): boolean {
    return hasFeature(this.device.features, VIRTIO_NET_F_MRG_RXBUF);
  }

  /** The queue of vring `index` while its backend is set and it is not broken. */
  queue(index: number): DeviceQueue | null {
    return this.queues[index];
  }

  /** Leaves a broken queue alone; only it, and only until the driver resets the device. */
  stopQueue(index: number): void {
    const queue = this.queues[index]!;
    this.faults.push(`vring ${index}: ${virtqueueErrorText(queue.broken, queue.brokenDetail)}`);
    this.stopped[index] = queue;
    this.queues[index] = null;
  }

  /** Chains in vring `index` that have not been taken, while it is served and after it broke; for stock-taking. */
  chainsWaiting(index: number): number {
    return (this.queues[index] ?? this.stopped[index])?.waiting ?? 0;
  }

  attach(index: number): void {
    const vring = this.device.vring(index)!;
    const queue = createDeviceQueue({
      memory: this.guest,
      layout: { queueSize: vring.num, descAddr: vring.descAddr, availAddr: vring.availAddr, usedAddr: vring.usedAddr },
      features: this.device.features,
      direction: index === RX ? DIRECTION_DEVICE_WRITES : DIRECTION_DEVICE_READS,
      regions: this.device.regions,
    });
    queue.start(vring.base);
    this.queues[index] = queue;
    this.stopped[index] = null;
  }

  detach(index: number): number {
    const last = this.lastAvailIdx(index);
    this.queues[index] = null;
    return last;
  }

  lastAvailIdx(index: number): number {
    return this.queues[index]?.lastAvailIdx ?? 0;
  }
}
