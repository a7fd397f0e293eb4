/**
 * In Linux: the transmit side of a tap, tun_net_xmit (drivers/net/tun.c).
 * In: frames from the bridge (bridge.ts). Out: a queue for its reader (vhost-worker.ts, ../vmm/tap-file.ts).
 * Thread: that of the bridge's softirq CPU, or one of its own.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { EventWord, Ringer } from '../../src/memory/doorbell.ts';
import type { SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import { FrameReturns, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import type { MaskedPortRef } from '../../src/kernel/port-mask.ts';
import { TapFeedback } from '../../src/kernel/port-mask.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer } from '../../src/memory/id-ring.ts';
import { flowHash } from '../../src/net/wire/flow-hash.ts';
import { nowMs, TapFlows } from '../../src/kernel/tap-flows.ts';
import { ActivePairs } from '../../src/virtio/guest/active-pairs.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const TAP_COUNTERS = [
  { name: 'tx_packets', lane: 'xmit', role: 'in', meaning: 'frames that the bridge handed over' },
  { name: 'tx_queued', lane: 'xmit', role: 'out', meaning: 'frames put into a queue for its reader' },
  { name: 'tx_dropped', lane: 'xmit', role: 'drop', reason: 'tap queue full' },
  { name: 'tx_no_reader', lane: 'xmit', role: 'drop', reason: 'no backend attached to the tap' },
  { name: 'wakeups', role: 'event', meaning: 'times the reader slept and had to be woken' },
  { name: 'feedback_masks', role: 'event', meaning: 'times the queue reached its high mark and the port was masked' },
] as const satisfies readonly CounterSpec[];
const {
  tx_packets: TX_PACKETS,
  tx_queued: TX_QUEUED,
  tx_dropped: TX_DROPPED,
  tx_no_reader: TX_NO_READER,
  wakeups: WAKEUPS,
  feedback_masks: FEEDBACK_MASKS,
} = indexCounters(TAP_COUNTERS);

/** The bridge hands frames over; each queue has its reader, and they are numbered alike. */
export const TAP_PORTS = portsOf('tap', {
  bridge: port<TapBridgeLink>({ xmit: ({ rx }) => [rx] }),
  reader: port<TapReaderLink>(),
});

export interface TapConfig {
  readonly name: string;
  readonly counters: Region;
  readonly slots: SlotMemoryRef;
  /** Frames a queue holds: 500 for a tap in v3.13, 1,000 since v4.4 (tun_net_init, ether_setup). */
  readonly queueFrames: number;
  /** What a tap of several queues steers by (IFF_MULTI_QUEUE); none for a tap of one. */
  readonly steering: TapSteeringConfig | null;
  readonly costs: { readonly tapEnqueueNs: number; readonly wakeupNs: number };
}

export interface TapSteeringConfig {
  /** How many of the queues are attached. */
  readonly activePairs: Region;
  readonly flows: Region;
}

export interface TapFeedbackConfig {
  readonly own: Region;
  readonly ports: readonly MaskedPortRef[];
  /** Frames in the queue: mask at `highMark` and above, unmask at `lowMark` and below. */
  readonly highMark: number;
  readonly lowMark: number;
}

export interface TapBridgeLink {
  readonly rx: RingRef;
}

/** Whoever reads one queue: the queue, the word that says "look", and the doorbell of the thread it runs on. */
export interface TapReaderLink {
  readonly queue: RingRef;
  readonly event: Region;
  readonly doorbell: Region;
  /** Mode vhost-feedback: the depth at which the ports in front are masked. */
  readonly feedback: TapFeedbackConfig | null;
}

/** One queue with its reader. */
class TapQueue {
  readonly ring: IdRingProducer;
  readonly event: EventWord;
  readonly reader: Ringer;
  readonly feedback: TapFeedback | null;
  readonly highMark: number;
  /** Frames it may still take in this batch. */
  room = 0;
  queued = 0;
  private readonly queueFrames: number;

  constructor(memory: Memory, link: TapReaderLink, queueFrames: number) {
    this.ring = new IdRingProducer(memory, link.queue);
    this.event = new EventWord(memory, link.event);
    this.reader = new Ringer(memory, link.doorbell);
    this.feedback = link.feedback === null ? null : new TapFeedback(memory, link.feedback.own, link.feedback.ports);
    this.highMark = link.feedback?.highMark ?? Infinity;
    this.queueFrames = queueFrames;
  }

  /** Looks how much room there is. Once a batch. */
  begin(): void {
    this.room = Math.max(0, this.queueFrames - this.ring.depth());
    this.queued = 0;
  }

  get depth(): number {
    return this.queueFrames - this.room;
  }
}

/** How a tap of several queues chooses among those that are attached. */
class TapSteering {
  private readonly active: ActivePairs;
  private readonly flows: TapFlows;
  /** In this batch. */
  private queues = 1;
  private nowMs = 0;

  constructor(memory: Memory, config: TapSteeringConfig) {
    this.active = new ActivePairs(memory, config.activePairs);
    this.flows = new TapFlows(memory, config.flows);
  }

  begin(nowNs: number): void {
    this.queues = this.active.get();
    this.nowMs = nowMs(nowNs);
  }

  /** tun_automq_select_queue for the frame at `offset`. */
  select(bytes: Uint8Array, offset: number, length: number): number {
    if (this.queues === 1) return 0;
    return this.flows.queueOf(flowHash(bytes, offset, length), this.queues, this.nowMs);
  }
}

/**
 * The transmit side of a tap device, tun_net_xmit in drivers/net/tun.c: a frame joins the queue and the reader is
 * woken, or the queue is full and the frame is dropped in silence: the bridge is told that all is well, and a drop
 * wakes nobody. With feedback (the talk's workaround) it has the NIC's interrupt masked before that happens. A tap of
 * several queues gives each flow to one of them.
 */
export class Tap implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly slots: SlotMemory;
  private readonly returns: FrameReturns;
  private readonly queueFrames: number;
  private readonly costs: TapConfig['costs'];
  private readonly steering: TapSteering | null;
  private rx: IdRingConsumer | null = null;
  private readonly queues: (TapQueue | null)[] = [];

  constructor(memory: Memory, config: TapConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.slots = new SlotMemory(memory, config.slots);
    this.returns = new FrameReturns(this.slots);
    this.queueFrames = config.queueFrames;
    this.costs = config.costs;
    this.steering = config.steering === null ? null : new TapSteering(memory, config.steering);
  }

  attach({ port, index, link }: JointOf<typeof TAP_PORTS>): void {
    if (port === 'bridge') {
      this.rx = new IdRingConsumer(this.memory, link.rx);
      return;
    }
    while (this.queues.length <= index) this.queues.push(null);
    this.queues[index] = new TapQueue(this.memory, link, this.queueFrames);
  }

  detach({ port, index }: SocketOf<typeof TAP_PORTS>): void {
    if (port === 'bridge') this.rx = null;
    else this.queues[index] = null;
  }

  poll(budget: number, nowNs: number): number {
    const rx = this.rx;
    if (rx === null) return 0;
    const n = Math.min(budget, rx.readable(budget));
    if (n === 0) return 0;
    const { queues, steering } = this;
    for (let q = 0; q < queues.length; q++) queues[q]?.begin();
    const queued = steering === null ? this.enqueue(rx, n) : this.distribute(rx, n, steering, nowNs);
    rx.release();
    if (queued < n) this.returns.flush();
    const counts = this.counters.values;
    counts[TX_PACKETS] += n;
    counts[TX_QUEUED] += queued;
    this.debtNs += n * this.costs.tapEnqueueNs;
    for (let q = 0; q < queues.length; q++) {
      const queue = queues[q];
      if (queue !== null) this.publish(queue, nowNs);
    }
    return n;
  }

  /** All of a batch to the only queue; how many it took. */
  private enqueue(rx: IdRingConsumer, n: number): number {
    const queue = this.queues.length === 0 ? null : this.queues[0];
    const queued = queue === null ? 0 : Math.min(n, queue.room);
    if (queue !== null) {
      for (let i = 0; i < queued; i++) queue.ring.put(rx.take());
      queue.room -= queued;
      queue.queued = queued;
    }
    for (let i = queued; i < n; i++) this.returns.free(rx.take());
    this.counters.values[queue === null ? TX_NO_READER : TX_DROPPED] += n - queued;
    return queued;
  }

  /** Each frame of a batch to the queue of its flow; how many were taken. */
  private distribute(rx: IdRingConsumer, n: number, steering: TapSteering, nowNs: number): number {
    const { queues, slots } = this;
    steering.begin(nowNs);
    let queued = 0;
    for (let i = 0; i < n; i++) {
      const id = rx.take();
      const length = slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD];
      const queue = queues[steering.select(slots.bytes, slots.byteOf(id), length)];
      if (queue !== null && queue.room > 0) {
        queue.ring.put(id);
        queue.room--;
        queue.queued++;
        queued++;
      } else {
        this.returns.free(id);
        this.counters.values[queue === null ? TX_NO_READER : TX_DROPPED]++;
      }
    }
    return queued;
  }

  /** Hands over what a queue took, masks at its high mark, and wakes its reader. */
  private publish(queue: TapQueue, nowNs: number): void {
    const counts = this.counters.values;
    if (queue.queued > 0) queue.ring.publish();
    // Before the wake-up, so that the reader's next look at the depth comes after the mask.
    if (queue.depth >= queue.highMark && queue.feedback!.mask(nowNs)) counts[FEEDBACK_MASKS]++;
    if (queue.queued === 0) return;
    queue.event.signal();
    if (!queue.reader.ring()) return;
    counts[WAKEUPS]++;
    this.debtNs += this.costs.wakeupNs;
  }

  arm(): boolean {
    return this.rx === null || this.rx.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const TAP = component({
  kind: 'tap',
  place: 'tap',
  thread: 'vhost',
  drawn: { label: 'tap', colour: 'vermillion' },
  lanes: { xmit: 4 },
  counters: TAP_COUNTERS,
  ports: TAP_PORTS,
  measuredCost: { pollNs: 33, frameNs: 6 },
  create: (memory, config: TapConfig) => new Tap(memory, config),
});
