/**
 * In Linux: a CPU of the guest, its NIC driver's NAPI poll, its network function, its transmission.
 * In: receive virtqueues or rings (drivers). Out: transmit ones, taken by ../host/vhost-worker.ts or a device of
 * ../vmm.
 * Thread: the vCPU's own.
 */
import type { Memory } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Magazine } from '../../src/memory/magazine.ts';
import { TimerWord } from '../../src/kernel/timer-word.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { dropPriorityTag } from '../../src/net/wire/vlan.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../src/virtio/net/net-header.ts';
import { ARP_FRAME_BYTES, writeAnnouncement } from '../../src/net/wire/arp.ts';
import type { Actor, Census } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import { VCPU_COUNTERS, VCPU_PORTS } from './vcpu-links.ts';
import type { GuestVcpuConfig } from './vcpu-links.ts';
import { functionFrameNs } from './network-functions/functions.ts';
import { E1000Driver } from './drivers/e1000.ts';
import type { NicDriver, NicIdentity } from './drivers/nic-driver.ts';
import { VirtioNetDriver } from './drivers/virtio-net.ts';
import type { FunctionContext, FunctionTimers, NetworkFunction } from './network-functions/network-function.ts';
import { CONSUMED } from './network-functions/network-function.ts';
import { OwnFrames } from './network-functions/own-frames.ts';

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
  register_exits: REGISTER_EXITS,
  interrupts: INTERRUPTS,
  nf_errors: NF_ERRORS,
  nf_consumed: NF_CONSUMED,
  nf_frames: NF_FRAMES,
  removed: REMOVED,
} = indexCounters(VCPU_COUNTERS);
const NF_FIRST = VCPU_COUNTERS.length;

/** Well within the bridges' ageing time of 300 s: about the pace at which neighbours confirm each other. */
const ANNOUNCE_PERIOD_NS = 60e9;

/** Buffers a vCPU keeps to itself before it shares them: a guest has as many more as it has vCPUs. */
export const MAGAZINE_BUFFERS = 512;
/** Frames per receive poll: NAPI_POLL_WEIGHT in virtnet_probe's netif_napi_add. */
const NAPI_WEIGHT = 64;

/** A vNIC of the guest as one vCPU sees it. */
class VcpuNic {
  readonly driver: NicDriver;
  readonly macHigh: number;
  readonly macLow: number;
  readonly address: number;
  /** When it is announced next; only its owner does. */
  announceNs: number;

  constructor(driver: NicDriver, { owner, macHigh, macLow, address }: NicIdentity) {
    this.driver = driver;
    this.macHigh = macHigh;
    this.macLow = macLow;
    this.address = address;
    this.announceNs = owner ? 0 : Infinity;
  }
}

/**
 * One vCPU of a guest: the NIC driver's receive poll, the network function on every frame, and transmission out
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
  private readonly frameBytesMax: number;
  private readonly nf: NetworkFunction;
  /** What the function counts besides drops, and where in the counters that begins. */
  private readonly nfCounts: Float64Array;
  private readonly nfFirstEvent: number;
  /** The function's, and the word that has this vCPU woken for them; null for a function that keeps no time. */
  private readonly timers: FunctionTimers | null;
  private readonly timer: TimerWord;
  private readonly nics: (VcpuNic | null)[] = [];
  /** Whose register access is with the VMM: until it is answered this vCPU does nothing at all. */
  private stalled: NicDriver | null = null;
  /** Halted since the last poll that found nothing: the next work begins with an exit and an interrupt. */
  private halted = false;

  constructor(memory: Memory, config: GuestVcpuConfig, createFunction: (context: FunctionContext) => NetworkFunction) {
    this.memory = memory;
    this.name = config.name;
    this.guest = new GuestMemory(memory.buffer(config.guestMemory));
    this.counters = new CounterPage(memory, config.counters);
    this.buffers = new Magazine(memory, config.depot, MAGAZINE_BUFFERS);
    this.costs = config.costs;
    this.frameBytesMax = config.frameBytesMax;
    this.timer = new TimerWord(memory, config.timer);
    const transmit = (port: number, addr: number, lengthBytes: number): void => {
      this.counters.values[NF_FRAMES]++;
      this.send(port, addr, lengthBytes);
    };
    this.nf = createFunction(new OwnFrames(this.guest, this.buffers, this.frameBytesMax, transmit));
    this.nfCounts = this.nf.counts ?? new Float64Array(0);
    this.nfFirstEvent = NF_FIRST + this.nf.drops.length;
    this.timers = this.nf.timers ?? null;
  }

  attach({ index, link }: JointOf<typeof VCPU_PORTS>): void {
    while (this.nics.length <= index) this.nics.push(null);
    const { memory, guest, buffers } = this;
    const driver =
      link.kind === 'virtio'
        ? new VirtioNetDriver(memory, guest, buffers, link)
        : new E1000Driver(memory, guest, buffers, link);
    this.nics[index] = new VcpuNic(driver, link);
  }

  detach({ index }: SocketOf<typeof VCPU_PORTS>): void {
    if (this.stalled === this.nics[index]?.driver) this.stalled = null;
    this.nics[index] = null;
  }

  poll(budget: number, nowNs: number): number {
    let moved = 0;
    if (this.stalled !== null) {
      // What the access was made for goes on first: frames that are on their way out before others are taken in.
      if (!this.goOn(this.stalled) || !this.sendAll(nowNs)) return 0;
      moved = 1;
    }
    const nics = this.nics;
    // All vNICs first: a frame received below may have to leave by one that another vCPU has just brought up.
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port !== null && !port.driver.up && !this.bringUp(port.driver)) return moved;
    }
    const expired = this.timers !== null && nowNs >= this.timers.nextDeadlineNs;
    if (expired) {
      this.timers.expire(nowNs);
      this.wakeUp();
    }
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port === null || !port.driver.up) continue;
      moved += this.receive(port.driver, v, Math.min(budget, NAPI_WEIGHT), nowNs);
      if (!this.settle(port.driver)) return moved;
    }
    this.sendAll(nowNs);
    return moved;
  }

  /** The VMM has answered, and the driver makes no other access at once. */
  private goOn(driver: NicDriver): boolean {
    if (!driver.resume()) {
      this.settle(driver);
      return false;
    }
    this.stalled = null;
    return true;
  }

  /** @returns whether the vCPU still runs, as for all that may make a register access. */
  private bringUp(driver: NicDriver): boolean {
    driver.bringUp();
    if (!driver.up) return true;
    driver.refill();
    return this.settle(driver);
  }

  /** Announcements that are due and frames that wait, out of every vNIC. */
  private sendAll(nowNs: number): boolean {
    const nics = this.nics;
    for (let v = 0; v < nics.length; v++) {
      const port = nics[v];
      if (port === null || !port.driver.up) continue;
      if (nowNs >= port.announceNs) this.announce(port, nowNs);
      if (port.driver.backlog === 0) continue;
      port.driver.transmit();
      if (!this.settle(port.driver)) return false;
    }
    return true;
  }

  /** Takes over what a driver did. @returns whether the vCPU still runs: false while the driver waits for the VMM. */
  private settle(driver: NicDriver): boolean {
    const { accounts } = driver;
    const counts = this.counters.values;
    if (accounts.exits > 0 || accounts.sent > 0 || accounts.contended > 0) {
      counts[TX_PACKETS] += accounts.sent;
      counts[TX_LOCK_CONTENDED] += accounts.contended;
      counts[RX_KICKS] += accounts.rxKicks;
      counts[TX_KICKS] += accounts.txKicks;
      counts[REGISTER_EXITS] += accounts.exits;
      counts[INTERRUPTS] += accounts.interrupts;
      this.debtNs +=
        accounts.sent * this.costs.guestTxNs + accounts.exits * driver.exitNs + accounts.interrupts * this.costs.irqNs;
      if (accounts.interrupts > 0) this.halted = false;
      accounts.sent = 0;
      accounts.contended = 0;
      accounts.rxKicks = 0;
      accounts.txKicks = 0;
      accounts.exits = 0;
      accounts.interrupts = 0;
    }
    if (!driver.trapped) return true;
    this.stalled = driver;
    return false;
  }

  /** Gratuitous ARP: bridges on the way learn where this address is, before anybody sends to it and again and again. */
  private announce(port: VcpuNic, nowNs: number): void {
    port.announceNs = nowNs + ANNOUNCE_PERIOD_NS;
    if (this.buffers.available(1) === 0) return;
    const addr = this.buffers.take();
    const at = addr + NET_HEADER_BYTES;
    writeNetHeader(this.guest, addr);
    writeAnnouncement(this.guest.u8, at, port.macHigh, port.macLow, port.address);
    if (!port.driver.enqueue(addr, ARP_FRAME_BYTES)) return this.buffers.put(addr);
    this.counters.values[ANNOUNCEMENTS]++;
  }

  /** One receive poll: each frame through the network function to a transmit queue. */
  private receive(driver: NicDriver, ingress: number, budget: number, nowNs: number): number {
    const ready = driver.receive(budget);
    if (ready === 0) return 0;
    const counts = this.counters.values;
    let bytes = 0;
    let n = 0;
    for (; n < ready; n++) {
      const addr = driver.take();
      if (addr < 0) break;
      const length = driver.frameBytes;
      // Shorter than an Ethernet header (receive_buf, drivers/net/virtio_net.c), or longer than a buffer.
      if (length < ETH_HEADER_BYTES || length > this.frameBytesMax) {
        counts[RX_LENGTH_ERRORS]++;
        this.buffers.put(addr);
        continue;
      }
      bytes += length;
      // vlan_do_receive: a tag of VID 0 gives a priority, and the frame is in no VLAN.
      const untagged = dropPriorityTag(this.guest.u8, addr + NET_HEADER_BYTES, length);
      const verdict = this.nf.process(this.guest.u8, addr + NET_HEADER_BYTES, untagged, ingress, nowNs);
      if (verdict >= 0) this.send(verdict, addr, untagged);
      else this.drop(addr, verdict === CONSUMED ? NF_CONSUMED : NF_FIRST - 1 - verdict);
    }
    counts[RX_PACKETS] += n;
    counts[RX_BYTES] += bytes;
    this.debtNs += n * (this.costs.guestRxNs + this.costs.functionNs);
    if (n > 0) this.wakeUp();
    driver.refill();
    return n;
  }

  /** Work after a halt begins with an interrupt. */
  private wakeUp(): void {
    if (!this.halted) return;
    this.halted = false;
    this.debtNs += this.costs.irqNs;
  }

  private send(egress: number, addr: number, length: number): void {
    const port = egress < this.nics.length ? this.nics[egress] : null;
    if (port === null || !port.driver.up) this.drop(addr, NF_ERRORS);
    else if (!port.driver.enqueue(addr, length)) this.drop(addr, TX_QDISC_DROPPED);
  }

  /** A frame ends here; `counter` says why. */
  private drop(addr: number, counter: number): void {
    this.counters.values[counter]++;
    this.buffers.put(addr);
  }

  /** Turns callbacks on and looks again. Transmit completions matter only to those who wait for what they free. */
  arm(): boolean {
    if (this.stalled !== null) return !this.stalled.answered;
    const nics = this.nics;
    let starved = false;
    let quiet = true;
    for (let v = 0; v < nics.length; v++) {
      const driver = nics[v]?.driver;
      if (driver === undefined) continue;
      if (!driver.up) {
        quiet = driver.quiet() && quiet;
        continue;
      }
      driver.refill();
      if (!this.settle(driver)) return false;
      if (driver.starved) starved = true;
      if (!driver.armReceive()) quiet = false;
    }
    for (let v = 0; v < nics.length; v++) {
      const driver = nics[v]?.driver;
      if (driver === undefined || !driver.up) continue;
      if ((starved || driver.backlog > 0) && !driver.armTransmit()) quiet = false;
    }
    if (this.timers !== null) this.timer.arm(this.timers.nextDeadlineNs);
    if (quiet && !this.halted) {
      this.halted = true;
      this.debtNs += this.costs.hltNs;
    }
    return quiet;
  }

  commit(): void {
    const { nfCounts, nfFirstEvent } = this;
    for (let i = 0; i < nfCounts.length; i++) this.counters.values[nfFirstEvent + i] = nfCounts[i];
    this.counters.commit();
  }

  report(): readonly string[] {
    return this.nf.report?.() ?? [];
  }

  /** The guest's memory goes, and the frames in it. */
  retire(): void {
    const inside: Census = { slots: [], frames: 0, guestBuffers: [] };
    this.census(inside);
    this.counters.values[REMOVED] += inside.frames;
  }

  census(out: Census): void {
    for (const addr of this.buffers.entries()) out.guestBuffers.push(addr);
    for (const port of this.nics) port?.driver.census(out);
  }
}

export const VCPU = component({
  kind: 'vcpu',
  place: 'guest',
  thread: 'vcpu',
  drawn: { label: 'guest', colour: 'purple' },
  lanes: { rx: 6 },
  counters: VCPU_COUNTERS,
  ports: VCPU_PORTS,
  measuredCost: { pollNs: 106, frameNs: 105 },
  moreFrameNs: ({ nf }: GuestVcpuConfig) => functionFrameNs(nf),
  create: (memory, config: GuestVcpuConfig, createFunction) =>
    new GuestVcpu(memory, config, (context) => createFunction(memory, config.nf, context)),
});
