/**
 * In Linux: net_rx_action, the NAPI polls of drivers, and process_backlog (net/core/dev.c).
 * In: receive rings of cards (../wire/nic/nic.ts) and backlogs of taps (stack-entry.ts). Out: the bridge (bridge.ts).
 * Thread: the softirq CPU's.
 */
import type { Memory } from '../../src/memory/arena.ts';
import { BacklogLength } from '../../src/kernel/backlog-length.ts';
import { BridgeInput } from '../../src/kernel/bridge-input.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { FramePool, FrameReturns, SLAB_SHIFT, SlotMemory } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer, IdRingProducer } from '../../src/memory/id-ring.ts';
import { InterruptHandler } from '../../src/kernel/interrupt-line.ts';
import { PendingQueue } from '../../src/memory/pending-queue.ts';
import { PortMask } from '../../src/kernel/port-mask.ts';
import type { Actor, Census } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import { SOFTIRQ_COUNTERS, SOFTIRQ_PORTS } from './softirq-links.ts';
import type {
  ContextUse,
  SoftirqBacklogLink,
  SoftirqConfig,
  SoftirqContexts,
  SoftirqNicLink,
} from './softirq-links.ts';

const {
  rx_packets: RX_PACKETS,
  rx_to_bridge: RX_TO_BRIDGE,
  rx_bridge_queue_full: RX_BRIDGE_FULL,
  rx_backlog_dropped: RX_BACKLOG_DROPPED,
  backlog_packets: BACKLOG_PACKETS,
  backlog_to_bridge: BACKLOG_TO_BRIDGE,
  tx_cleaned: TX_CLEANED,
  interrupts: INTERRUPTS,
  napi_polls: NAPI_POLLS,
  napi_completions: NAPI_COMPLETIONS,
  rx_no_buffer: RX_NO_BUFFER,
  masked_completions: MASKED_COMPLETIONS,
  time_squeeze: TIME_SQUEEZE,
  ksoftirqd_wakeups: KSOFTIRQD_WAKEUPS,
  ksoftirqd_guard_refusals: KSOFTIRQD_GUARD_REFUSALS,
  interrupt_visits: INTERRUPT_VISITS,
  bh_enable_visits: BH_ENABLE_VISITS,
  ksoftirqd_visits: KSOFTIRQD_VISITS,
} = indexCounters(SOFTIRQ_COUNTERS);

/** One receive queue of a NIC as its driver sees it: a NAPI instance. */
class NicInstance {
  readonly rxFree: IdRingProducer;
  readonly rxDone: IdRingConsumer;
  /** Transmit completions; none where another instance of the card cleans them. */
  readonly txDone: IdRingConsumer | null;
  readonly interrupt: InterruptHandler;
  readonly mask: PortMask;
  readonly out: BridgeInput;
  readonly rxRing: number;
  /** Descriptors that want a fresh buffer. */
  deficit: number;
  scheduled = false;

  constructor(memory: Memory, link: SoftirqNicLink) {
    this.rxFree = new IdRingProducer(memory, link.rxFree);
    this.rxDone = new IdRingConsumer(memory, link.rxDone);
    this.txDone = link.txDone === null ? null : new IdRingConsumer(memory, link.txDone);
    this.interrupt = new InterruptHandler(memory, link.interrupt);
    this.mask = new PortMask(memory, link.mask);
    this.out = new BridgeInput(memory, link);
    this.rxRing = link.rxRing;
    this.deficit = link.rxRing - this.rxFree.depth() - this.rxDone.depth();
  }
}

/** One source of the per-CPU backlog. */
class BacklogSource {
  /** By which it announces itself. */
  readonly number: number;
  readonly from: IdRingConsumer;
  readonly out: BridgeInput;

  constructor(memory: Memory, link: SoftirqBacklogLink) {
    this.number = link.from.announced!.number;
    this.from = new IdRingConsumer(memory, link.from);
    this.out = new BridgeInput(memory, link);
  }
}

/**
 * The softirq side of one host CPU: NIC drivers' NAPI polls and the backlog. One `poll` is one step of net_rx_action
 * (net/core/dev.c): the instance at the head of the poll list handles at most `weight` frames; if it used them all it
 * goes to the tail and its interrupt stays masked, else it completes and unmasks. Bridge and tap, polled next on the
 * same thread, take the frames on as the same call chain does in the kernel. How long a visit lasts, and in which
 * context, is the host's policy.
 */
export class Softirq implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly slots: SlotMemory;
  private readonly pool: FramePool;
  private readonly returns: FrameReturns;
  private readonly weight: number;
  private readonly costs: SoftirqConfig['costs'];
  private readonly nics: (NicInstance | null)[] = [];
  /** Ports at which there are NICs. */
  private readonly nicPorts: number[] = [];
  private readonly backlog: (BacklogSource | null)[] = [];
  /** The same by their numbers, and those in which frames wait. */
  private readonly sources: (BacklogSource | null)[] = [];
  private readonly backlogPending: PendingQueue;
  private readonly backlogLength: BacklogLength;
  private backlogScheduled = false;
  /** Keeps the prefetching loads from being left out. */
  private touched = 0;
  /** The poll list: NAPI instances by port, BACKLOG for the backlog's. FIFO. */
  private readonly pollList: number[] = [];

  /** NAPI instances on the poll list, after taking the interrupts that wait. */
  get scheduled(): number {
    this.takeInterrupts();
    return this.pollList.length;
  }

  constructor(memory: Memory, config: SoftirqConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.slots = new SlotMemory(memory, config.slots);
    this.pool = new FramePool(memory, this.slots, config.pool);
    this.returns = new FrameReturns(this.slots);
    this.backlogPending = new PendingQueue(memory, config.backlogPending);
    this.backlogLength = new BacklogLength(memory, config.backlogLength);
    this.weight = config.weight;
    this.costs = config.costs;
  }

  attach({ port, index, link }: JointOf<typeof SOFTIRQ_PORTS>): void {
    while (this.nics.length <= index) {
      this.nics.push(null);
      this.backlog.push(null);
    }
    if (port === 'source') return this.attachSource(index, new BacklogSource(this.memory, link));
    const nic = new NicInstance(this.memory, link);
    this.refill(nic);
    this.nics[index] = nic;
    this.nicPorts.push(index);
    nic.interrupt.unmask();
  }

  private attachSource(index: number, source: BacklogSource): void {
    this.backlog[index] = source;
    while (this.sources.length <= source.number) this.sources.push(null);
    this.sources[source.number] = source;
    if (source.from.readable(1) > 0) this.backlogPending.push(source.number);
  }

  detach({ index }: SocketOf<typeof SOFTIRQ_PORTS>): void {
    const source = this.backlog[index];
    if (source !== null) this.sources[source.number] = null;
    if (this.nics[index] !== null) this.nicPorts.splice(this.nicPorts.indexOf(index), 1);
    this.nics[index] = null;
    this.backlog[index] = null;
    const at = this.pollList.indexOf(index);
    if (at >= 0) this.pollList.splice(at, 1);
  }

  poll(budget: number, _nowNs: number): number {
    this.takeInterrupts();
    this.cleanMaskedRings();
    if (this.pollList.length === 0) return 0;
    const port = this.pollList.shift()!;
    const weight = Math.min(budget, this.weight);
    this.counters.values[NAPI_POLLS]++;
    const work = port === BACKLOG ? this.pollBacklog(weight) : this.pollNic(this.nics[port]!, weight);
    // A port that a tap has masked completes with work left: the loss moves into the hardware, where it costs nothing.
    if (work >= weight && (port === BACKLOG || !this.nics[port]!.mask.masked)) {
      this.pollList.push(port);
    } else {
      this.complete(port);
    }
    return work;
  }

  /** The hard interrupt handlers: each masks its device (the line does) and schedules its NAPI instance. */
  private takeInterrupts(): void {
    for (let i = 0; i < this.nicPorts.length; i++) {
      const port = this.nicPorts[i];
      const nic = this.nics[port]!;
      if (!nic.interrupt.take()) continue;
      this.counters.values[INTERRUPTS]++;
      this.debtNs += this.costs.irqNs;
      if (nic.scheduled) continue;
      nic.scheduled = true;
      this.pollList.push(port);
    }
    if (this.backlogScheduled || this.backlogPending.empty) return;
    this.backlogScheduled = true;
    this.pollList.push(BACKLOG);
  }

  /** napi_complete_done: off the poll list, interrupt unmasked. */
  private complete(port: number): void {
    this.counters.values[NAPI_COMPLETIONS]++;
    if (port === BACKLOG) {
      this.backlogScheduled = false;
      return;
    }
    const nic = this.nics[port]!;
    nic.scheduled = false;
    if (nic.mask.masked) this.counters.values[MASKED_COMPLETIONS]++;
    else nic.interrupt.unmask();
  }

  /** A NIC driver's poll: clean the transmit ring, receive up to `weight` frames, refill. */
  private pollNic(nic: NicInstance, weight: number): number {
    this.cleanTransmitRing(nic);
    if (nic.mask.masked) return 0;
    const counts = this.counters.values;
    const received = Math.min(weight, nic.rxDone.readable(weight));
    if (received > 0) {
      const out = nic.out.ring;
      const room = nic.out.room(received);
      for (let i = 0; i < room; i++) {
        const id = nic.rxDone.take();
        this.prefetch(id);
        out.put(id);
      }
      for (let i = room; i < received; i++) this.release(nic.rxDone.take());
      nic.rxDone.release();
      if (room > 0) nic.out.publish(room);
      nic.deficit += received;
      counts[RX_PACKETS] += received;
      counts[RX_TO_BRIDGE] += room;
      counts[nic.out.steered ? RX_BACKLOG_DROPPED : RX_BRIDGE_FULL] += received - room;
      this.debtNs += received * this.costs.nicRxNs;
      if (room < received) this.returns.flush();
    }
    this.refill(nic);
    if (nic.deficit < nic.rxRing) return received;
    // Not one descriptor has a buffer: the card cannot interrupt, so keep polling, as drivers do when refill fails.
    counts[RX_NO_BUFFER]++;
    return weight;
  }

  /**
   * Reads a word of a frame that the NIC's core wrote last, as drivers prefetch skb->data: the loads of a whole batch
   * are under way together, where the bridge's would follow one another, each a trip to the other core.
   */
  private prefetch(id: number): void {
    this.touched += this.slots.words[this.slots.wordOf(id)] & 1;
  }

  /** Gives every descriptor without a buffer a fresh one, as far as the pool reaches. */
  private refill(nic: NicInstance): void {
    const wanted = nic.deficit;
    if (wanted === 0) return;
    // Taking back first keeps the slots in use few, and in the cache.
    this.pool.reclaim();
    const n = Math.min(wanted, this.pool.available(wanted));
    const ring = nic.rxFree;
    for (let i = 0; i < n; i++) ring.put(this.pool.acquire());
    ring.publish();
    nic.deficit = wanted - n;
  }

  /** The mask is for reception: a masked port still sends, and nobody polls it to clean its transmit ring. */
  private cleanMaskedRings(): void {
    for (let i = 0; i < this.nicPorts.length; i++) {
      const nic = this.nics[this.nicPorts[i]]!;
      if (nic.mask.masked) this.cleanTransmitRing(nic);
    }
  }

  /** Frees the slots of frames the card has sent. */
  private cleanTransmitRing(nic: NicInstance): void {
    const { txDone } = nic;
    const sent = txDone === null ? 0 : txDone.readable(1);
    if (txDone === null || sent === 0) return;
    for (let i = 0; i < sent; i++) this.release(txDone.take());
    txDone.release();
    this.returns.flush();
    this.counters.values[TX_CLEANED] += sent;
  }

  private release(id: number): void {
    if (this.slots.poolOfSlab[id >> SLAB_SHIFT] === this.pool.ref.index) this.pool.release(id);
    else this.returns.free(id);
  }

  /** process_backlog: up to `weight` frames, the sources in turn. */
  private pollBacklog(weight: number): number {
    const pending = this.backlogPending;
    let work = 0;
    for (let turns = pending.collect(); turns > 0 && work < weight; turns--) {
      const source = this.sources[pending.shift()];
      if (source === null) continue;
      const wanted = weight - work;
      const ready = Math.min(wanted, source.from.readable(wanted));
      // A bridge on its own thread may be behind: then frames wait here, in the backlog, which has its own limit.
      const n = source.out.room(ready);
      if (n < ready || ready === wanted) pending.push(source.number);
      if (n === 0) continue;
      for (let i = 0; i < n; i++) source.out.ring.put(source.from.take());
      // Onward first: who waits for the way out of a VM that goes finds a frame in one ring or the other.
      source.out.publish(n);
      source.from.release();
      this.backlogLength.add(-n);
      work += n;
    }
    this.counters.values[BACKLOG_PACKETS] += work;
    this.counters.values[BACKLOG_TO_BRIDGE] += work;
    this.debtNs += work * this.costs.backlogNs;
    return work;
  }

  /** May sleep when no instance is scheduled and none is about to be. */
  arm(): boolean {
    return this.scheduled === 0;
  }

  /** Takes over what the host's policy has counted, beside softnet_stat's columns. */
  noteContexts({ timeSqueeze, handovers, refusals, use }: SoftirqContexts): void {
    const counts = this.counters.values;
    counts[TIME_SQUEEZE] = timeSqueeze;
    counts[KSOFTIRQD_WAKEUPS] = handovers;
    counts[KSOFTIRQD_GUARD_REFUSALS] = refusals;
    this.noteUse(INTERRUPT_VISITS, use.interrupt);
    this.noteUse(BH_ENABLE_VISITS, use['bh-enable']);
    this.noteUse(KSOFTIRQD_VISITS, use.ksoftirqd);
  }

  private noteUse(first: number, { visits, frames, ns }: ContextUse): void {
    const counts = this.counters.values;
    counts[first] = visits;
    counts[first + 1] = frames;
    counts[first + 2] = ns;
  }

  commit(): void {
    this.counters.commit();
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
  }
}

/** The backlog's place in the poll list. */
const BACKLOG = -1;

export const SOFTIRQ = component({
  kind: 'softirq',
  place: 'softirq',
  thread: 'softirq',
  drawn: { label: 'softirq, backlog', colour: 'yellow' },
  lanes: { rx: 2, backlog: 8 },
  counters: SOFTIRQ_COUNTERS,
  ports: SOFTIRQ_PORTS,
  measuredCost: { pollNs: 121, frameNs: 19 },
  create: (memory, config: SoftirqConfig) => new Softirq(memory, config),
});
