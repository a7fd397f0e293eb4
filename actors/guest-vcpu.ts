import type { Memory, Region } from '../src/memory/arena.ts';
import { CounterPage } from '../src/memory/counter-page.ts';
import { EventWord, Ringer } from '../src/memory/doorbell.ts';
import { Magazine } from '../src/memory/magazine.ts';
import { ETH_HEADER_BYTES } from '../src/net/ethernet.ts';
import { GuestMemory } from '../src/virtio/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../src/virtio/net-header.ts';
import type { GuestNicRef } from '../src/virtio/guest-nic.ts';
import { GuestNic } from '../src/virtio/guest-nic.ts';
import { RX_BUFFER_BYTES } from '../src/virtio/net-queues.ts';
import { ARP_FRAME_BYTES, writeAnnouncement } from '../src/net/arp.ts';
import type { Actor, Census, CounterSpec } from './actor.ts';
import { indexCounters } from './actor.ts';
import type { NetworkFunction } from './network-functions/network-function.ts';

const DRIVER_COUNTERS = [
  { name: 'rx_packets', role: 'in' },
  { name: 'rx_bytes', role: 'event' },
  { name: 'tx_packets', role: 'out' },
  { name: 'tx_qdisc_dropped', role: 'drop', reason: 'guest transmit queue discipline full' },
  { name: 'rx_length_errors', role: 'drop', reason: 'device returned an impossible length' },
  { name: 'announcements', role: 'clone' },
  { name: 'rx_kicks', role: 'event' },
  { name: 'tx_kicks', role: 'event' },
  { name: 'tx_lock_contended', role: 'event' },
  { name: 'nf_errors', role: 'drop', reason: 'network function answered with a port that is not there' },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_bytes: RX_BYTES,
  tx_packets: TX_PACKETS,
  tx_qdisc_dropped: TX_QDISC_DROPPED,
  rx_length_errors: RX_LENGTH_ERRORS,
  announcements: ANNOUNCEMENTS,
  rx_kicks: RX_KICKS,
  tx_kicks: TX_KICKS,
  tx_lock_contended: TX_LOCK_CONTENDED,
  nf_errors: NF_ERRORS,
} = indexCounters(DRIVER_COUNTERS);
const NF_FIRST = DRIVER_COUNTERS.length;

/** The driver's counters, then one for each reason the network function drops for. */
export function vcpuCounters(drops: NetworkFunction['drops']): readonly CounterSpec[] {
  return [...DRIVER_COUNTERS, ...drops.map((drop) => ({ ...drop, role: 'drop' as const }))];
}

export interface GuestVcpuConfig {
  readonly name: string;
  readonly counters: Region;
  readonly guestMemory: string;
  /** The guest's free buffers, shared by its vCPUs. */
  readonly depot: Region;
  readonly costs: {
    readonly guestRxNs: number;
    readonly guestForwardNs: number;
    readonly guestTxNs: number;
    readonly kickExitNs: number;
    readonly irqNs: number;
    readonly hltNs: number;
  };
}

/** A vNIC as this vCPU reaches it. `owner`: this vCPU probes it and takes its receive interrupts. */
export interface GuestVcpuNicLink {
  readonly nic: GuestNicRef;
  readonly owner: boolean;
  readonly macHigh: number;
  readonly macLow: number;
  /** Its IPv4 address. */
  readonly address: number;
  readonly kicks: readonly Region[];
  readonly vhostDoorbell: Region;
  readonly pci: Region;
  readonly vmmDoorbell: Region;
}

/** Well within the bridges' ageing time of 300 s: about the pace at which neighbours confirm each other. */
const ANNOUNCE_PERIOD_NS = 60e9;

const RX = 0;
const TX = 1;
/** Buffers a vCPU keeps to itself before it shares them. */
const MAGAZINE_BUFFERS = 512;
/** Frames per receive poll: NAPI_POLL_WEIGHT in virtnet_probe's netif_napi_add. */
const NAPI_WEIGHT = 64;

class VcpuNic {
  readonly nic: GuestNic;
  readonly macHigh: number;
  readonly macLow: number;
  readonly address: number;
  /** When it is announced next; only its owner does. */
  announceNs: number;
  readonly kicks: readonly EventWord[];
  readonly vhost: Ringer;
  readonly vmm: Ringer;

  constructor(memory: Memory, guest: GuestMemory, buffers: Magazine, link: GuestVcpuNicLink) {
    this.macHigh = link.macHigh;
    this.macLow = link.macLow;
    this.address = link.address;
    this.announceNs = link.owner ? 0 : Infinity;
    this.nic = new GuestNic(memory, guest, buffers, link.nic, link.owner ? memory.words(link.pci) : null);
    this.kicks = link.kicks.map((region) => new EventWord(memory, region));
    this.vhost = new Ringer(memory, link.vhostDoorbell);
    this.vmm = new Ringer(memory, link.vmmDoorbell);
  }
}

/**
 * One vCPU of a guest: the virtio-net driver's receive poll, the network function on every frame, and transmission out
 * of the vNIC the function chose. The frame stays in the buffer it was received into; only its descriptor moves.
 */
export class GuestVcpu implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly guest: GuestMemory;
  private readonly counters: CounterPage;
  private readonly buffers: Magazine;
  private readonly costs: GuestVcpuConfig['costs'];
  private readonly nf: NetworkFunction;
  private readonly nics: (VcpuNic | null)[] = [];
  /** Halted since the last poll that found nothing: the next work begins with an exit and an interrupt. */
  private halted = false;

  constructor(memory: Memory, config: GuestVcpuConfig, nf: NetworkFunction) {
    this.memory = memory;
    this.name = config.name;
    this.guest = new GuestMemory(memory.buffer(config.guestMemory));
    this.counters = new CounterPage(memory, config.counters);
    this.buffers = new Magazine(memory, config.depot, MAGAZINE_BUFFERS);
    this.costs = config.costs;
    this.nf = nf;
  }

  attach(port: number, link: GuestVcpuNicLink): void {
    while (this.nics.length <= port) this.nics.push(null);
    this.nics[port] = new VcpuNic(this.memory, this.guest, this.buffers, link);
  }

  detach(port: number): void {
    this.nics[port] = null;
  }

  poll(budget: number, nowNs: number): number {
    const nics = this.nics;
    let received = 0;
    // All vNICs first: a frame received below may have to leave by one that another vCPU has just brought up.
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port !== null && !port.nic.up) this.bringUp(port);
    }
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port !== null && port.nic.up) received += this.receive(port, v, Math.min(budget, NAPI_WEIGHT), nowNs);
    }
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port === null || !port.nic.up) continue;
      if (nowNs >= port.announceNs) this.announce(port, nowNs);
      if (port.nic.tx.backlog > 0) this.transmit(port);
    }
    if (received > 0 && this.halted) {
      this.halted = false;
      this.debtNs += this.costs.irqNs;
    }
    return received;
  }

  /** One step of the driver's probe: a register access that traps to the VMM, or news from the vCPU that probes. */
  private bringUp(port: VcpuNic): void {
    if (!port.nic.step()) {
      if (port.nic.trapped) port.vmm.ring();
      return;
    }
    this.refill(port);
  }

  /** Gratuitous ARP: bridges on the way learn where this address is, before anybody sends to it and again and again. */
  private announce(port: VcpuNic, nowNs: number): void {
    port.announceNs = nowNs + ANNOUNCE_PERIOD_NS;
    if (this.buffers.available(1) === 0) return;
    const addr = this.buffers.take();
    const at = addr + NET_HEADER_BYTES;
    writeNetHeader(this.guest, addr);
    writeAnnouncement(this.guest.u8, at, port.macHigh, port.macLow, port.address);
    if (!port.nic.tx.enqueue(addr, ARP_FRAME_BYTES)) return this.buffers.put(addr);
    this.counters.values[ANNOUNCEMENTS]++;
  }

  /** virtnet_poll: used receive buffers, each through the network function to a transmit queue. */
  private receive(port: VcpuNic, ingress: number, budget: number, nowNs: number): number {
    const rx = port.nic.rx;
    if (rx === null) return 0;
    const queue = rx.queue;
    const used = Math.min(budget, queue.usedAvailable());
    if (used === 0) return 0;
    queue.disableCallback();
    const counts = this.counters.values;
    let bytes = 0;
    let n = 0;
    for (; n < used; n++) {
      const addr = queue.takeUsed();
      if (addr < 0) break;
      const length = queue.usedLen - NET_HEADER_BYTES;
      // Shorter than an Ethernet header (receive_buf, drivers/net/virtio_net.c), or longer than the buffer given.
      if (length < ETH_HEADER_BYTES || length > RX_BUFFER_BYTES - NET_HEADER_BYTES) {
        counts[RX_LENGTH_ERRORS]++;
        this.buffers.put(addr);
        continue;
      }
      bytes += length;
      const verdict = this.nf.process(this.guest.u8, addr + NET_HEADER_BYTES, length, ingress, nowNs);
      if (verdict >= 0) this.send(verdict, addr, length);
      else this.drop(addr, NF_FIRST - 1 - verdict);
    }
    counts[RX_PACKETS] += n;
    counts[RX_BYTES] += bytes;
    this.debtNs += n * (this.costs.guestRxNs + this.costs.guestForwardNs);
    this.refill(port);
    return n;
  }

  private send(egress: number, addr: number, length: number): void {
    const port = egress < this.nics.length ? this.nics[egress] : null;
    if (port === null || !port.nic.up) this.drop(addr, NF_ERRORS);
    else if (!port.nic.tx.enqueue(addr, length)) this.drop(addr, TX_QDISC_DROPPED);
  }

  private drop(addr: number, reason: number): void {
    this.counters.values[reason]++;
    this.buffers.put(addr);
  }

  private refill(port: VcpuNic): void {
    const rx = port.nic.rx;
    if (rx !== null && rx.refill()) this.kick(port, RX, RX_KICKS);
  }

  /** start_xmit for what waits, then one kick if the device wants it. */
  private transmit(port: VcpuNic): void {
    const tx = port.nic.tx;
    const kick = tx.flush();
    const counts = this.counters.values;
    counts[TX_PACKETS] += tx.sent;
    this.debtNs += tx.sent * this.costs.guestTxNs;
    counts[TX_LOCK_CONTENDED] += tx.contended;
    tx.sent = 0;
    tx.contended = 0;
    if (kick) this.kick(port, TX, TX_KICKS);
  }

  /** A doorbell write: it leaves the guest, and the ioeventfd wakes vhost. */
  private kick(port: VcpuNic, queue: number, counter: number): void {
    this.counters.values[counter]++;
    this.debtNs += this.costs.kickExitNs;
    port.kicks[queue].signal();
    port.vhost.ring();
  }

  /** Turns callbacks on and looks again. Transmit completions matter only to those who wait for what they free. */
  arm(): boolean {
    const nics = this.nics;
    let starved = false;
    let quiet = true;
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port === null) continue;
      if (!port.nic.up) {
        quiet = port.nic.quiet() && quiet;
        continue;
      }
      if (port.nic.rx === null) continue;
      this.refill(port);
      if (port.nic.rx.starved) starved = true;
      if (!port.nic.rx.queue.enableCallback()) quiet = false;
    }
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port === null || !port.nic.up) continue;
      if ((starved || port.nic.tx.backlog > 0) && !port.nic.tx.arm()) quiet = false;
    }
    if (quiet && !this.halted) {
      this.halted = true;
      this.debtNs += this.costs.hltNs;
    }
    return quiet;
  }

  commit(): void {
    this.counters.commit();
  }

  census(out: Census): void {
    for (const addr of this.buffers.entries()) out.guestBuffers.push(addr);
    for (const port of this.nics) {
      if (port === null || !port.nic.up) continue;
      const waiting = port.nic.tx.waitingBuffers();
      out.frames += waiting.length;
      for (const addr of waiting) out.guestBuffers.push(addr);
      if (port.nic.rx !== null) out.frames += port.nic.rx.queue.usedAvailable();
      for (const addr of port.nic.ringBuffers()) out.guestBuffers.push(addr);
    }
  }
}
