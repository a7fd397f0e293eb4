/**
 * In Linux: nothing; the card below the driver, a multi-queue Ethernet controller with virtual functions.
 * In: the wire; the driver's transmit ring; queues of vNICs. Out: receive rings (host/softirq.ts), vNICs' memory, the
 * wire.
 * Thread: the hardware's, or one of its own.
 */
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import { CounterPage } from '../../../src/memory/counter-page.ts';
import { SLOT_FRAME_WORD, SLOT_LENGTH_WORD, SlotMemory } from '../../../src/memory/frame-pool.ts';
import { IdRingConsumer, IdRingProducer } from '../../../src/memory/id-ring.ts';
import { PortMask, TapFeedback } from '../../../src/kernel/port-mask.ts';
import { WireReceiver, WireSender } from '../../../src/memory/wire-ring.ts';
import { ETH_DST_BYTE, macHigh, macLow, wireBytes } from '../../../src/net/wire/ethernet.ts';
import { Fdb } from '../../../src/net/tables/fdb.ts';
import { VLAN_MAX, vlanOf } from '../../../src/net/wire/vlan.ts';
import { ReceiveSideScaling, evenIndirection } from '../../../src/net/tables/receive-side-scaling.ts';
import { NicVnic, VNIC_NO_BUFFER } from '../../host/acceleration/nic-vnic.ts';
import type { NicVnicPair } from '../../host/acceleration/nic-vnic.ts';
import type { Actor, Census } from '../../actor.ts';
import { indexCounters } from '../../actor.ts';
import { component } from '../../component.ts';
import type { JointOf, SocketOf } from '../../component.ts';
import { CATCH_UP_NS } from '../catch-up.ts';
import { HostRxQueue } from './host-rx-queue.ts';
import { NIC_COUNTERS, NIC_PORTS } from './nic-links.ts';
import type { NicConfig, NicHostLink, NicVnicLink, NicWireLink } from './nic-links.ts';

const {
  rx_packets: RX_PACKETS,
  rx_bytes: RX_BYTES,
  rx_to_host: RX_TO_HOST,
  rx_to_guest: RX_TO_GUEST,
  rx_missed_errors: RX_MISSED,
  rx_length_errors: RX_LENGTH,
  rx_no_carrier: RX_NO_CARRIER,
  rx_pool_depleted: RX_POOL_DEPLETED,
  tx_from_host: TX_FROM_HOST,
  tx_from_guest: TX_FROM_GUEST,
  tx_errors: TX_ERRORS,
  tx_vnic_removed: TX_VNIC_REMOVED,
  tx_packets: TX_PACKETS,
  tx_switched: TX_SWITCHED,
  tx_switched_no_buffer: TX_SWITCHED_NO_BUFFER,
  tx_bytes: TX_BYTES,
  interrupts: INTERRUPTS,
  vnic_notifications: VNIC_NOTIFICATIONS,
  feedback_timeouts: FEEDBACK_TIMEOUTS,
  feedback_masked: FEEDBACK_MASKED,
  feedback_masked_ns: FEEDBACK_MASKED_NS,
} = indexCounters(NIC_COUNTERS);

/** What is counted of a frame for a vNIC, by what became of it: from the wire, and from a queue of this card. */
const RECEIVED_BY = [RX_TO_GUEST, RX_POOL_DEPLETED, RX_LENGTH];
const SWITCHED_BY = [TX_SWITCHED, TX_SWITCHED_NO_BUFFER, TX_ERRORS];
/** The counter of the first vNIC's frames without a buffer. */
const NO_BUFFER_OF_FIRST = NIC_COUNTERS.length;

/**
 * A network interface card. Frames for a vNIC that has queues of its own here are classified by VLAN and destination
 * address and go straight into guest memory, by way of that vNIC's buffers; all others go to the host's rings, each
 * flow to one of them. Receiving costs the host nothing but the memory traffic: a frame that finds no descriptor or
 * buffer is dropped here, in hardware. Transmission leaves at line rate.
 *
 * Between vNICs it is a switch, a virtual Ethernet bridge (VEB, IEEE 802.1Qbg) as SR-IOV cards have one: what a vNIC or
 * the host sends to the address of another vNIC goes to that one's queues and never to the wire. It knows these
 * addresses only and learns none: everything else leaves by the wire, frames for machines behind the host's bridge on
 * this port among them, since nobody has entered those here (`bridge fdb add ... dev eth0 self`), and group addresses.
 * A vNIC's frames for its neighbours go through the transmitter they share with the wire, so they wait while it is busy.
 */
export class Nic implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  /** Time of one byte on the wire. */
  private readonly byteNs: number;
  private readonly frameBytesMax: number;
  private readonly interruptGapNs: number;
  private readonly counters: CounterPage;
  private wireRx: WireReceiver | null = null;
  private wireTx: WireSender | null = null;
  private slots: SlotMemory | null = null;
  private rxQueues: readonly HostRxQueue[] = [];
  /** Distributes over the receive queues; none where there is one only. */
  private rss: ReceiveSideScaling | null = null;
  private tx!: IdRingConsumer;
  private txDone!: IdRingProducer;
  /** The transmitter is busy with earlier frames until then. */
  private txBusyUntilNs = 0;
  private mask: PortMask | null = null;
  /** Up to when masked time is counted; NaN while the port is open. */
  private maskedToNs = NaN;
  private timers: readonly { readonly feedback: TapFeedback; readonly timeoutNs: number }[] = [];
  private readonly vnics: (NicVnic | null)[] = [];
  /** By VLAN, destination address to vNIC: exact match, nothing learnt, nothing forgotten. */
  private readonly classifiers: (Fdb | null)[] = Array.from({ length: VLAN_MAX + 1 }, () => null);
  private vnicCount = 0;

  constructor(memory: Memory, config: NicConfig) {
    this.memory = memory;
    this.name = config.name;
    this.byteNs = 8e9 / config.speedBps;
    this.frameBytesMax = config.frameBytesMax;
    this.interruptGapNs = config.interruptGapNs;
    this.counters = new CounterPage(memory, config.counters);
  }

  attach({ port, index, link }: JointOf<typeof NIC_PORTS>): void {
    if (port === 'wire') this.attachWire(link);
    else if (port === 'host') this.attachHost(link);
    else this.attachVnic(index, link);
  }

  private attachWire(wire: NicWireLink): void {
    this.wireRx = new WireReceiver(this.memory, wire.rx);
    this.wireTx = new WireSender(this.memory, wire.tx);
  }

  private attachHost(host: NicHostLink): void {
    const slots = new SlotMemory(this.memory, host.slots);
    this.slots = slots;
    this.rxQueues = host.rxQueues.map((queue) => new HostRxQueue(this.memory, slots, queue, this.interruptGapNs));
    const queues = this.rxQueues.length;
    this.rss = queues === 1 ? null : new ReceiveSideScaling(evenIndirection(queues));
    this.tx = new IdRingConsumer(this.memory, host.tx);
    this.txDone = new IdRingProducer(this.memory, host.txDone);
    this.mask = host.mask === null ? null : new PortMask(this.memory, host.mask);
    this.timers = host.feedback.map(({ own, ports, timeoutNs }) => {
      return { feedback: new TapFeedback(this.memory, own, ports), timeoutNs };
    });
  }

  private attachVnic(index: number, link: NicVnicLink): void {
    while (this.vnics.length <= index) this.vnics.push(null);
    this.vnics[index] = new NicVnic(this.memory, link, index, this.interruptGapNs);
    const classifier = (this.classifiers[link.vlan] ??= new Fdb({ ageingNs: Infinity }));
    classifier.learn(link.macHigh, link.macLow, index, 0);
    this.vnicCount++;
  }

  /** Lets go of a port. A vNIC's guest memory is out of reach from then on. */
  detach({ port, index }: SocketOf<typeof NIC_PORTS>): void {
    if (port === 'wire') {
      this.wireRx = null;
      this.wireTx = null;
    } else if (port === 'host') {
      this.slots = null;
    } else {
      this.detachVnic(index);
    }
  }

  private detachVnic(index: number): void {
    const left = this.vnics[index]?.framesHeld() ?? 0;
    this.counters.values[TX_FROM_GUEST] += left;
    this.counters.values[TX_VNIC_REMOVED] += left;
    this.vnics[index] = null;
    for (const classifier of this.classifiers) classifier?.forgetPort(index);
    this.vnicCount--;
  }

  poll(budget: number, nowNs: number): number {
    let moved = this.receive(budget);
    if (this.mask !== null) this.countMasked(this.mask, nowNs);
    if (this.timers.length > 0) this.expireMasks(nowNs);
    if (this.slots !== null) {
      moved += this.transmit(budget, nowNs);
      for (let q = 0; q < this.rxQueues.length; q++) {
        if (this.rxQueues[q].notify(nowNs)) this.counters.values[INTERRUPTS]++;
      }
    }
    return this.vnicCount === 0 ? moved : moved + this.pollVnics(budget, nowNs);
  }

  private pollVnics(budget: number, nowNs: number): number {
    const vnics = this.vnics;
    let moved = 0;
    for (let v = 0; v < vnics.length; v++) {
      const vnic = vnics[v];
      if (vnic === null) continue;
      vnic.refresh();
      for (let p = 0; p < vnic.pairs.length; p++) moved += this.transmitGuest(vnic, vnic.pairs[p], budget, nowNs);
    }
    for (let v = 0; v < vnics.length; v++) {
      const vnic = vnics[v];
      if (vnic === null) continue;
      // What was switched to it, by the host or by a neighbour.
      vnic.publishRx();
      for (let p = 0; p < vnic.pairs.length; p++) {
        if (vnic.pairs[p].notify(nowNs)) this.counters.values[VNIC_NOTIFICATIONS]++;
      }
    }
    return moved;
  }

  /** The card's clock runs whoever ends a mask, and while nobody does. */
  private countMasked(mask: PortMask, nowNs: number): void {
    const counts = this.counters.values;
    const wasMasked = !Number.isNaN(this.maskedToNs);
    if (wasMasked) counts[FEEDBACK_MASKED_NS] += nowNs - this.maskedToNs;
    const masked = mask.masked;
    if (masked && !wasMasked) counts[FEEDBACK_MASKED]++;
    this.maskedToNs = masked ? nowNs : NaN;
  }

  private expireMasks(nowNs: number): void {
    for (let i = 0; i < this.timers.length; i++) {
      const { feedback, timeoutNs } = this.timers[i];
      if (!feedback.masking || nowNs - feedback.sinceNs < timeoutNs) continue;
      if (feedback.unmask()) this.counters.values[FEEDBACK_TIMEOUTS]++;
    }
  }

  /** From the wire: parse, classify, distribute. */
  private receive(budget: number): number {
    const wire = this.wireRx;
    if (wire === null) return 0;
    const arrived = Math.min(budget, wire.readable(budget));
    if (arrived === 0) return 0;
    const counts = this.counters.values;
    const anyVnic = this.vnicCount > 0;
    const attached = this.slots !== null;
    const queues = this.rxQueues;
    if (attached) for (let q = 0; q < queues.length; q++) queues[q].begin(arrived);
    let bytes = 0;
    for (let i = 0; i < arrived; i++) {
      const length = wire.frameBytes();
      bytes += length;
      const from = wire.frameByte();
      const allowed = length <= this.frameBytesMax;
      const vnic = allowed && anyVnic ? this.vnicOf(wire.bytes, from) : null;
      if (!allowed) {
        counts[RX_LENGTH]++;
      } else if (vnic !== null) {
        const outcome = vnic.receive(wire.words, wire.bytes, from, length);
        counts[RECEIVED_BY[outcome]]++;
        if (outcome === VNIC_NO_BUFFER) counts[NO_BUFFER_OF_FIRST + vnic.index]++;
      } else if (!attached) {
        counts[RX_NO_CARRIER]++;
      } else if (!queues[this.distribute(wire, length)].receive(wire, length)) {
        counts[RX_MISSED]++;
      }
      wire.next();
    }
    wire.release();
    if (attached) for (let q = 0; q < queues.length; q++) counts[RX_TO_HOST] += queues[q].publish();
    if (anyVnic) for (let v = 0; v < this.vnics.length; v++) this.vnics[v]?.publishRx();
    counts[RX_PACKETS] += arrived;
    counts[RX_BYTES] += bytes;
    return arrived;
  }

  /** The receive queue that the flow of the oldest frame on the wire belongs to. */
  private distribute(wire: WireReceiver, length: number): number {
    return this.rss === null ? 0 : this.rss.queueOf(wire.bytes, wire.frameByte(), length);
  }

  /** The vNIC whose VLAN and address the frame at byte `from` is for. */
  private vnicOf(bytes: Uint8Array, from: number): NicVnic | null {
    const vlan = vlanOf(bytes, from);
    const classifier = vlan <= VLAN_MAX ? this.classifiers[vlan] : null;
    if (classifier === null) return null;
    const at = from + ETH_DST_BYTE;
    const index = classifier.lookup(macHigh(bytes, at), macLow(bytes, at), 0);
    return index < 0 ? null : this.vnics[index];
  }

  /** From one queue of this card into another, by way of the card's memory. */
  private switchTo(vnic: NicVnic, words: Int32Array, bytes: Uint8Array, from: number, length: number): void {
    const counts = this.counters.values;
    const outcome = vnic.receive(words, bytes, from, length);
    counts[SWITCHED_BY[outcome]]++;
    if (outcome === VNIC_NO_BUFFER) counts[NO_BUFFER_OF_FIRST + vnic.index]++;
  }

  /** Host memory to wire, no faster than the wire is, or to a vNIC. */
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
    const anyVnic = this.vnicCount > 0;
    let bytes = 0;
    let sent = 0;
    let taken = 0;
    const byteNs = this.byteNs;
    let busyUntil = Math.max(this.txBusyUntilNs, nowNs - CATCH_UP_NS);
    for (; taken < room && busyUntil <= nowNs; taken++) {
      const id = tx.take();
      txDone.put(id);
      const header = slots.wordOf(id);
      const length = words[header + SLOT_LENGTH_WORD];
      const vnic = anyVnic ? this.vnicOf(slots.bytes, slots.byteOf(id)) : null;
      if (vnic !== null) {
        this.switchTo(vnic, words, slots.bytes, slots.byteOf(id), length);
        continue;
      }
      copyWords(wire.words, wire.frameWord(), words, header + SLOT_FRAME_WORD, (length + 3) >> 2);
      busyUntil += wireBytes(length) * byteNs;
      wire.send(length, nowNs, 0);
      bytes += length;
      sent++;
    }
    this.txBusyUntilNs = busyUntil;
    if (taken === 0) return 0;
    wire.publish();
    tx.release();
    txDone.publish();
    this.rxQueues[0].causePending = true;
    const counts = this.counters.values;
    counts[TX_FROM_HOST] += taken;
    counts[TX_PACKETS] += sent;
    counts[TX_BYTES] += bytes;
    return taken;
  }

  /** Frames of one of a vNIC's queue pairs, from guest memory to the wire or to another vNIC. */
  private transmitGuest(sender: NicVnic, pair: NicVnicPair, budget: number, nowNs: number): number {
    const wire = this.wireTx;
    if (wire === null) return 0;
    const ready = pair.queues.sendable(budget);
    if (ready === 0) return 0;
    const room = Math.min(ready, wire.writable(ready));
    const counts = this.counters.values;
    let bytes = 0;
    let sent = 0;
    let taken = 0;
    let errors = 0;
    const byteNs = this.byteNs;
    let busyUntil = Math.max(this.txBusyUntilNs, nowNs - CATCH_UP_NS);
    for (; taken < room && busyUntil <= nowNs; taken++) {
      // Into the wire's next cell, which stays free when the frame turns out to be for a neighbour.
      const length = pair.send(wire);
      if (length === 0) {
        errors++;
        continue;
      }
      const vnic = this.vnicOf(wire.bytes, wire.frameByte());
      if (vnic !== null && vnic !== sender) {
        this.switchTo(vnic, wire.words, wire.bytes, wire.frameByte(), length);
        continue;
      }
      busyUntil += wireBytes(length) * byteNs;
      wire.send(length, nowNs, 0);
      bytes += length;
      sent++;
    }
    this.txBusyUntilNs = busyUntil;
    if (taken === 0) return 0;
    wire.publish();
    pair.publishTx();
    counts[TX_FROM_GUEST] += taken;
    counts[TX_ERRORS] += errors;
    counts[TX_PACKETS] += sent;
    counts[TX_BYTES] += bytes;
    return taken;
  }

  /** Hardware runs on its own clock; it has nothing to arm. */
  arm(): boolean {
    return true;
  }

  commit(): void {
    this.counters.commit();
  }

  /** Virtqueue errors of vNICs whose rings this card serves. */
  report(): readonly string[] {
    return this.vnics.flatMap((vnic) => vnic?.faults() ?? []);
  }

  /** Descriptors and frames lie in rings; of a guest's own rings only the card knows what it has not taken yet. */
  census(out: Census): void {
    for (const vnic of this.vnics) if (vnic !== null) out.frames += vnic.framesHeld();
  }
}

export const NIC = component({
  kind: 'nic',
  place: 'nic',
  thread: 'hardware',
  drawn: { label: 'NIC ring', colour: 'sky' },
  lanes: { rx: 1, tx: 9 },
  counters: NIC_COUNTERS,
  ports: NIC_PORTS,
  measuredCost: { pollNs: 78, frameNs: 34 },
  create: (memory, config: NicConfig) => new Nic(memory, config),
});
