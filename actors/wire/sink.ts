/**
 * In Linux: nothing; a station outside the host that receives and checks.
 * In: the wire, from the card (nic/nic.ts). Out: nothing, frames end here.
 * Thread: the hardware's, or one of its own.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Histogram } from '../../src/memory/histogram.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import { WireReceiver } from '../../src/memory/wire-ring.ts';
import { ETHERTYPE_ARP, ETH_DST_BYTE, writeMac } from '../../src/net/wire/ethernet.ts';
import type { MacAddress } from '../../src/net/wire/ethernet.ts';
import { createCheck } from '../../src/net/traffic/traffic-plan.ts';
import type { CheckPlan } from '../../src/net/traffic/traffic-plan.ts';
import type { TrafficCheck } from '../../src/net/traffic/traffic-check.ts';
import {
  FRAME_CORRUPT,
  FRAME_DUPLICATE,
  FRAME_FOREIGN,
  FRAME_REORDERED,
  FRAME_UNTIMED,
} from '../../src/net/traffic/traffic-check.ts';
import { carriedType } from '../../src/net/wire/vlan.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, ownCounter, port, portsOf } from '../component.ts';
import type { JointOf, OwnCounter, SocketOf } from '../component.ts';

const PORT_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that came by the wire' },
  { name: 'rx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  { name: 'rx_arp', role: 'event', meaning: 'ARP frames, such as guests announce themselves with' },
  {
    name: 'rx_foreign',
    role: 'event',
    meaning: 'frames for somebody else, by their MAC address or their stream, and frames that no generator sent',
  },
  { name: 'rx_corrupt', role: 'event', meaning: 'frames whose checksum or content is wrong' },
  { name: 'rx_duplicate', role: 'event', meaning: 'frames that had arrived before' },
  { name: 'rx_reordered', role: 'event', meaning: 'frames that arrived after a later one of their flow' },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_bytes: RX_BYTES,
  rx_arp: RX_ARP,
  rx_foreign: RX_FOREIGN,
  rx_corrupt: RX_CORRUPT,
  rx_duplicate: RX_DUPLICATE,
  rx_reordered: RX_REORDERED,
} = indexCounters(PORT_COUNTERS);
const STREAMS_FIRST = PORT_COUNTERS.length;

/** Frames of one stream that arrived, intact and for the first time. */
export const arrivedCounter = (stream: string): OwnCounter<'sink'> => ownCounter(`rx_${stream}`);

/** The port's counters, then one for each stream that ends here. */
export function sinkCounters(streams: readonly string[]): readonly CounterSpec[] {
  const meaning = 'frames of this stream that arrived, intact and for the first time';
  return [
    ...PORT_COUNTERS,
    ...streams.map((stream): CounterSpec => ({ name: arrivedCounter(stream), role: 'event', meaning })),
  ];
}

export const SINK_PORTS = portsOf('sink', { wire: port<SinkWireLink>({ rx: ({ rx }) => [rx] }) });

export interface TrafficSinkConfig {
  readonly name: string;
  readonly counters: Region;
  /** Whom it takes frames for: what is addressed to anybody else is foreign. */
  readonly station: MacAddress;
  /** A histogram for each stream that ends here. */
  readonly latencies: readonly Region[];
  /** What it expects, stream by stream. */
  readonly check: CheckPlan;
}

export interface SinkWireLink {
  readonly rx: WireRef;
}

/**
 * The far end of one wire, a station with an address of its own: identifies each frame that is addressed to it,
 * verifies checksums and content, finds duplicates and reordering within a flow, and measures latency from the time
 * the frame was due to the time it left the NIC.
 */
export class TrafficSink implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly latencies: readonly Histogram[];
  private readonly check: TrafficCheck;
  /** The station's address as it lies at the start of a frame: a word, and the lower half of the next. */
  private readonly macFirstWord: number;
  private readonly macLastHalf: number;
  private wire: WireReceiver | null = null;

  constructor(memory: Memory, config: TrafficSinkConfig, check: TrafficCheck) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.latencies = config.latencies.map((region) => new Histogram(memory, region));
    this.check = check;
    const mac = new Int32Array(2);
    writeMac(new Uint8Array(mac.buffer), ETH_DST_BYTE, config.station.high, config.station.low);
    [this.macFirstWord, this.macLastHalf] = mac;
  }

  attach({ link }: JointOf<typeof SINK_PORTS>): void {
    this.wire = new WireReceiver(this.memory, link.rx);
  }

  detach(_socket: SocketOf<typeof SINK_PORTS>): void {
    this.wire = null;
  }

  poll(budget: number, _nowNs: number): number {
    const wire = this.wire;
    if (wire === null) return 0;
    const n = Math.min(budget, wire.readable(budget));
    if (n === 0) return 0;
    const counts = this.counters.values;
    const { check, macFirstWord, macLastHalf } = this;
    const words = wire.words;
    let bytes = 0;
    for (let i = 0; i < n; i++) {
      const length = wire.frameBytes();
      const frameByte = wire.frameByte();
      const at = frameByte >> 2;
      const isOwn = words[at] === macFirstWord && (words[at + 1] & 0xffff) === macLastHalf;
      const verdict = isOwn ? check.verify(wire.bytes, words, frameByte, length) : FRAME_FOREIGN;
      bytes += length;
      if (verdict === FRAME_FOREIGN) {
        counts[carriedType(wire.bytes, frameByte) === ETHERTYPE_ARP ? RX_ARP : RX_FOREIGN]++;
      } else if (verdict === FRAME_CORRUPT) {
        counts[RX_CORRUPT]++;
      } else {
        if (verdict === FRAME_DUPLICATE) counts[RX_DUPLICATE]++;
        else counts[STREAMS_FIRST + check.streamIndex]++;
        if (verdict === FRAME_REORDERED) counts[RX_REORDERED]++;
        if (verdict !== FRAME_UNTIMED) this.latencies[check.streamIndex].record(wire.dueNs() - check.sentNs, 1);
      }
      wire.next();
    }
    wire.release();
    counts[RX_PACKETS] += n;
    counts[RX_BYTES] += bytes;
    return n;
  }

  arm(): boolean {
    return this.wire === null || this.wire.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const SINK = component({
  kind: 'sink',
  place: 'sink',
  thread: 'hardware',
  drawn: { label: 'sink', colour: 'light grey' },
  lanes: { rx: 10 },
  counters: PORT_COUNTERS,
  ports: SINK_PORTS,
  measuredCost: { pollNs: 56, frameNs: 57 },
  create: (memory, config: TrafficSinkConfig) => new TrafficSink(memory, config, createCheck(config.check, memory)),
});
