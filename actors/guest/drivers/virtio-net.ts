/**
 * In Linux: drivers/net/virtio_net.c, in the guest.
 * In: the receive virtqueue (../../host/vhost-worker.ts). Out: the transmit virtqueue, taken by the same backend.
 * Thread: the vCPU's.
 */
import type { Memory, Region } from '../../../src/memory/arena.ts';
import { EventWord, Ringer, ringAll, ringersOf } from '../../../src/memory/doorbell.ts';
import type { Magazine } from '../../../src/memory/magazine.ts';
import type { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import type { GuestNicRef, GuestNicShare } from '../../../src/virtio/guest/guest-nic.ts';
import { GuestNic } from '../../../src/virtio/guest/guest-nic.ts';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import type { Census } from '../../actor.ts';
import { DriverAccounts } from './nic-driver.ts';
import type { NicDriver, NicIdentity } from './nic-driver.ts';

const RX = 0;
const TX = 1;

/** A virtio-net device, whatever backend serves it. */
export interface VirtioNicLink extends NicIdentity {
  readonly kind: 'virtio';
  readonly nic: GuestNicRef;
  readonly share: GuestNicShare;
  /** Kick eventfds of its queue pair: receive, transmit. */
  readonly kicks: readonly Region[];
  /** Of the thread that a kick wakes. */
  readonly backendDoorbell: Region;
  /** CPU time of the exit that a kick is, ns. */
  readonly exitNs: number;
  readonly pci: Region;
  readonly vmmDoorbell: Region;
  /** For the owner: the vCPUs that serve the other pairs, to be told when the vNIC is up. */
  readonly peers: readonly Region[];
}

/** The virtio-net driver of one vNIC on one vCPU (drivers/net/virtio_net.c, v3.13). */
export class VirtioNetDriver implements NicDriver {
  readonly accounts = new DriverAccounts();
  readonly exitNs: number;
  /** Only the probe's register accesses trap, and nothing else waits for them. */
  readonly trapped = false;
  readonly answered = false;
  frameBytes = 0;
  private readonly nic: GuestNic;
  private readonly kicks: readonly EventWord[];
  private readonly backend: Ringer;
  private readonly vmm: Ringer;
  private readonly peers: readonly Ringer[];

  constructor(memory: Memory, guest: GuestMemory, buffers: Magazine, link: VirtioNicLink) {
    this.exitNs = link.exitNs;
    const pci = link.owner ? memory.words(link.pci) : null;
    this.nic = new GuestNic(memory, guest, buffers, link.nic, link.share, pci);
    this.kicks = link.kicks.map((region) => new EventWord(memory, region));
    this.backend = new Ringer(memory, link.backendDoorbell);
    this.vmm = new Ringer(memory, link.vmmDoorbell);
    this.peers = ringersOf(memory, link.peers);
  }

  get up(): boolean {
    return this.nic.up;
  }

  bringUp(): void {
    if (this.nic.step()) ringAll(this.peers);
    else if (this.nic.trapped) this.vmm.ring();
  }

  quiet(): boolean {
    return this.nic.quiet();
  }

  resume(): boolean {
    return true;
  }

  /** virtnet_poll: no callbacks while frames are being taken. */
  receive(budget: number): number {
    const { rx } = this.nic;
    if (rx === null) return 0;
    const used = Math.min(budget, rx.queue.usedAvailable());
    if (used > 0) rx.queue.disableCallback();
    return used;
  }

  take(): number {
    const rx = this.nic.rx!;
    const addr = rx.take();
    this.frameBytes = rx.takenBytes - NET_HEADER_BYTES;
    return addr;
  }

  refill(): void {
    const { rx } = this.nic;
    if (rx === null || !rx.refill()) return;
    this.accounts.rxKicks++;
    this.kick(RX);
  }

  get starved(): boolean {
    const { rx } = this.nic;
    return rx !== null && rx.starved;
  }

  enqueue(addr: number, bytes: number): boolean {
    return this.nic.tx.enqueue(addr, bytes);
  }

  get backlog(): number {
    return this.nic.tx.backlog;
  }

  /** start_xmit for what waits, then one kick if the device wants it. */
  transmit(): void {
    const { tx } = this.nic;
    const { accounts } = this;
    if (tx.flush()) {
      accounts.txKicks++;
      this.kick(TX);
    }
    accounts.sent += tx.sent;
    accounts.contended += tx.contended;
    tx.sent = 0;
    tx.contended = 0;
  }

  /** A doorbell write: it leaves the guest, and the ioeventfd or the VMM wakes the backend. */
  private kick(queue: number): void {
    this.accounts.exits++;
    this.kicks[queue].signal();
    this.backend.ring();
  }

  armReceive(): boolean {
    const { rx } = this.nic;
    return rx === null || rx.queue.enableCallback();
  }

  armTransmit(): boolean {
    return this.nic.tx.arm();
  }

  census(out: Census): void {
    const { nic } = this;
    if (!nic.up) return;
    const waiting = nic.tx.waitingBuffers();
    out.frames += waiting.length;
    for (const addr of waiting) out.guestBuffers.push(addr);
    if (nic.rx !== null) out.frames += nic.rx.framesWaiting();
    for (const addr of nic.ringBuffers()) out.guestBuffers.push(addr);
  }
}
