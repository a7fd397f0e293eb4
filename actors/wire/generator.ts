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
import { CATCH_UP_NS } from './catch-up.ts';

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
    meaning: 'frames sent late after an absence, at no more than 5/4 of their pace until all had caught up',
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
 * Word of the throttle that counts changes. From byte 8 on each stream has two 64-bit floats: its mean rate in
 * frames/s, and what it is paced by, one of the PACED_BY_ values.
 */
export const THROTTLE_CHANGES_WORD = 0;
export const THROTTLE_RATES_DOUBLE = 1;
export const THROTTLE_STREAM_DOUBLES = 2;

/** Bytes of a throttle. */
export const throttleBytes = (streams: number): number =>
  8 * (THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * streams);

export const GENERATOR_PORTS = portsOf('generator', { wire: port<GeneratorWireLink>() });

/** How the frames of a stream are spaced in time. */
export interface StreamPacing {
  /** Bursts at equal distances, or at exponentially distributed ones (a Poisson process of bursts). */
  readonly pattern: 'constant' | 'poisson';
  /** Frames sent back to back. */
  readonly burst: number;
  readonly seed: number;
}

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

/** One stream's place in time. */
class Stream {
  readonly source: TrafficSource;
  private readonly poisson: boolean;
  private readonly burst: number;
  private random: number;
  gapNs = 0;
  /** When the next frame is due; Infinity while the stream is off. */
  dueNs = Infinity;
  private burstLeft = 0;
  /** Frames sent, and so the number of the next one. */
  seq = 0;
  /** Frames that were due when the pace changed and were never sent. */
  private abandoned = 0;
  /** What paces it besides the number of frames: see Scale; null for nothing. */
  private places: Float64Array | null = null;
  private perFrame = 0;
  /** Frames of a round, and its length on the scale. */
  private roundFrames = 1;
  private round = 0;
  /** Time of one step on the scale, and of its beginning. */
  private stepNs = 0;
  private epochNs = 0;
  /** The first frame of the burst: its place in its round, and how far the rounds before it have come. */
  private at = 0;
  private before = 0;
  /** Where on the scale the next burst begins. */
  private place = 0;

  constructor(source: TrafficSource, pacing: StreamPacing) {
    this.source = source;
    this.poisson = pacing.pattern === 'poisson';
    this.burst = pacing.burst;
    this.random = pacing.seed | 1;
  }

  /** Starts, stops or changes pace from `nowNs` on. @param pacedBy one of the PACED_BY_ values. */
  setRate(fps: number, pacedBy: number, nowNs: number): void {
    this.abandoned += this.behind(nowNs);
    this.gapNs = fps > 0 ? (1e9 * this.burst) / fps : Infinity;
    this.burstLeft = this.burst;
    const scale = fps > 0 ? (this.source.schedule?.scaleOf(pacedBy) ?? null) : null;
    this.places = scale === null ? null : scale.places;
    if (scale === null) {
      this.dueNs = fps > 0 ? nowNs + this.nextGapNs() : Infinity;
      return;
    }
    this.perFrame = scale.perFrame;
    this.roundFrames = scale.places.length - 1;
    this.round = scale.places[this.roundFrames] + this.perFrame * this.roundFrames;
    this.stepNs = (1e9 * this.roundFrames) / (fps * this.round);
    this.at = this.seq % this.roundFrames;
    this.before = ((this.seq - this.at) / this.roundFrames) * this.round;
    this.place = this.before + scale.places[this.at] + this.perFrame * this.at;
    this.epochNs = nowNs - this.place * this.stepNs;
    this.dueNs = nowNs;
  }

  /** One frame was sent: the next of the burst is due at once, a new burst after a gap. */
  advance(): void {
    this.seq++;
    if (--this.burstLeft > 0) return;
    this.burstLeft = this.burst;
    if (this.places === null) this.dueNs += this.nextGapNs();
    else this.goOn(this.places);
  }

  /** The burst after this one is due where its first frame stands, or, at random, after a gap of that mean. */
  private goOn(places: Float64Array): void {
    this.at += this.burst;
    while (this.at >= this.roundFrames) {
      this.at -= this.roundFrames;
      this.before += this.round;
    }
    const place = this.before + places[this.at] + this.perFrame * this.at;
    // From the beginning of the scale each time: nothing that is rounded adds up.
    if (this.poisson) this.dueNs += (place - this.place) * this.stepNs * this.nextExponential();
    else this.dueNs = this.epochNs + place * this.stepNs;
    this.place = place;
  }

  /** Frames due since the beginning. */
  offered(nowNs: number): number {
    return this.seq + this.abandoned + this.behind(nowNs);
  }

  private behind(nowNs: number): number {
    if (this.dueNs > nowNs) return 0;
    if (this.places !== null && !this.poisson) return this.behindOnScale(this.places, nowNs);
    return this.burstLeft + Math.floor((nowNs - this.dueNs) / this.gapNs) * this.burst;
  }

  /** Frames not sent of all bursts that begin at places that the time has reached. */
  private behindOnScale(places: Float64Array, nowNs: number): number {
    const reached = (nowNs - this.epochNs) / this.stepNs;
    const rounds = Math.floor(reached / this.round);
    const rest = reached - rounds * this.round;
    let low = 0;
    let high = this.roundFrames;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle] + this.perFrame * middle <= rest) low = middle + 1;
      else high = middle;
    }
    const sentOfBurst = this.burst - this.burstLeft;
    const dueFromBurst = rounds * this.roundFrames + low - (this.seq - sentOfBurst);
    const due = Math.ceil(dueFromBurst / this.burst) * this.burst - sentOfBurst;
    return due > this.burstLeft ? due : this.burstLeft;
  }

  private nextGapNs(): number {
    return this.poisson ? this.nextExponential() * this.gapNs : this.gapNs;
  }

  /** Of mean 1. */
  private nextExponential(): number {
    // Marsaglia's xorshift32; its state is never zero, so the logarithm is finite.
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return -Math.log((x >>> 0) / 4_294_967_296);
  }
}

/**
 * The traffic source on one wire: open loop, each frame at its time. A frame carries the time it was due, so latency
 * counts from there whatever the generator's own lateness, which is measured beside it.
 *
 * A generator that was away for longer than a thread's round does not send in one burst what came due meanwhile: a
 * receiver's 256 buffers would be lost to it, and the loss be the generator's. Its schedule stood still while it was
 * away and then goes faster than time by CATCH_UP_PACE until it has caught up, the pattern of the traffic unchanged.
 * What it sends until then is counted, and nothing ever leaves faster than the wire is.
 */
export class TrafficGenerator implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly lateness: Histogram;
  private readonly throttleWords: Int32Array;
  private readonly throttleRates: Float64Array;
  private readonly streams: Stream[];
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
    this.streams = config.streams.map((pacing, i) => new Stream(sources[i], pacing));
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
    if (this.wireFreeNs < nowNs - CATCH_UP_NS) this.wireFreeNs = nowNs - CATCH_UP_NS;
    const sent = this.sendAllDue(wire, budget);
    if (sent === 0) return 0;
    wire.publish();
    if (this.clockNs < nowNs) this.counters.values[TX_CAUGHT_UP] += sent;
    return sent;
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
  private sendDue(stream: Stream, wire: WireSender, budget: number): number {
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
      this.streams[s].setRate(this.throttleRates[rate], this.throttleRates[rate + 1], nowNs);
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

/** A busy hardware thread comes round in less: 64 frames for each actor of 16 ports. */
const AWAY_NS = 200_000;
/** How fast the schedule of a generator that was away goes until it has caught up. */
export const CATCH_UP_PACE = 1.25;

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
