import type { Memory, Region } from '../src/memory/arena.ts';
import { copyWords } from '../src/memory/copy-words.ts';
import { CounterPage } from '../src/memory/counter-page.ts';
import { SLOT_FRAME_BYTES_MAX, SLOT_INGRESS_WORD, SLOT_LENGTH_WORD, SlotMemory } from '../src/memory/frame-pool.ts';
import type { SlotMemoryRef } from '../src/memory/frame-pool.ts';
import type { RingRef } from '../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer } from '../src/memory/id-ring.ts';
import { InterruptSource } from '../src/memory/interrupt-line.ts';
import type { WireRef } from '../src/memory/wire-ring.ts';
import { WireReceiver, WireSender } from '../src/memory/wire-ring.ts';
import { wireTimeNs } from '../src/net/ethernet.ts';
import type { Actor, Census, CounterSpec } from './actor.ts';
import { indexCounters } from './actor.ts';

export const NIC_COUNTERS = [
  { name: 'rx_packets', role: 'in' },
  { name: 'rx_bytes', role: 'event' },
  { name: 'rx_to_host', role: 'out' },
  { name: 'rx_missed_errors', role: 'drop', reason: 'RX ring has no free descriptor' },
  { name: 'rx_length_errors', role: 'drop', reason: 'frame longer than a receive buffer' },
  { name: 'rx_no_carrier', role: 'drop', reason: 'no driver attached' },
  { name: 'tx_from_host', role: 'in' },
  { name: 'tx_packets', role: 'out' },
  { name: 'tx_bytes', role: 'event' },
  { name: 'interrupts', role: 'event' },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_bytes: RX_BYTES,
  rx_to_host: RX_TO_HOST,
  rx_missed_errors: RX_MISSED,
  rx_length_errors: RX_LENGTH,
  rx_no_carrier: RX_NO_CARRIER,
  tx_from_host: TX_FROM_HOST,
  tx_packets: TX_PACKETS,
  tx_bytes: TX_BYTES,
  interrupts: INTERRUPTS,
} = indexCounters(NIC_COUNTERS);

export const NIC_WIRE_PORT = 0;
export const NIC_HOST_PORT = 1;

export interface NicConfig {
  readonly name: string;
  readonly counters: Region;
  /** Bits per second on the wire. */
  readonly speedBps: number;
  /** Least time between two interrupts, ns; 0 for no moderation. */
  readonly interruptGapNs: number;
}

/** The cable: frames in from the generator, out to the sink. */
export interface NicWireLink {
  readonly rx: WireRef;
  readonly tx: WireRef;
}

/** The host driver's descriptor rings: empty receive buffers in, filled ones out, frames to send in, sent ones out. */
export interface NicHostLink {
  readonly slots: SlotMemoryRef;
  readonly rxFree: RingRef;
  readonly rxDone: RingRef;
  readonly tx: RingRef;
  readonly txDone: RingRef;
  readonly interrupt: Region;
  readonly cpuDoorbell: Region;
}

/**
 * A network interface card with one receive and one transmit ring. Receiving costs the host nothing but the memory
 * traffic: a frame that finds no descriptor is dropped here, in hardware. Transmission leaves at line rate.
 */
export class Nic implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly speedBps: number;
  private readonly interruptGapNs: number;
  private readonly counters: CounterPage;
  private wireRx: WireReceiver | null = null;
  private wireTx: WireSender | null = null;
  private slots: SlotMemory | null = null;
  private rxFree!: IdRingConsumer;
  private rxDone!: IdRingProducer;
  private tx!: IdRingConsumer;
  private txDone!: IdRingProducer;
  private interrupt!: InterruptSource;
  /** Something happened that the host has not been interrupted for. */
  private causePending = false;
  private nextInterruptNs = 0;
  /** The transmitter is busy with earlier frames until then. */
  private txBusyUntilNs = 0;

  constructor(memory: Memory, config: NicConfig) {
    this.memory = memory;
    this.name = config.name;
    this.speedBps = config.speedBps;
    this.interruptGapNs = config.interruptGapNs;
    this.counters = new CounterPage(memory, config.counters);
  }

  attach(port: number, link: NicWireLink | NicHostLink): void {
    if (port === NIC_WIRE_PORT) {
      const wire = link as NicWireLink;
      this.wireRx = new WireReceiver(this.memory, wire.rx);
      this.wireTx = new WireSender(this.memory, wire.tx);
      return;
    }
    const host = link as NicHostLink;
    this.slots = new SlotMemory(this.memory, host.slots);
    this.rxFree = new IdRingConsumer(this.memory, host.rxFree);
    this.rxDone = new IdRingProducer(this.memory, host.rxDone);
    this.tx = new IdRingConsumer(this.memory, host.tx);
    this.txDone = new IdRingProducer(this.memory, host.txDone);
    this.interrupt = new InterruptSource(this.memory, host.interrupt, host.cpuDoorbell);
  }

  detach(port: number): void {
    if (port === NIC_WIRE_PORT) {
      this.wireRx = null;
      this.wireTx = null;
    } else {
      this.slots = null;
    }
  }

  poll(budget: number, nowNs: number): number {
    const received = this.receive(budget);
    if (this.slots === null) return received;
    const sent = this.transmit(budget, nowNs);
    if (this.causePending && nowNs >= this.nextInterruptNs && this.interrupt.unmasked) {
      this.causePending = false;
      this.nextInterruptNs = nowNs + this.interruptGapNs;
      this.counters.values[INTERRUPTS]++;
      this.interrupt.raise();
    }
    return received + sent;
  }

  /** Wire to host memory: one descriptor a frame, or the frame is lost. */
  private receive(budget: number): number {
    const wire = this.wireRx;
    if (wire === null) return 0;
    const arrived = Math.min(budget, wire.readable(budget));
    if (arrived === 0) return 0;
    const counts = this.counters.values;
    const slots = this.slots;
    if (slots === null) {
      for (let i = 0; i < arrived; i++) wire.next();
      wire.release();
      counts[RX_PACKETS] += arrived;
      counts[RX_NO_CARRIER] += arrived;
      return arrived;
    }
    const rxFree = this.rxFree;
    const rxDone = this.rxDone;
    const words = slots.words;
    let descriptors = rxFree.readable(arrived);
    let filled = 0;
    let tooLong = 0;
    let bytes = 0;
    for (let i = 0; i < arrived; i++) {
      const length = wire.frameBytes();
      bytes += length;
      if (length > SLOT_FRAME_BYTES_MAX) {
        tooLong++;
      } else if (descriptors > 0) {
        descriptors--;
        const id = rxFree.take();
        const header = slots.wordOf(id);
        words[header + SLOT_LENGTH_WORD] = length;
        words[header + SLOT_INGRESS_WORD] = 0;
        copyWords(words, header + 16, wire.words, wire.frameWord(), (length + 3) >> 2);
        rxDone.put(id);
        filled++;
      }
      wire.next();
    }
    wire.release();
    if (filled > 0) {
      rxFree.release();
      rxDone.publish();
      this.causePending = true;
    }
    counts[RX_PACKETS] += arrived;
    counts[RX_BYTES] += bytes;
    counts[RX_TO_HOST] += filled;
    counts[RX_LENGTH] += tooLong;
    counts[RX_MISSED] += arrived - filled - tooLong;
    return arrived;
  }

  /** Host memory to wire, no faster than the wire is. */
  private transmit(budget: number, nowNs: number): number {
    const wire = this.wireTx;
    if (wire === null) return 0;
    const tx = this.tx;
    const ready = Math.min(budget, tx.readable(budget));
    if (ready === 0) return 0;
    const txDone = this.txDone;
    const room = Math.min(ready, wire.writable(ready), txDone.writable(ready));
    const slots = this.slots!;
    const words = slots.words;
    let bytes = 0;
    let sent = 0;
    let busyUntil = this.txBusyUntilNs;
    if (busyUntil < nowNs - TX_CATCH_UP_NS) busyUntil = nowNs - TX_CATCH_UP_NS;
    for (; sent < room && busyUntil <= nowNs; sent++) {
      const id = tx.take();
      const header = slots.wordOf(id);
      const length = words[header + SLOT_LENGTH_WORD];
      copyWords(wire.words, wire.frameWord(), words, header + 16, (length + 3) >> 2);
      busyUntil += wireTimeNs(length, this.speedBps);
      wire.send(length, nowNs, 0);
      txDone.put(id);
      bytes += length;
    }
    this.txBusyUntilNs = busyUntil;
    if (sent === 0) return 0;
    wire.publish();
    tx.release();
    txDone.publish();
    this.causePending = true;
    const counts = this.counters.values;
    counts[TX_FROM_HOST] += sent;
    counts[TX_PACKETS] += sent;
    counts[TX_BYTES] += bytes;
    return sent;
  }

  /** Hardware runs on its own clock; it has nothing to arm. */
  arm(): boolean {
    return true;
  }

  commit(): void {
    this.counters.commit();
  }

  /** Descriptors and frames lie in rings; the card holds nothing between polls. */
  census(_out: Census): void {}
}

/** Wire time a transmitter may make up for between two polls: the poll period of a busy hardware thread. */
const TX_CATCH_UP_NS = 20_000;
