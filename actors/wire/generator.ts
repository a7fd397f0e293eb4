/**
 * In Linux: nothing; a tester outside the host (pktgen or a hardware generator), open loop.
 * In: nothing, frames begin here. Out: the wire, to the card (nic/nic.ts).
 * Thread: the hardware's, or one of its own.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Histogram } from '../../src/memory/histogram.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import { WireSender } from '../../src/memory/wire-ring.ts';
import { wireBytes } from '../../src/net/wire/ethernet.ts';
import { createSource } from '../../src/net/traffic/traffic-plan.ts';
import type { SourcePlan } from '../../src/net/traffic/traffic-plan.ts';
import type { TrafficSource } from '../../src/net/traffic/traffic-source.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, ownCounter, port, portsOf } from '../component.ts';
import type { JointOf, OwnCounter, SocketOf } from '../component.ts';
import type { StreamPacing } from './paced-stream.ts';
import { PacedStream } from './paced-stream.ts';

const PORT_COUNTERS = [
  { name: 'tx_packets', lane: 'tx', role: 'out', meaning: 'frames sent on the wire' },
  { name: 'tx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  {
    name: 'wire_full',
    role: 'event',
    meaning: 'polls that found the wire full of frames the NIC had not taken: the generator falls behind',
  },
  {
    name: 'absences',
    role: 'event',
    meaning: 'times the generator was not polled for over 200 us, for want of its core',
  },
  {
    name: 'caught_up',
    role: 'event',
    meaning: 'frames sent late after an absence, at no more than 3/2 of their pace until all had caught up',
  },
] as const satisfies readonly CounterSpec[];
const {
  tx_packets: TX_PACKETS,
  tx_bytes: TX_BYTES,
  wire_full: WIRE_FULL,
  absences: TX_ABSENCES,
  caught_up: TX_CAUGHT_UP,
} = indexCounters(PORT_COUNTERS);
const STREAMS_FIRST = PORT_COUNTERS.length;

/** Of one stream: the frames that were due so far, and those that were sent. */
export const offeredCounter = (stream: string): OwnCounter<'generator'> => ownCounter(`offered_${stream}`);
export const sentCounter = (stream: string): OwnCounter<'generator'> => ownCounter(`tx_${stream}`);

/** The port's counters, then two for each of its streams. */
export function generatorCounters(streams: readonly string[]): readonly CounterSpec[] {
  return [
    ...PORT_COUNTERS,
    ...streams.flatMap((name): CounterSpec[] => [
      { name: offeredCounter(name), role: 'event', meaning: 'frames of this stream that were due by now' },
      { name: sentCounter(name), role: 'event', meaning: 'frames of this stream that were sent' },
    ]),
  ];
}

/**
 * Word of the throttle that counts changes. From byte 8 on each stream has three 64-bit floats: its mean rate in
 * frames/s, what it is paced by, one of the PACED_BY_ values, and the frames of its bursts, 0 for as many as it has.
 */
export const THROTTLE_CHANGES_WORD = 0;
export const THROTTLE_RATES_DOUBLE = 1;
export const THROTTLE_STREAM_DOUBLES = 3;

/** Bytes of a throttle. */
export const throttleBytes = (streams: number): number =>
  8 * (THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * streams);

/** A busy hardware thread comes round in less: 64 frames for each actor of 16 ports. */
const AWAY_NS = 200_000;
/** How fast the schedule of a generator that was away goes until it has caught up: after twice the time it was away. */
export const CATCH_UP_PACE = 1.5;
/**
 * How long frames may wait for the wire while a generator catches up: bursts do, of 148 frames of 64 bytes at 1 Gbit/s.
 * A pool of 256 buffers lasts longer.
 */
const WIRE_WAIT_NS = 100_000;

export const GENERATOR_PORTS = portsOf('generator', { wire: port<GeneratorWireLink>() });

export interface TrafficGeneratorConfig {
  readonly name: string;
  readonly counters: Region;
  readonly lateness: Region;
  /** Rates, written by the main thread: see THROTTLE_CHANGES_WORD. */
  readonly throttle: Region;
  readonly speedBps: number;
  readonly streams: readonly StreamPacing[];
  /** Where each stream's frames come from. */
  readonly sources: readonly SourcePlan[];
}

export interface GeneratorWireLink {
  readonly tx: WireRef;
}

/**
 * The traffic source on one wire: open loop, each frame at its time. A frame carries the time it was due, so latency
 * counts from there whatever the generator's own lateness, which is measured beside it.
 *
 * A generator that was away for longer than a thread's round does not send in one burst what came due meanwhile: a
 * receiver's 256 buffers would be lost to it, and the loss be the generator's. Its schedule stood still while it was
 * away and then goes faster than time by CATCH_UP_PACE until it has caught up, the pattern of the traffic unchanged.
 * What it sends until then is counted. Nothing leaves faster than the wire is: what does not fit beside the frames that
 * come due meanwhile, at line rate all of it, is never sent and counts as offered, so that it is late no longer than
 * that. Within a round the wire makes up for the time in which nobody looked at it.
 */
export class TrafficGenerator implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly lateness: Histogram;
  private readonly throttleWords: Int32Array;
  private readonly throttleRates: Float64Array;
  private readonly streams: PacedStream[];
  /** Time of one byte on the wire. */
  private readonly byteNs: number;
  private wire: WireSender | null = null;
  private changesSeen = 0;
  private wireFreeNs = 0;
  /** The stream that sends first in this poll: each in turn, so that a shortfall of the wire or the core is shared. */
  private first = 0;
  private polledNs = -1;
  private lastPolledNs = -1;
  /** What the schedule has come to: the time, but for a generator that was away and has not caught up. */
  private clockNs = 0;

  constructor(memory: Memory, config: TrafficGeneratorConfig, sources: readonly TrafficSource[]) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.lateness = new Histogram(memory, config.lateness);
    this.throttleWords = memory.words(config.throttle);
    this.throttleRates = memory.doubles(config.throttle);
    this.byteNs = 8e9 / config.speedBps;
    this.streams = config.streams.map((pacing, i) => new PacedStream(sources[i], pacing));
  }

  attach({ link }: JointOf<typeof GENERATOR_PORTS>): void {
    this.wire = new WireSender(this.memory, link.tx);
  }

  detach(_socket: SocketOf<typeof GENERATOR_PORTS>): void {
    this.wire = null;
  }

  poll(budget: number, nowNs: number): number {
    this.lastPolledNs = this.polledNs;
    this.polledNs = nowNs;
    this.runClock();
    const changes = Atomics.load(this.throttleWords, THROTTLE_CHANGES_WORD);
    if (changes !== this.changesSeen) {
      this.changesSeen = changes;
      this.readThrottle(nowNs);
    }
    const wire = this.wire;
    if (wire === null) return 0;
    if (this.wireFreeNs < nowNs - AWAY_NS) this.wireFreeNs = nowNs - AWAY_NS;
    const sent = this.sendAllDue(wire, budget);
    if (sent === 0) return 0;
    wire.publish();
    if (this.clockNs < nowNs) {
      this.counters.values[TX_CAUGHT_UP] += sent;
      if (this.wireFreeNs > nowNs) this.abandonLate();
    }
    return sent;
  }

  /** The wire is busy, and more is to be caught up than it has room for. */
  private abandonLate(): void {
    const untilNs = this.clockNs - WIRE_WAIT_NS;
    for (let s = 0; s < this.streams.length; s++) {
      if (this.streams[s].dueNs < untilNs) this.streams[s].abandon(untilNs);
    }
  }

  /**
   * Takes the schedule on from the last poll to this one. Times are handed over in fields: where V8 does not inline a
   * call, it makes a heap number of each that is an argument, and this is called in every round.
   */
  private runClock(): void {
    const nowNs = this.polledNs;
    let elapsedNs = nowNs - this.lastPolledNs;
    // Before the first poll nothing was due.
    if (elapsedNs > AWAY_NS && this.lastPolledNs >= 0) {
      elapsedNs = AWAY_NS;
      this.counters.values[TX_ABSENCES]++;
    }
    const clockNs = this.clockNs + elapsedNs * CATCH_UP_PACE;
    this.clockNs = clockNs < nowNs ? clockNs : nowNs;
  }

  private sendAllDue(wire: WireSender, budget: number): number {
    const streams = this.streams;
    let sent = 0;
    let s = this.first;
    for (let turns = streams.length; turns > 0; turns--) {
      if (streams[s].dueNs <= this.clockNs) sent += this.sendDue(streams[s], wire, budget);
      s = s + 1 < streams.length ? s + 1 : 0;
    }
    if (sent > 0) this.first = this.first + 1 < streams.length ? this.first + 1 : 0;
    return sent;
  }

  /** Sends what is due on one stream, which is something, as far as the wire carries it. */
  private sendDue(stream: PacedStream, wire: WireSender, budget: number): number {
    const clockNs = this.clockNs;
    const nowNs = this.polledNs;
    const oldestDueNs = stream.dueNs;
    const room = wire.writable(budget);
    const most = room < budget ? room : budget;
    if (most === 0) this.counters.values[WIRE_FULL]++;
    const byteNs = this.byteNs;
    let wireFree = this.wireFreeNs;
    let bytes = 0;
    let sent = 0;
    while (sent < most && stream.dueNs <= clockNs && wireFree <= nowNs) {
      const due = stream.dueNs;
      const length = stream.source.write(wire.bytes, wire.words, wire.frameByte(), stream.seq, due);
      const startsNs = due > wireFree ? due : wireFree;
      wireFree = startsNs + wireBytes(length) * byteNs;
      wire.send(length, due, 0);
      stream.advance();
      bytes += length;
      sent++;
    }
    this.wireFreeNs = wireFree;
    const counts = this.counters.values;
    counts[TX_PACKETS] += sent;
    counts[TX_BYTES] += bytes;
    if (sent > 0) this.lateness.record(nowNs - oldestDueNs, sent);
    return sent;
  }

  /** Takes over new rates. Frames due by now and not sent never will be; they count as offered all the same. */
  private readThrottle(nowNs: number): void {
    this.clockNs = nowNs;
    for (let s = 0; s < this.streams.length; s++) {
      const rate = THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * s;
      const rates = this.throttleRates;
      this.streams[s].setRate(rates[rate], rates[rate + 1], nowNs, rates[rate + 2]);
    }
  }

  /** The wire's clock never stops; a host that lets this thread sleep has no rate to hold. */
  arm(): boolean {
    return true;
  }

  commit(): void {
    const counts = this.counters.values;
    for (let s = 0; s < this.streams.length; s++) {
      const at = STREAMS_FIRST + 2 * s;
      counts[at] = this.streams[s].offered(this.polledNs);
      counts[at + 1] = this.streams[s].seq;
    }
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const GENERATOR = component({
  kind: 'generator',
  place: 'generator',
  thread: 'hardware',
  drawn: { label: 'generator', colour: 'ink' },
  lanes: { tx: 0 },
  counters: PORT_COUNTERS,
  ports: GENERATOR_PORTS,
  measuredCost: { pollNs: 57, frameNs: 40 },
  create: (memory, config: TrafficGeneratorConfig) => {
    const sources = config.sources.map((source) => createSource(source, memory));
    return new TrafficGenerator(memory, config, sources);
  },
});
