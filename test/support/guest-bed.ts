/** A guest's vCPUs, brought up through the VMM actor; the test is the vhost device behind each vNIC, byte for byte. */
import type { GuestVcpu } from '../../actors/guest/vcpu.ts';
import type { GuestVcpuConfig } from '../../actors/guest/vcpu-links.ts';
import { VMM_PORTS } from '../../actors/vmm/vmm.ts';
import type { Vmm } from '../../actors/vmm/vmm.ts';
import { jointsAt } from '../../src/runtime/plan.ts';
import { Doorbell, EventWord } from '../../src/memory/doorbell.ts';
import { depotEntries } from '../../src/memory/magazine.ts';
import { buildFrame } from '../../src/net/traffic/frame-template.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../src/virtio/net/net-header.ts';
import type { DeviceQueue } from '../../src/virtio/ring/ring-format.ts';
import { VhostBackend } from '../../src/virtio/vhost/vhost-backend.ts';
import { ActorBed, sorted } from './actor-bed.ts';

const RX = 0;
const TX = 1;

export class GuestBed {
  readonly bed: ActorBed;
  readonly vmm: Vmm;
  readonly vcpus: readonly GuestVcpu[];
  readonly guest: GuestMemory;
  readonly devices: readonly VhostBackend[];
  /** By vNIC: kick eventfds by vring. */
  readonly kicks: readonly (readonly EventWord[])[];
  /** The doorbell of each vCPU's thread. */
  readonly bells: readonly Doorbell[];
  private before: Record<string, number>[] = [];

  constructor(overrides: readonly string[] = [], config: Partial<GuestVcpuConfig> = {}) {
    this.bed = new ActorBed(overrides);
    const { bed } = this;
    this.vmm = bed.create<Vmm>('vm0/vmm');
    this.vcpus = [0, 1].map((i) => bed.create<GuestVcpu>(`vm0/vcpu${i}`, { ...config }));
    this.guest = new GuestMemory(bed.memory.buffer('guest:vm0'));
    const links = jointsAt(bed.planOf('vm0/vmm'), VMM_PORTS.nic).map(({ link }) => link);
    this.devices = links.map(({ vhosts }) => new VhostBackend(bed.memory, vhosts[0].mailbox, this.guest));
    this.kicks = links.map((_, v) =>
      bed.virtioLink('vm0/vcpu0', v).kicks.map((region) => new EventWord(bed.memory, region)),
    );
    this.bells = [0, 1].map((i) => {
      const thread = bed.plan.threads.find(({ name }) => name === `vm0/vcpu${i}`)!;
      return new Doorbell(bed.memory, thread.doorbell);
    });
  }

  /** Everybody takes a turn until both vNICs are up on both vCPUs. */
  bringUp(): this {
    for (let turn = 0; turn < 5000; turn++) {
      this.vmm.poll(64, 0);
      for (const device of this.devices) device.serveIoctl();
      for (const vcpu of this.vcpus) vcpu.poll(64, 0);
      if (this.isUp) return this.begin();
    }
    throw new Error('the vNICs never came up');
  }

  /** Takes the gratuitous ARPs away that vNICs begin with; what is counted from now on is the test's. */
  private begin(): this {
    for (const vnic of [0, 1]) {
      this.collect(vnic);
      this.queue(vnic, TX).enableNotify();
    }
    this.before = this.vcpus.map((vcpu) => this.bed.counts(vcpu));
    return this;
  }

  /** What a vCPU has counted since its vNICs came up; zeros left out. */
  counts(vcpu: number): Record<string, number> {
    const now = Object.entries(this.bed.counts(this.vcpus[vcpu]));
    const since = now.map(([name, n]) => [name, n - (this.before[vcpu][name] ?? 0)] as const);
    return Object.fromEntries(since.filter(([, n]) => n !== 0));
  }

  private get isUp(): boolean {
    const served = this.devices.every((device) => device.queue(RX) !== null && device.queue(TX) !== null);
    return served && [0, 1].every((v) => this.bed.word(this.bed.virtioLink('vm0/vcpu0', v).nic.published)[0] === 1);
  }

  queue(vnic: number, index: number): DeviceQueue {
    return this.devices[vnic].queue(index)!;
  }

  /** A frame that the router forwards from `vnic` out of the other one. */
  frame(vnic: number, seq = 0, ttl = 64): Uint8Array {
    const { spec } = this.bed.planOf(`generator-eth${vnic}`);
    if (spec.kind !== 'generator' || spec.config.sources[0].kind !== 'generated')
      throw new Error('generated traffic only');
    return buildFrame({ ...spec.config.sources[0].flows, ttl }, 64, seq, 0);
  }

  /** The device receives frames for the guest; how many found a buffer. */
  deliver(vnic: number, frames: readonly Uint8Array[]): number {
    const queue = this.queue(vnic, RX);
    let delivered = 0;
    for (const frame of frames) {
      if (queue.availCount() <= 0) break;
      const head = queue.pop();
      const addr = queue.chainAddr[0];
      writeNetHeader(this.guest, addr);
      this.guest.u8.set(frame, addr + NET_HEADER_BYTES);
      queue.pushUsed(head, frame.length + NET_HEADER_BYTES);
      delivered++;
    }
    queue.publishUsed();
    if (queue.shouldCall()) this.bells[vnic].unpark();
    return delivered;
  }

  /** The device takes up to `most` frames the guest transmitted, with their headers; whether it then calls. */
  collect(vnic: number, most = 1e9): { frames: Uint8Array[]; call: boolean } {
    const queue = this.queue(vnic, TX);
    const frames: Uint8Array[] = [];
    for (let n = Math.min(most, queue.availCount()); n > 0; n--) {
      const head = queue.pop();
      frames.push(this.guest.u8.slice(queue.chainAddr[0], queue.chainAddr[0] + queue.readableBytes));
      queue.pushUsed(head, 0);
    }
    queue.publishUsed();
    return { frames, call: queue.shouldCall() };
  }

  /** Every guest buffer is in exactly one place. */
  get buffers(): number[] {
    const [{ depot }] = this.bed.plan.guests;
    return sorted([
      ...depotEntries(this.bed.memory, depot),
      ...this.vcpus.flatMap((vcpu) => this.bed.census(vcpu).guestBuffers),
    ]);
  }

  get allBuffers(): number[] {
    return sorted(this.bed.plan.guests[0].addresses);
  }
}
