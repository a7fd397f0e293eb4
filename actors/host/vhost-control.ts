/**
 * In Linux: the control plane of a vDPA device's parent driver (drivers/vdpa).
 * In: ioctls of the VMM (../vmm/vmm.ts). Out: ring addresses for the card (../wire/nic/nic.ts); no frame passes here.
 * Thread: a vhost worker of the vNIC.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { Ringer } from '../../src/memory/doorbell.ts';
import { VhostDevice } from '../../src/virtio/vhost/vhost-device.ts';
import type { VhostVring } from '../../src/virtio/vhost/vhost-device.ts';
import { VhostMailboxServer } from '../../src/virtio/vhost/vhost-mailbox.ts';
import { DirectConfig } from './acceleration/direct-vring.ts';
import type { Actor, Census } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const VHOST_CONTROL_PORTS = portsOf('vhost-control', { pair: port<VhostControlLink>() });

const VRINGS = 2;

export interface VhostControlConfig {
  readonly name: string;
}

/** One queue pair; links are numbered as pairs are. */
export interface VhostControlLink {
  readonly guestMemoryBytes: number;
  readonly mailbox: Region;
  readonly vmmDoorbell: Region;
  /** Where the hardware is told which rings to serve. */
  readonly direct: Region;
}

/** A vhost device in front of one queue pair of the hardware. */
class ControlledPair {
  private readonly device: VhostDevice;
  private readonly mailbox: VhostMailboxServer;
  private readonly direct: DirectConfig;
  private readonly vmm: Ringer;

  constructor(memory: Memory, link: VhostControlLink) {
    this.mailbox = new VhostMailboxServer(memory.words(link.mailbox), 0);
    this.direct = new DirectConfig(memory, link.direct);
    this.vmm = new Ringer(memory, link.vmmDoorbell);
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

  /** Executes the ioctl that waits, if one does. */
  serveIoctl(): boolean {
    if (!this.mailbox.serve(this.device)) return false;
    this.vmm.ring();
    return true;
  }

  get ioctlPending(): boolean {
    return this.mailbox.requested;
  }

  release(): void {
    this.direct.release();
  }

  /** Once both rings have their backend, the hardware takes over. */
  private serveRings(): void {
    const vrings: VhostVring[] = [];
    for (let i = 0; i < VRINGS; i++) {
      const vring = this.device.vring(i);
      if (vring === null) return;
      vrings.push(vring);
    }
    this.direct.serve(this.device.features, vrings);
  }

  private leaveRings(index: number): number {
    this.direct.release();
    return this.direct.lastAvailIdx(index);
  }
}

/**
 * vhost in mode `direct`, which is control plane only, as a vDPA device's parent driver is (drivers/vdpa): it takes the
 * VMM's ioctls as ever, and passes rings whose backend is set to the hardware. It never sees a frame.
 */
export class VhostControl implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly pairs: (ControlledPair | null)[] = [];

  constructor(memory: Memory, config: VhostControlConfig) {
    this.memory = memory;
    this.name = config.name;
  }

  attach({ index, link }: JointOf<typeof VHOST_CONTROL_PORTS>): void {
    while (this.pairs.length <= index) this.pairs.push(null);
    this.pairs[index] = new ControlledPair(this.memory, link);
  }

  detach({ index }: SocketOf<typeof VHOST_CONTROL_PORTS>): void {
    this.pairs[index]?.release();
    this.pairs[index] = null;
  }

  poll(_budget: number, _nowNs: number): number {
    let served = 0;
    for (let p = 0; p < this.pairs.length; p++) if (this.pairs[p]?.serveIoctl()) served++;
    return served;
  }

  /** The next one finds no rings to be served. */
  retire(): void {
    for (const pair of this.pairs) pair?.release();
  }

  arm(): boolean {
    return !this.pairs.some((pair) => pair !== null && pair.ioctlPending);
  }

  commit(): void {}

  census(_out: Census): void {}
}

export const VHOST_CONTROL = component({
  kind: 'vhost-control',
  place: 'vhost',
  thread: 'vhost',
  drawn: { label: 'vhost', colour: 'orange' },
  lanes: {},
  counters: [],
  ports: VHOST_CONTROL_PORTS,
  measuredCost: { pollNs: 60, frameNs: 1000 },
  create: (memory, config: VhostControlConfig) => new VhostControl(memory, config),
});
