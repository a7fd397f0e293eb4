/**
 * In Linux: net/bridge, called from netif_receive_skb.
 * In: frames from softirq (softirq.ts). Out: the input of a tap (tap.ts) or the transmit ring of a card
 * (../wire/nic/nic.ts).
 * Thread: that of the softirq CPU it belongs to, or one of its own.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { copyWords } from '../../src/memory/copy-words.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Ringer } from '../../src/memory/doorbell.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import {
  FramePool,
  FrameReturns,
  SLAB_SHIFT,
  SLOT_FRAME_WORD,
  SLOT_LENGTH_WORD,
  SlotMemory,
} from '../../src/memory/frame-pool.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingGauge, IdRingProducer } from '../../src/memory/id-ring.ts';
import { PendingQueue } from '../../src/memory/pending-queue.ts';
import { ETH_DST_BYTE, ETH_SRC_BYTE, isMulticast, macHigh, macLow } from '../../src/net/wire/ethernet.ts';
import { Fdb } from '../../src/net/tables/fdb.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

/** FDB slots looked at for expired entries after each poll that moved frames. */
const AGE_SLOTS_PER_POLL = 2;

export const BRIDGE_COUNTERS = [
  { name: 'rx_packets', lane: 'forward', role: 'in', meaning: 'frames that came in by a port' },
  { name: 'tx_packets', lane: 'forward', role: 'out', meaning: 'frames handed to ports, copies among them' },
  { name: 'flooded', role: 'event', meaning: 'frames for a group or an unknown address, sent to every other port' },
  { name: 'flood_copies', lane: 'forward', role: 'clone', meaning: 'copies made by flooding' },
  { name: 'flood_no_buffer', role: 'event', meaning: 'copies that flooding could not make for want of a buffer' },
  { name: 'drop_bad_source', lane: 'forward', role: 'drop', reason: 'source address multicast or zero' },
  { name: 'drop_link_local', lane: 'forward', role: 'drop', reason: 'link-local group address, never forwarded' },
  { name: 'drop_same_port', lane: 'forward', role: 'drop', reason: 'destination is behind the port it came from' },
  { name: 'drop_no_port', lane: 'forward', role: 'drop', reason: 'no other port to forward to' },
  { name: 'drop_mtu', lane: 'forward', role: 'drop', reason: 'longer than the MTU of the destination port' },
  { name: 'drop_tx_queue_full', lane: 'forward', role: 'drop', reason: 'transmit queue of the destination port full' },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  tx_packets: TX_PACKETS,
  flooded: FLOODED,
  flood_copies: FLOOD_COPIES,
  flood_no_buffer: FLOOD_NO_BUFFER,
  drop_bad_source: DROP_BAD_SOURCE,
  drop_link_local: DROP_LINK_LOCAL,
  drop_same_port: DROP_SAME_PORT,
  drop_no_port: DROP_NO_PORT,
  drop_mtu: DROP_MTU,
  drop_tx_queue_full: DROP_TX_QUEUE_FULL,
} = indexCounters(BRIDGE_COUNTERS);

/** Its ports are numbered through. */
export const BRIDGE_PORTS = portsOf('bridge', { port: port<BridgePortLink>({ forward: ({ rx }) => rx }) });

export interface BridgeConfig {
  readonly name: string;
  readonly counters: Region;
  readonly slots: SlotMemoryRef;
  /** Slots for the copies that flooding makes. */
  readonly pool: PoolRef;
  /** Where the inputs of its ports announce themselves, each by the number of its port. */
  readonly pending: Region;
  readonly ageingNs: number;
  readonly costs: { readonly bridgeNs: number; readonly nicTxNs: number };
}

/** One port: frames that came in by it, and where frames for it go. */
export interface BridgePortLink {
  /** One ring for each queue of the device. */
  readonly rx: readonly RingRef[];
  readonly tx: RingRef;
  /** The longest frame it sends, without FCS: from its MTU. */
  readonly frameBytesMax: number;
  /** Frames `tx` may hold: a NIC's transmit ring or a tap's input. */
  readonly txLimit: number;
  /** Sent frames whose descriptors the driver has not cleaned: they take room in a NIC's ring until then. */
  readonly txUncleaned: RingRef | null;
  /** Whether sending there runs a NIC driver's transmit routine. */
  readonly nic: boolean;
  /** Rung after sending where the receiver has a thread of its own and may sleep. */
  readonly txDoorbell: Region | null;
}

class BridgePort {
  readonly rx: readonly IdRingConsumer[];
  readonly tx: IdRingProducer;
  readonly txLimit: number;
  readonly frameBytesMax: number;
  private readonly uncleaned: IdRingGauge | null;
  readonly nic: boolean;
  private readonly doorbell: Ringer | null;
  /** Frames `tx` may take before the limit, by the last look; counted down per frame. */
  room = 0;
  /** Since the last flush. */
  sent = 0;

  constructor(memory: Memory, link: BridgePortLink) {
    this.rx = link.rx.map((ring) => new IdRingConsumer(memory, ring));
    this.tx = new IdRingProducer(memory, link.tx);
    this.txLimit = link.txLimit;
    this.frameBytesMax = link.frameBytesMax;
    this.uncleaned = link.txUncleaned === null ? null : new IdRingGauge(memory, link.txUncleaned);
    this.nic = link.nic;
    this.doorbell = link.txDoorbell === null ? null : new Ringer(memory, link.txDoorbell);
  }

  /** True when one more frame fits; looks at the ring again only when the last look is used up. */
  hasRoom(): boolean {
    if (this.room > 0) return true;
    this.room = this.txLimit - this.tx.depth() - (this.uncleaned === null ? 0 : this.uncleaned.depth());
    return this.room > 0;
  }

  send(id: number): void {
    this.tx.put(id);
    this.room--;
    this.sent++;
  }

  /** Publishes what was sent since the last flush; returns how many. */
  flush(): number {
    const { sent } = this;
    this.sent = 0;
    this.tx.publish();
    if (this.doorbell !== null) this.doorbell.ring();
    return sent;
  }
}

/**
 * A learning bridge (net/bridge): learn the source, look the destination up, forward, flood what is unknown. It has no
 * queue of its own; in the kernel it is a call chain inside the softirq pass that received the frame.
 */
export class Bridge implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly slots: SlotMemory;
  private readonly pool: FramePool;
  private readonly returns: FrameReturns;
  private readonly fdb: Fdb;
  private readonly costs: BridgeConfig['costs'];
  private readonly ports: (BridgePort | null)[] = [];
  private readonly pending: PendingQueue;
  /** Ports sent to in this poll. */
  private readonly used: BridgePort[] = [];

  constructor(memory: Memory, config: BridgeConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.slots = new SlotMemory(memory, config.slots);
    this.pool = new FramePool(memory, this.slots, config.pool);
    this.returns = new FrameReturns(this.slots);
    this.fdb = new Fdb({ ageingNs: config.ageingNs });
    this.pending = new PendingQueue(memory, config.pending);
    this.costs = config.costs;
  }

  attach({ index, link }: JointOf<typeof BRIDGE_PORTS>): void {
    while (this.ports.length <= index) this.ports.push(null);
    const opened = new BridgePort(this.memory, link);
    this.ports[index] = opened;
    if (opened.rx.some((ring) => ring.readable(1) > 0)) this.pending.push(index);
  }

  /** The port is gone: its addresses are forgotten (br_fdb_delete_by_port), frames for it find no port. */
  detach({ index }: SocketOf<typeof BRIDGE_PORTS>): void {
    this.ports[index] = null;
    this.fdb.forgetPort(index);
  }

  poll(budget: number, nowNs: number): number {
    let moved = 0;
    for (let turns = this.pending.collect(); turns > 0; turns--) {
      const number = this.pending.shift();
      const port = this.ports[number];
      if (port !== null) moved += this.receive(port, number, budget, nowNs);
    }
    if (moved === 0) return 0;
    this.counters.values[RX_PACKETS] += moved;
    this.debtNs += moved * this.costs.bridgeNs;
    this.flush();
    this.returns.flush();
    this.fdb.age(nowNs, AGE_SLOTS_PER_POLL);
    return moved;
  }

  /** Up to `budget` frames of each queue of a port, which stands in line again where there may be more. */
  private receive(port: BridgePort, number: number, budget: number, nowNs: number): number {
    let moved = 0;
    for (let q = 0; q < port.rx.length; q++) {
      const rx = port.rx[q];
      const n = Math.min(budget, rx.readable(budget));
      if (n === 0) continue;
      for (let i = 0; i < n; i++) this.handleFrame(rx.take(), number, nowNs);
      rx.release();
      moved += n;
      if (n === budget) this.pending.push(number);
    }
    return moved;
  }

  /** Publishes what was sent in this poll. */
  private flush(): void {
    const { used } = this;
    for (let i = 0; i < used.length; i++) {
      const sent = used[i].flush();
      this.counters.values[TX_PACKETS] += sent;
      if (used[i].nic) this.debtNs += sent * this.costs.nicTxNs;
    }
    used.length = 0;
  }

  /** br_handle_frame and br_handle_frame_finish, net/bridge/br_input.c. */
  private handleFrame(id: number, ingress: number, nowNs: number): void {
    const bytes = this.slots.bytes;
    const at = this.slots.byteOf(id);
    const sourceHigh = macHigh(bytes, at + ETH_SRC_BYTE);
    const sourceLow = macLow(bytes, at + ETH_SRC_BYTE);
    if (isMulticast(sourceHigh) || (sourceHigh === 0 && sourceLow === 0)) return this.drop(id, DROP_BAD_SOURCE);
    const high = macHigh(bytes, at + ETH_DST_BYTE);
    const low = macLow(bytes, at + ETH_DST_BYTE);
    // 01:80:C2:00:00:0X: pause frames never pass; the others pass only a bridge without STP, and BPDUs do then.
    if (high === 0x0180 && (low & ~0xf) === (0xc2000000 | 0) && (low & 0xf) !== 0)
      return this.drop(id, DROP_LINK_LOCAL);
    this.fdb.learn(sourceHigh, sourceLow, ingress, nowNs);
    if (isMulticast(high)) return this.flood(id, ingress);
    const egress = this.fdb.lookup(high, low, nowNs);
    if (egress < 0) return this.flood(id, ingress);
    if (egress === ingress) return this.drop(id, DROP_SAME_PORT);
    const port = this.ports[egress];
    if (port === null) return this.drop(id, DROP_NO_PORT);
    this.forward(id, port);
  }

  /** br_flood: to every port but the ingress; the last one gets the frame itself, the others copies. */
  private flood(id: number, ingress: number): void {
    const ports = this.ports;
    const counts = this.counters.values;
    counts[FLOODED]++;
    let last = -1;
    for (let p = 0; p < ports.length; p++) {
      if (p === ingress || ports[p] === null) continue;
      if (last >= 0) this.sendCopy(id, ports[last]!);
      last = p;
    }
    if (last < 0) return this.drop(id, DROP_NO_PORT);
    this.forward(id, ports[last]!);
  }

  private sendCopy(id: number, port: BridgePort): void {
    const counts = this.counters.values;
    if (this.pool.available(1) === 0) {
      counts[FLOOD_NO_BUFFER]++;
      return;
    }
    const copy = this.pool.acquire();
    const words = this.slots.words;
    const from = this.slots.wordOf(id);
    const length = words[from + SLOT_LENGTH_WORD];
    copyWords(words, this.slots.wordOf(copy), words, from, SLOT_FRAME_WORD + ((length + 3) >> 2));
    counts[FLOOD_COPIES]++;
    this.forward(copy, port);
  }

  /** br_dev_queue_push_xmit, net/bridge/br_forward.c: what the port's MTU does not allow ends here. */
  private forward(id: number, port: BridgePort): void {
    const { slots } = this;
    if (slots.words[slots.wordOf(id) + SLOT_LENGTH_WORD] > port.frameBytesMax) return this.drop(id, DROP_MTU);
    if (!port.hasRoom()) return this.drop(id, DROP_TX_QUEUE_FULL);
    if (port.sent === 0) this.used.push(port);
    port.send(id);
  }

  private drop(id: number, reason: number): void {
    this.counters.values[reason]++;
    if (this.slots.poolOfSlab[id >> SLAB_SHIFT] === this.pool.ref.index) this.pool.release(id);
    else this.returns.free(id);
  }

  arm(): boolean {
    return this.pending.empty;
  }

  commit(): void {
    this.counters.commit();
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
  }
}

export const BRIDGE = component({
  kind: 'bridge',
  place: 'bridge',
  thread: 'vhost',
  drawn: { label: 'bridge', colour: 'grey' },
  lanes: { forward: 3 },
  counters: BRIDGE_COUNTERS,
  ports: BRIDGE_PORTS,
  measuredCost: { pollNs: 60, frameNs: 35 },
  create: (memory, config: BridgeConfig) => new Bridge(memory, config),
});
