import type { Memory, Region } from '../src/memory/arena.ts';
import { Ringer } from '../src/memory/doorbell.ts';
import { VhostDevice } from '../src/virtio/vhost-device.ts';
import type { VhostVring } from '../src/virtio/vhost-device.ts';
import { VhostMailboxServer } from '../src/virtio/vhost-mailbox.ts';
import { DirectConfig } from './acceleration/direct-vring.ts';
import type { Actor, Census } from './actor.ts';

export const VHOST_CONTROL_PORT = 0;

export interface VhostControlConfig {
  readonly name: string;
}

export interface VhostControlLink {
  readonly guestMemoryBytes: number;
  readonly mailbox: Region;
  readonly vmmDoorbell: Region;
  /** Where the hardware is told which rings to serve. */
  readonly direct: Region;
}

const VRINGS = 2;

/**
 * vhost in mode `direct`, which is control plane only, as a vDPA device's parent driver is (drivers/vdpa): it takes the
 * VMM's ioctls as ever, and passes rings whose backend is set to the hardware. It never sees a frame.
 */
export class VhostControl implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private device: VhostDevice | null = null;
  private mailbox!: VhostMailboxServer;
  private direct!: DirectConfig;
  private vmm!: Ringer;

  constructor(memory: Memory, config: VhostControlConfig) {
    this.memory = memory;
    this.name = config.name;
  }

  attach(_port: number, link: VhostControlLink): void {
    this.mailbox = new VhostMailboxServer(this.memory.words(link.mailbox), 0);
    this.direct = new DirectConfig(this.memory, link.direct);
    this.vmm = new Ringer(this.memory, link.vmmDoorbell);
    this.device = new VhostDevice(
      link.guestMemoryBytes,
      {
        attach: () => this.serveRings(),
        detach: (index) => this.leaveRings(index),
        lastAvailIdx: (index) => this.direct.lastAvailIdx(index),
      },
      VRINGS,
    );
  }

  detach(_port: number): void {
    this.direct.release();
    this.device = null;
  }

  poll(_budget: number, _nowNs: number): number {
    if (this.device === null || !this.mailbox.serve(this.device)) return 0;
    this.vmm.ring();
    return 1;
  }

  /** Once both rings have their backend, the hardware takes over. */
  private serveRings(): void {
    const device = this.device!;
    const vrings: VhostVring[] = [];
    for (let i = 0; i < VRINGS; i++) {
      const vring = device.vring(i);
      if (vring === null) return;
      vrings.push(vring);
    }
    this.direct.serve(device.features, vrings);
  }

  private leaveRings(index: number): number {
    this.direct.release();
    return this.direct.lastAvailIdx(index);
  }

  arm(): boolean {
    return this.device === null || !this.mailbox.requested;
  }

  commit(): void {}

  census(_out: Census): void {}
}
