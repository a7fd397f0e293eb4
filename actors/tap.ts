import type { Memory, Region } from '../src/memory/arena.ts';
import { CounterPage } from '../src/memory/counter-page.ts';
import { EventWord, Ringer } from '../src/memory/doorbell.ts';
import type { ReturnRef, SlotMemoryRef } from '../src/memory/frame-pool.ts';
import { FrameReturns, SlotMemory } from '../src/memory/frame-pool.ts';
import type { MaskedPortRef } from '../src/memory/port-mask.ts';
import { TapFeedback } from '../src/memory/port-mask.ts';
import type { RingRef } from '../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer } from '../src/memory/id-ring.ts';
import type { Actor, Census, CounterSpec } from './actor.ts';
import { indexCounters } from './actor.ts';

export const TAP_COUNTERS = [
  { name: 'tx_packets', role: 'in' },
  { name: 'tx_queued', role: 'out' },
  { name: 'tx_dropped', role: 'drop', reason: 'tap queue full' },
  { name: 'tx_no_reader', role: 'drop', reason: 'no backend attached to the tap' },
  { name: 'wakeups', role: 'event' },
  { name: 'feedback_masks', role: 'event' },
] as const satisfies readonly CounterSpec[];
const {
  tx_packets: TX_PACKETS,
  tx_queued: TX_QUEUED,
  tx_dropped: TX_DROPPED,
  tx_no_reader: TX_NO_READER,
  wakeups: WAKEUPS,
  feedback_masks: FEEDBACK_MASKS,
} = indexCounters(TAP_COUNTERS);

export const TAP_BRIDGE_PORT = 0;
export const TAP_READER_PORT = 1;

export interface TapConfig {
  readonly name: string;
  readonly counters: Region;
  readonly slots: SlotMemoryRef;
  readonly returns: readonly ReturnRef[];
  /** Frames the queue holds: 500 for a tap in v3.13, 1,000 since v4.4 (tun_net_init, ether_setup). */
  readonly queueFrames: number;
  /** Mode vhost-feedback: the depth at which the ports in front are masked, and after what time in any case no more. */
  readonly feedback: TapFeedbackConfig | null;
  readonly costs: { readonly tapEnqueueNs: number; readonly wakeupNs: number };
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

/** Whoever reads the tap: its queue, the word that says "look", and the doorbell of the thread it runs on. */
export interface TapReaderLink {
  readonly queue: RingRef;
  readonly event: Region;
  readonly doorbell: Region;
}

/**
 * The transmit side of a tap device, tun_net_xmit in drivers/net/tun.c: a frame joins the queue and the reader is
 * woken, or the queue is full and the frame is dropped in silence: the bridge is told that all is well, and a drop
 * wakes nobody. With feedback (the talk's workaround) it has the NIC's interrupt masked before that happens.
 */
export class Tap implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly returns: FrameReturns;
  private readonly queueFrames: number;
  private readonly costs: TapConfig['costs'];
  private readonly feedback: TapFeedback | null;
  private readonly highMark: number;
  private rx: IdRingConsumer | null = null;
  private queue: IdRingProducer | null = null;
  private event!: EventWord;
  private reader!: Ringer;

  constructor(memory: Memory, config: TapConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.returns = new FrameReturns(memory, new SlotMemory(memory, config.slots), config.returns);
    this.queueFrames = config.queueFrames;
    this.costs = config.costs;
    this.feedback =
      config.feedback === null ? null : new TapFeedback(memory, config.feedback.own, config.feedback.ports);
    this.highMark = config.feedback?.highMark ?? Infinity;
  }

  attach(port: number, link: TapBridgeLink | TapReaderLink): void {
    if (port === TAP_BRIDGE_PORT) {
      this.rx = new IdRingConsumer(this.memory, (link as TapBridgeLink).rx);
      return;
    }
    const reader = link as TapReaderLink;
    this.queue = new IdRingProducer(this.memory, reader.queue);
    this.event = new EventWord(this.memory, reader.event);
    this.reader = new Ringer(this.memory, reader.doorbell);
  }

  detach(port: number): void {
    if (port === TAP_BRIDGE_PORT) this.rx = null;
    else this.queue = null;
  }

  poll(budget: number, nowNs: number): number {
    const rx = this.rx;
    if (rx === null) return 0;
    const n = Math.min(budget, rx.readable(budget));
    if (n === 0) return 0;
    const queue = this.queue;
    const depth = queue === null ? 0 : queue.depth();
    const queued = queue === null ? 0 : Math.min(n, Math.max(0, this.queueFrames - depth));
    for (let i = 0; i < queued; i++) queue!.put(rx.take());
    for (let i = queued; i < n; i++) this.returns.free(rx.take());
    rx.release();
    if (queued < n) this.returns.flush();
    const counts = this.counters.values;
    counts[TX_PACKETS] += n;
    counts[TX_QUEUED] += queued;
    counts[queue === null ? TX_NO_READER : TX_DROPPED] += n - queued;
    this.debtNs += n * this.costs.tapEnqueueNs;
    if (queued > 0) queue!.publish();
    // Before the wake-up, so that the reader's next look at the depth comes after the mask.
    if (depth + queued >= this.highMark && this.feedback!.mask(nowNs)) counts[FEEDBACK_MASKS]++;
    if (queued > 0) {
      this.event.signal();
      if (this.reader.ring()) {
        counts[WAKEUPS]++;
        this.debtNs += this.costs.wakeupNs;
      }
    }
    return n;
  }

  arm(): boolean {
    return this.rx === null || this.rx.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}
