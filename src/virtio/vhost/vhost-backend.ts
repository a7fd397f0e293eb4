/**
 * A vhost-net device in the hands of the worker that owns it: its control plane and the queues that are being served.
 */
import type { Memory, Region } from '../../memory/arena.ts';
import { hasFeature, VIRTIO_NET_F_MRG_RXBUF } from '../net/features.ts';
import { PAIR_QUEUES, ServedPair } from '../net/served-pair.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import type { DeviceQueue } from '../ring/ring-format.ts';
import type { VhostRingOps } from './vhost-device.ts';
import { VhostDevice } from './vhost-device.ts';
import { VhostMailboxServer } from './vhost-mailbox.ts';

export class VhostBackend implements VhostRingOps {
  private readonly device: VhostDevice;
  private readonly mailbox: VhostMailboxServer;
  private readonly pair: ServedPair;
  /** Virtqueue errors met so far, in words. */
  readonly faults: string[] = [];

  constructor(memory: Memory, mailbox: Region, guest: GuestMemory) {
    this.pair = new ServedPair(guest);
    this.device = new VhostDevice(guest.sizeBytes, this, PAIR_QUEUES);
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
    return this.pair.queue(index);
  }

  /** Leaves a broken queue alone; only it, and only until the driver resets the device. */
  stopQueue(index: number): void {
    this.faults.push(`vring ${index}: ${this.pair.stop(index)}`);
  }

  /** Chains in vring `index` that have not been taken, while it is served and after it broke; for stock-taking. */
  chainsWaiting(index: number): number {
    return this.pair.chainsWaiting(index);
  }

  attach(index: number): void {
    const { num, descAddr, availAddr, usedAddr, base } = this.device.vring(index)!;
    const layout = { queueSize: num, descAddr, availAddr, usedAddr };
    this.pair.open(index, layout, this.device.features, base, this.device.regions);
  }

  detach(index: number): number {
    const last = this.lastAvailIdx(index);
    this.pair.close(index);
    return last;
  }

  lastAvailIdx(index: number): number {
    return this.pair.lastAvailIdx(index);
  }
}
