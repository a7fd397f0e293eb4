/**
 * In QEMU: the control plane of virtio-net with vhost=on: registers, control queue, vhost ioctls.
 * In: register accesses of vCPUs (../guest/vcpu.ts). Out: ioctls to vhost (../host/vhost-worker.ts); no frame passes
 * here.
 * Thread: the VMM's main loop.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { Ringer } from '../../src/memory/doorbell.ts';
import { ActivePairs } from '../../src/virtio/guest/active-pairs.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import {
  commonFeatures,
  deviceOfferedFeatures,
  hasFeature,
  VIRTIO_NET_F_CTRL_VQ,
  VIRTIO_NET_F_MQ,
} from '../../src/virtio/net/features.ts';
import { DIRECTION_ANY } from '../../src/virtio/ring/device-chain.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { controlQueueIndex, CONTROL_QUEUE_SIZE, NetControlDevice } from '../../src/virtio/net/net-control.ts';
import { VirtioPciDevice } from '../../src/virtio/pci/pci-transport.ts';
import { PciTrapHost } from '../../src/virtio/pci/pci-trap.ts';
import { createDeviceQueue, startBase } from '../../src/virtio/ring/ring-format.ts';
import { Transcript } from '../../src/virtio/pci/transcript.ts';
import { VhostMailboxClient } from '../../src/virtio/vhost/vhost-mailbox.ts';
import { VhostSetup } from '../../src/virtio/pci/vmm-setup.ts';
import type { Actor, Census } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const VMM_PORTS = portsOf('vmm', { nic: port<VmmNicLink>() });

const QUEUES_OF_PAIR = 2;

export interface VmmConfig {
  readonly name: string;
  readonly guestMemoryBytes: number;
}

/** One vhost device: serves one queue pair. */
export interface VmmVhostLink {
  /** Its name in the transcript. */
  readonly name: string;
  readonly mailbox: Region;
  readonly doorbell: Region;
}

/** One vNIC: its registers' trap mailbox, the vhost devices behind it, and what the VMM shows the guest. */
export interface VmmNicLink {
  /** Name in the transcript. */
  readonly name: string;
  /** By queue pair. */
  readonly vhosts: readonly VmmVhostLink[];
  readonly pci: Region;
  readonly vcpuDoorbell: Region;
  /** The guest's memory, where the control queue lies; none for a device of one pair, which has no such queue. */
  readonly guestMemory: string | null;
  /** Tells whoever steers frames how many pairs are in use. */
  readonly activePairs: Region;
  /** Features the scenario lets the device offer. */
  readonly allowed: FeatureSet;
  readonly mac: readonly number[];
  readonly mtuBytes: number;
  readonly queueSize: number;
  /** What NET_SET_BACKEND names: the number of the tap. */
  readonly tapFd: number;
}

/** A virtio-net device as the VMM emulates it: registers and control queue in front, vhost behind. */
class VmmNic {
  private readonly link: VmmNicLink;
  private readonly memory: Memory;
  private readonly guestMemoryBytes: number;
  private readonly transcript: Transcript;
  /** By queue pair. */
  private readonly setups: readonly VhostSetup[];
  private readonly vhosts: readonly Ringer[];
  private readonly trap: PciTrapHost;
  private readonly vcpu: Ringer;
  private readonly activePairs: ActivePairs;
  private registers: VirtioPciDevice | null = null;
  private control: NetControlDevice | null = null;
  /** Queue pairs that vhost serves. */
  private serving = 0;
  /** What vhost is being told, device after device; null while it is told nothing. */
  private sequence: ((setup: VhostSetup, pair: number) => void) | null = null;
  private told = 0;
  private pair = 0;

  constructor(memory: Memory, link: VmmNicLink, guestMemoryBytes: number, transcript: Transcript) {
    this.link = link;
    this.memory = memory;
    this.guestMemoryBytes = guestMemoryBytes;
    this.transcript = transcript;
    this.trap = new PciTrapHost(memory.words(link.pci), 0);
    this.vcpu = new Ringer(memory, link.vcpuDoorbell);
    this.activePairs = new ActivePairs(memory, link.activePairs);
    this.vhosts = link.vhosts.map(({ doorbell }) => new Ringer(memory, doorbell));
    this.setups = link.vhosts.map(
      ({ name, mailbox }) => new VhostSetup(new VhostMailboxClient(memory.words(mailbox), 0), name, transcript),
    );
    this.tellVhost(this.setups.length, (setup) => setup.init());
  }

  /** Has the first `count` vhost devices told the same, one after the other, as QEMU does (vhost_net_start). */
  private tellVhost(count: number, sequence: (setup: VhostSetup, pair: number) => void): void {
    this.sequence = sequence;
    this.told = count;
    this.pair = 0;
    sequence(this.setups[0], 0);
    this.vhosts[0].ring();
  }

  /** One ioctl answered, trapped access or command served; while vhost is being told, the vCPU waits. */
  step(): boolean {
    if (this.sequence !== null) return this.stepSetup(this.sequence);
    if (this.control !== null && this.control.requested) return this.serveControl(this.control);
    if (!this.trap.serve(this.registers!)) return false;
    this.vcpu.ring();
    return true;
  }

  private stepSetup(sequence: (setup: VhostSetup, pair: number) => void): boolean {
    const setup = this.setups[this.pair];
    if (!setup.answered) return false;
    if (setup.step() === 'busy') {
      this.vhosts[this.pair].ring();
      return true;
    }
    if (setup.failure === null && ++this.pair < this.told) {
      sequence(this.setups[this.pair], this.pair);
      this.vhosts[this.pair].ring();
      return true;
    }
    this.sequence = null;
    if (this.registers === null) this.registers = this.createDevice();
    if (setup.failure !== null) this.registers.needsReset(setup.failure);
    return true;
  }

  private createDevice(): VirtioPciDevice {
    const { link } = this;
    const pairs = link.vhosts.length;
    const data = new Array<number>(QUEUES_OF_PAIR * pairs).fill(link.queueSize);
    return new VirtioPciDevice({
      offered: commonFeatures(deviceOfferedFeatures(this.setups[0].features, pairs), link.allowed),
      queueSizesMax: pairs === 1 ? data : [...data, CONTROL_QUEUE_SIZE],
      netConfig: { mac: link.mac, maxVirtqueuePairs: pairs, mtuBytes: link.mtuBytes },
      guestMemoryBytes: this.guestMemoryBytes,
      transcript: { add: (line) => this.log(line) },
      hooks: { driverOk: () => this.startVhost(), stop: () => this.stopVhost() },
    });
  }

  private log(line: string): void {
    this.transcript.add(`${this.link.name}: ${line}`);
  }

  private startVhost(): void {
    const registers = this.registers!;
    const queues = registers.queues();
    const features = registers.acceptedFeatures;
    // A driver that knows of one pair only leaves the other queues alone.
    const pairs = hasFeature(features, VIRTIO_NET_F_MQ) ? this.setups.length : 1;
    if (!queues.every(({ enabled }, index) => enabled || index >= QUEUES_OF_PAIR * pairs)) {
      registers.needsReset('DRIVER_OK with a queue that is not enabled');
      return;
    }
    this.activePairs.set(1);
    this.serving = pairs;
    this.openControl(features, pairs);
    const base = startBase(features);
    this.tellVhost(pairs, (setup, pair) => {
      const first = QUEUES_OF_PAIR * pair;
      const rings = Array.from({ length: QUEUES_OF_PAIR }, (_, index) => {
        return { layout: queues[first + index].layout, base, kick: index, call: QUEUES_OF_PAIR + index };
      });
      const regions = [{ addr: 0, sizeBytes: this.guestMemoryBytes }];
      setup.start({ accepted: features, regions, rings, backend: this.link.tapFd });
    });
  }

  private openControl(features: FeatureSet, pairs: number): void {
    const { guestMemory } = this.link;
    const queue = this.registers!.queues()[controlQueueIndex(pairs)];
    if (guestMemory === null || !queue?.enabled || !hasFeature(features, VIRTIO_NET_F_CTRL_VQ)) return;
    const memory = new GuestMemory(this.memory.buffer(guestMemory));
    const device = createDeviceQueue({ memory, layout: queue.layout, features, direction: DIRECTION_ANY });
    device.start(startBase(features));
    this.control = new NetControlDevice({
      memory,
      queue: device,
      queuePairsMax: pairs,
      setQueuePairs: (active) => this.activePairs.set(active),
      log: (line) => this.log(line),
    });
  }

  private serveControl(control: NetControlDevice): boolean {
    const fault = control.serve();
    if (control.shouldCall()) this.vcpu.ring();
    if (fault === null) return true;
    this.control = null;
    this.registers!.needsReset(fault);
    return true;
  }

  private stopVhost(): void {
    if (this.serving === 0) return;
    this.control = null;
    this.activePairs.set(1);
    this.tellVhost(this.serving, (setup) => setup.stop(QUEUES_OF_PAIR));
    this.serving = 0;
  }

  /** Turns notifications on and looks once more. */
  arm(): boolean {
    if (this.sequence !== null) return !this.setups[this.pair].answered;
    if (this.control !== null && !this.control.arm()) return false;
    return !this.trap.requested;
  }
}

/**
 * The VMM of one virtual machine: QEMU's main thread. It emulates the virtio-pci registers (each guest access is an
 * exit that waits for it), serves the control virtqueue and drives vhost through its ioctls in QEMU's order. Once the
 * guest's driver is up it has nothing to do with a frame.
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

  attach({ index, link }: JointOf<typeof VMM_PORTS>): void {
    while (this.nics.length <= index) this.nics.push(null);
    this.nics[index] = new VmmNic(this.memory, link, this.guestMemoryBytes, this.transcript);
  }

  detach({ index }: SocketOf<typeof VMM_PORTS>): void {
    this.nics[index] = null;
  }

  poll(_budget: number, _nowNs: number): number {
    let steps = 0;
    for (const nic of this.nics) if (nic !== null && nic.step()) steps++;
    return steps;
  }

  arm(): boolean {
    for (const nic of this.nics) if (nic !== null && !nic.arm()) return false;
    return true;
  }

  commit(): void {}

  census(_out: Census): void {}

  /** Every register access and ioctl so far, in words. */
  report(): readonly string[] {
    return this.transcript.lines();
  }
}

export const VMM = component({
  kind: 'vmm',
  place: 'vmm',
  thread: 'vmm',
  drawn: { label: 'VMM', colour: 'violet' },
  lanes: {},
  counters: [],
  ports: VMM_PORTS,
  measuredCost: { pollNs: 100, frameNs: 1000 },
  create: (memory, config: VmmConfig) => new Vmm(memory, config),
});
