import type { Memory, Region } from '../src/memory/arena.ts';
import { Ringer } from '../src/memory/doorbell.ts';
import type { FeatureSet } from '../src/virtio/features.ts';
import { commonFeatures, deviceOfferedFeatures } from '../src/virtio/features.ts';
import { VirtioPciDevice } from '../src/virtio/pci-transport.ts';
import { PciTrapHost } from '../src/virtio/pci-trap.ts';
import { startBase } from '../src/virtio/ring-format.ts';
import { Transcript } from '../src/virtio/transcript.ts';
import { VhostMailboxClient } from '../src/virtio/vhost-mailbox.ts';
import { VhostSetup } from '../src/virtio/vmm-setup.ts';
import type { Actor, Census } from './actor.ts';

export interface VmmConfig {
  readonly name: string;
  readonly guestMemoryBytes: number;
}

/** One vNIC: its registers' trap mailbox, the vhost device behind it, and what the VMM shows the guest. */
export interface VmmNicLink {
  /** Names in the transcript: of the vNIC, and of the vhost device behind it. */
  readonly name: string;
  readonly vhost: string;
  readonly pci: Region;
  readonly vcpuDoorbell: Region;
  readonly mailbox: Region;
  readonly vhostDoorbell: Region;
  /** Features the scenario lets the device offer. */
  readonly allowed: FeatureSet;
  readonly mac: readonly number[];
  readonly mtuBytes: number;
  readonly queueSize: number;
  /** What NET_SET_BACKEND names: the number of the tap. */
  readonly tapFd: number;
}

const QUEUES = 2;

/** A virtio-net device as the VMM emulates it: registers in front, vhost behind. */
class VmmNic {
  private readonly link: VmmNicLink;
  private readonly guestMemoryBytes: number;
  private readonly transcript: Transcript;
  private readonly setup: VhostSetup;
  private readonly trap: PciTrapHost;
  private readonly vcpu: Ringer;
  private readonly vhost: Ringer;
  private registers: VirtioPciDevice | null = null;
  private serving = false;
  private busy = true;

  constructor(memory: Memory, link: VmmNicLink, guestMemoryBytes: number, transcript: Transcript) {
    this.link = link;
    this.guestMemoryBytes = guestMemoryBytes;
    this.transcript = transcript;
    this.trap = new PciTrapHost(memory.words(link.pci), 0);
    this.vcpu = new Ringer(memory, link.vcpuDoorbell);
    this.vhost = new Ringer(memory, link.vhostDoorbell);
    this.setup = new VhostSetup(new VhostMailboxClient(memory.words(link.mailbox), 0), link.vhost, transcript);
    this.setup.init();
    this.vhost.ring();
  }

  /** One ioctl answered or one trapped access served; while vhost is being told, the vCPU's next access waits. */
  step(): boolean {
    if (this.busy) return this.stepSetup();
    if (!this.trap.serve(this.registers!)) return false;
    this.vcpu.ring();
    if (this.busy) this.vhost.ring();
    return true;
  }

  private stepSetup(): boolean {
    if (!this.setup.answered) return false;
    if (this.setup.step() === 'busy') {
      this.vhost.ring();
      return true;
    }
    this.busy = false;
    if (this.registers === null) this.registers = this.createDevice();
    if (this.setup.failure !== null) this.registers.needsReset(this.setup.failure);
    return true;
  }

  private createDevice(): VirtioPciDevice {
    const { link } = this;
    return new VirtioPciDevice({
      offered: commonFeatures(deviceOfferedFeatures(this.setup.features), link.allowed),
      queueSizesMax: new Array<number>(QUEUES).fill(link.queueSize),
      netConfig: { mac: link.mac, maxVirtqueuePairs: 1, mtuBytes: link.mtuBytes },
      guestMemoryBytes: this.guestMemoryBytes,
      transcript: { add: (line) => this.transcript.add(`${link.name}: ${line}`) },
      hooks: { driverOk: () => this.startVhost(), stop: () => this.stopVhost() },
    });
  }

  private startVhost(): void {
    const registers = this.registers!;
    if (!registers.queues().every(({ enabled }) => enabled)) {
      registers.needsReset('DRIVER_OK with a queue that is not enabled');
      return;
    }
    const accepted = registers.acceptedFeatures;
    const base = startBase(accepted);
    this.setup.start({
      accepted,
      regions: [{ addr: 0, sizeBytes: this.guestMemoryBytes }],
      rings: registers.queues().map(({ layout }, index) => ({ layout, base, kick: index, call: QUEUES + index })),
      backend: this.link.tapFd,
    });
    this.serving = true;
    this.busy = true;
  }

  private stopVhost(): void {
    if (!this.serving) return;
    this.serving = false;
    this.setup.stop(QUEUES);
    this.busy = true;
  }

  get quiet(): boolean {
    return this.busy ? !this.setup.answered : !this.trap.requested;
  }
}

/**
 * The VMM of one virtual machine: QEMU's main thread. It emulates the virtio-pci registers (each guest access is an
 * exit that waits for it) and drives vhost through its ioctls in QEMU's order. Once the guest's driver is up it has
 * nothing to do with a frame.
 */
export class Vmm implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly guestMemoryBytes: number;
  private readonly transcript = new Transcript();
  private readonly nics: (VmmNic | null)[] = [];

  constructor(memory: Memory, config: VmmConfig) {
    this.memory = memory;
    this.name = config.name;
    this.guestMemoryBytes = config.guestMemoryBytes;
  }

  attach(port: number, link: VmmNicLink): void {
    while (this.nics.length <= port) this.nics.push(null);
    this.nics[port] = new VmmNic(this.memory, link, this.guestMemoryBytes, this.transcript);
  }

  detach(port: number): void {
    this.nics[port] = null;
  }

  poll(_budget: number, _nowNs: number): number {
    let steps = 0;
    for (const nic of this.nics) if (nic !== null && nic.step()) steps++;
    return steps;
  }

  arm(): boolean {
    for (const nic of this.nics) if (nic !== null && !nic.quiet) return false;
    return true;
  }

  commit(): void {}

  census(_out: Census): void {}

  /** Every register access and ioctl so far, in words. */
  report(): readonly string[] {
    return this.transcript.lines();
  }
}
