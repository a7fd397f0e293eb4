import { describe, expect, test } from 'vitest';
import type { TrafficGenerator, TrafficGeneratorConfig } from '../../../actors/wire/generator.ts';
import type { StreamPacing } from '../../../actors/wire/paced-stream.ts';
import {
  THROTTLE_CHANGES_WORD,
  THROTTLE_RATES_DOUBLE,
  THROTTLE_STREAM_DOUBLES,
} from '../../../actors/wire/generator.ts';
import { bucketOf } from '../../../src/memory/histogram.ts';
import { WireReceiver } from '../../../src/memory/wire-ring.ts';
import { testFrameSendNs, testFrameSeq } from '../../../src/net/traffic/test-frame-check.ts';
import { PACED_BY_BYTES, PACED_BY_FRAMES, PACED_BY_WIRE_BYTES } from '../../../src/net/traffic/frame-schedule.ts';
import { ActorBed } from '../../support/actor-bed.ts';

const NAME = 'generator-eth0';
const LINE_NS = 672;
const LINE_FPS = 1e9 / LINE_NS;

function bench(pacing: Partial<StreamPacing> = {}, speedBps = 1e9) {
  const bed = new ActorBed();
  const planned = bed.config<TrafficGeneratorConfig>(NAME);
  const streams = planned.streams.map((stream) => ({ ...stream, ...pacing }));
  const generator = bed.create<TrafficGenerator>(NAME, { streams, speedBps });
  const rates = bed.memory.doubles(planned.throttle);
  const changes = bed.memory.words(planned.throttle);
  const wire = new WireReceiver(bed.memory, bed.wires.in);
  const counts = () => {
    const named = Object.entries(bed.counts(generator));
    return Object.fromEntries(named.map(([name, n]) => [name.replace(/_eth0-eth1$|_eth0.*$/, '_stream'), n]));
  };
  return {
    bed,
    generator,
    counts,
    lateness: bed.memory.doubles(planned.lateness),
    rate: (fps: number) => {
      rates[THROTTLE_RATES_DOUBLE] = fps;
      changes[THROTTLE_CHANGES_WORD]++;
    },
    /** Frames on the wire: sequence and due time. */
    sent(): { seq: number; due: number }[] {
      const got: { seq: number; due: number }[] = [];
      for (let n = wire.readable(1); n > 0; n--) {
        got.push({ seq: testFrameSeq(wire.words, wire.frameByte()), due: wire.dueNs() });
        expect(testFrameSendNs(wire.words, wire.frameByte())).toBe(Math.floor(wire.dueNs()));
        wire.next();
      }
      wire.release();
      return got;
    },
  };
}

describe('schedule', () => {
  test('nothing before a rate is given; then one frame every gap, stamped with when it was due', () => {
    const g = bench();
    expect(g.generator.poll(64, 900_000)).toBe(0);
    g.rate(100_000);
    g.generator.poll(64, 1_000_000);
    expect(g.generator.poll(64, 1_009_999)).toBe(0);
    expect(g.generator.poll(64, 1_010_000)).toBe(1);
    expect(g.generator.poll(64, 1_031_500)).toBe(2);
    expect(g.sent()).toEqual([
      { seq: 0, due: 1_010_000 },
      { seq: 1, due: 1_020_000 },
      { seq: 2, due: 1_030_000 },
    ]);
    expect(g.counts()).toMatchObject({ tx_packets: 3, tx_bytes: 180, offered_stream: 3, tx_stream: 3 });
  });

  test('bursts: back to back, at the distance that keeps the rate', () => {
    const g = bench({ burst: 4 });
    g.rate(100_000);
    g.generator.poll(64, 0);
    expect(g.generator.poll(64, 39_999)).toBe(0);
    expect(g.generator.poll(64, 40_000)).toBe(1);
    expect(g.generator.poll(64, 40_000 + 3 * LINE_NS)).toBe(3);
    expect(g.generator.poll(64, 79_999)).toBe(0);
    expect(g.sent().map(({ due }) => due)).toEqual([40_000, 40_000, 40_000, 40_000]);
  });

  test('poisson: the mean gap is the rate, gaps are spread as an exponential is, and the seed decides them', () => {
    const run = (seed: number): number[] => {
      const g = bench({ pattern: 'poisson', seed });
      g.rate(100_000);
      const dues: number[] = [];
      for (let now = 0; dues.length < 5000; now += 10_000) {
        g.generator.poll(64, now);
        dues.push(...g.sent().map(({ due }) => due));
      }
      return dues;
    };
    const dues = run(7);
    const gaps = dues.slice(1).map((due, i) => due - dues[i]);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(9_500);
    expect(mean).toBeLessThan(10_500);
    const aboveMean = gaps.filter((gap) => gap > mean).length / gaps.length;
    expect(Math.abs(aboveMean - Math.exp(-1))).toBeLessThan(0.03);
    expect(run(7)).toEqual(dues);
    expect(run(9)).not.toEqual(dues);
  });
});

describe('behind its schedule', () => {
  test('within a round the wire makes up for the time in which nobody looked, and for no more', () => {
    const g = bench();
    g.rate(LINE_FPS);
    g.generator.poll(1000, 0);
    expect(g.generator.poll(1000, 150_000)).toBe(223);
    expect(g.generator.poll(1000, 150_000)).toBe(0);
    let sent = 0;
    for (let now = 150_000; now < 250_000; now += LINE_NS) sent += g.generator.poll(1000, now);
    expect(Math.abs(sent - 149)).toBeLessThanOrEqual(1);
    expect(g.counts()['absences']).toBeUndefined();
    expect(g.counts()['caught_up']).toBeUndefined();
  });

  test('after an absence it sends at 3/2 of the pace until it has caught up, and counts what it sends till then', () => {
    const g = bench();
    g.rate(200_000);
    g.generator.poll(1000, 0);
    const [awayNs, roundNs] = [2_000_000, 10_000];
    let now = awayNs;
    // What came due in the absence would fill a pool of 256 at line rate: 400 frames in 0.3 ms.
    const first = g.generator.poll(1000, now);
    expect(first).toBeLessThanOrEqual(60);
    const sentIn = (ns: number): number => {
      let sent = 0;
      for (const end = now + ns; now < end; g.sent()) sent += g.generator.poll(1000, (now += roundNs));
      return sent;
    };
    // 1.7 ms are left to catch up, half of the time that passes.
    expect(Math.abs(sentIn(3_300_000) - 990)).toBeLessThanOrEqual(20);
    expect(g.generator.poll(1000, (now += roundNs))).toBeGreaterThanOrEqual(2);
    sentIn(200_000);
    expect(now - awayNs).toBeLessThan(2 * awayNs);
    const caughtUp = g.counts()['caught_up'];
    expect(sentIn(1_000_000)).toBe(200);
    expect(g.counts()).toMatchObject({ absences: 1, caught_up: caughtUp });
    expect(Math.abs(caughtUp - 1050)).toBeLessThan(60);
    expect(g.counts()['offered_stream']).toBe(g.counts()['tx_stream']);
  });

  test.each([1, 0.8])('what the wire has no room for after an absence is never sent: at %s of line rate', (share) => {
    const g = bench();
    g.rate(LINE_FPS * share);
    g.generator.poll(1000, 0);
    const [awayNs, roundNs] = [2_000_000, 10_000];
    let now = awayNs;
    const end = 3 * awayNs;
    let sent = g.generator.poll(1000, now);
    for (; now < end; g.sent()) sent += g.generator.poll(1000, (now += roundNs));
    // Never faster than the wire is, but for the round's worth that it makes up for.
    expect(sent * LINE_NS).toBeLessThanOrEqual(end - awayNs + 200_000 + roundNs);
    // Back on schedule within twice the absence.
    const counts = g.counts();
    for (; now < end + 200_000; now += roundNs) g.generator.poll(1000, now);
    const dues = g.sent().map(({ due }) => due);
    expect(now - roundNs - dues.at(-1)!).toBeLessThan(100_000 + roundNs);
    expect(g.counts()['caught_up']).toBe(counts['caught_up']);
    // All that was due counts as offered: two absences' worth could be sent and three were due, less what was spare.
    expect(Math.abs(counts['offered_stream'] - LINE_FPS * share * end * 1e-9)).toBeLessThanOrEqual(2);
    const spare = (1 - share) * (end - awayNs);
    expect(Math.abs(counts['tx_stream'] - (LINE_FPS * share * (end - awayNs) + LINE_FPS * spare) * 1e-9)).toBeLessThan(
      450,
    );
  });

  test('offered counts what was due, sent or not; lateness is measured', () => {
    const g = bench();
    g.rate(100_000);
    g.generator.poll(64, 0);
    g.generator.poll(1, 55_000);
    expect(g.counts()).toMatchObject({ offered_stream: 5, tx_stream: 1 });
    expect(g.lateness[bucketOf(45_000)]).toBe(1);
  });

  test('frames due when the rate changes are abandoned, and still count as offered', () => {
    const g = bench();
    g.rate(100_000);
    g.generator.poll(64, 0);
    g.rate(0);
    g.generator.poll(64, 55_000);
    expect(g.counts()).toMatchObject({ offered_stream: 5 });
    expect(g.counts()['tx_stream']).toBeUndefined();
    g.generator.poll(64, 1e9);
    expect(g.counts()).toMatchObject({ offered_stream: 5 });
    g.rate(50_000);
    g.generator.poll(64, 1e9);
    g.generator.poll(64, 1e9 + 20_000);
    expect(g.counts()).toMatchObject({ offered_stream: 6, tx_stream: 1 });
    expect(g.sent()).toEqual([{ seq: 0, due: 1e9 + 20_000 }]);
  });

  test('a full wire stops it and is counted; unplugged, the schedule goes on', () => {
    const g = bench({}, 1e12);
    g.rate(10_000_000);
    g.generator.poll(64, 0);
    for (let i = 1; i <= 10; i++) g.generator.poll(64, i * 100_000);
    expect(g.counts()).toMatchObject({ tx_packets: bedCells(g.bed) });
    expect(g.counts()['wire_full']).toBeGreaterThan(0);
    g.generator.detach({ port: 'wire', index: 0 });
    expect(g.generator.poll(64, 2_000_000)).toBe(0);
    expect(g.counts()['offered_stream']).toBe(20_000);
  });
});

function bedCells(bed: ActorBed): number {
  return bed.wires.in.cells;
}

describe('two streams on one wire that carries half of what is due', () => {
  test('share the shortfall', () => {
    const twice = `
name: two-streams
ports: [{ name: eth0, speed: 1Gbps }, { name: eth1, speed: 1Gbps }]
bridges: [{ name: br0, ports: [eth0, tap0] }, { name: br1, ports: [eth1, tap1] }]
vms:
  - name: vm0
    nics: [{ name: vnic0, mode: vhost, tap: { name: tap0 } }, { name: vnic1, mode: vhost, tap: { name: tap1 } }]
traffic: { streams: [{ name: a, from: eth0, to: eth1 }, { name: b, from: eth0, to: eth1 }] }
run: { phases: [{ name: only, rate: 100%, duration: 1s }] }
`;
    const bed = new ActorBed([], twice);
    const { throttle } = bed.config<TrafficGeneratorConfig>(NAME);
    const generator = bed.create<TrafficGenerator>(NAME);
    const wire = new WireReceiver(bed.memory, bed.wires.in);
    const rates = bed.memory.doubles(throttle);
    for (const s of [0, 1]) rates[THROTTLE_RATES_DOUBLE + THROTTLE_STREAM_DOUBLES * s] = 1e9 / LINE_NS;
    bed.memory.words(throttle)[THROTTLE_CHANGES_WORD]++;
    for (let nowNs = 0; nowNs < 1e6; nowNs += 2000) {
      generator.poll(64, nowNs);
      for (let n = wire.readable(1); n > 0; n--) wire.next();
      wire.release();
    }
    const { tx_a: a, tx_b: b } = bed.counts(generator);
    expect(a + b).toBeGreaterThan(1400);
    expect(Math.abs(a - b)).toBeLessThan(0.05 * a);
  });
});

describe('a source whose frames differ', () => {
  const SIZES = [100, 300];
  /** Frames of 100 and 300 bytes in turn, with the FCS, paced as asked. */
  function paced(fps: number, pacedBy: number, pacing: Partial<StreamPacing> = {}) {
    const bed = new ActorBed();
    const planned = bed.config<TrafficGeneratorConfig>(NAME);
    const streams = planned.streams.map((stream) => ({ ...stream, ...pacing }));
    const sources = planned.sources.map((source) => ({ ...source, sizesBytes: SIZES }));
    const generator = bed.create<TrafficGenerator>(NAME, { streams, sources, speedBps: 1e9 });
    const rates = bed.memory.doubles(planned.throttle);
    rates.set([fps, pacedBy], THROTTLE_RATES_DOUBLE);
    bed.memory.words(planned.throttle)[THROTTLE_CHANGES_WORD]++;
    const wire = new WireReceiver(bed.memory, bed.wires.in);
    const until = (endNs: number): number[] => {
      const dues: number[] = [];
      for (let nowNs = 0; nowNs <= endNs; nowNs += 1000) {
        generator.poll(64, nowNs);
        for (let n = wire.readable(1); n > 0; n--) {
          dues.push(wire.dueNs());
          wire.next();
        }
        wire.release();
      }
      return dues;
    };
    return { until, counts: () => bed.counts(generator) };
  }

  test('is paced by bytes: a gap is as long as the frame before it, at the mean rate asked for', () => {
    expect(paced(100_000, PACED_BY_BYTES).until(40_000)).toEqual([0, 5000, 20_000, 25_000, 40_000]);
    const onWire = paced(100_000, PACED_BY_WIRE_BYTES).until(40_000);
    expect(onWire.map((ns) => Math.round(ns))).toEqual([0, 5455, 20_000, 25_455, 40_000]);
    expect(paced(100_000, PACED_BY_FRAMES).until(40_000)).toEqual([10_000, 20_000, 30_000, 40_000]);
  });

  test('sends bursts back to back, and waits for all their bytes', () => {
    const dues = paced(100_000, PACED_BY_BYTES, { burst: 3 }).until(61_000);
    expect(dues.slice(0, 7)).toEqual([0, 0, 0, 25_000, 25_000, 25_000, 60_000]);
  });

  test('at random keeps the mean', () => {
    const dues = paced(100_000, PACED_BY_BYTES, { pattern: 'poisson' }).until(20e6);
    expect(Math.abs(dues.length - 2000)).toBeLessThan(200);
  });

  test('counts what was due and not sent when the pace changes', () => {
    const bed = new ActorBed();
    const planned = bed.config<TrafficGeneratorConfig>(NAME);
    const sources = planned.sources.map((source) => ({ ...source, sizesBytes: SIZES }));
    const generator = bed.create<TrafficGenerator>(NAME, { sources, speedBps: 1e9 });
    const ask = (fps: number): void => {
      bed.memory.doubles(planned.throttle).set([fps, PACED_BY_BYTES], THROTTLE_RATES_DOUBLE);
      bed.memory.words(planned.throttle)[THROTTLE_CHANGES_WORD]++;
    };
    ask(100_000);
    generator.poll(64, 0);
    // 0, 5, 20, 25, 40 and 45 us are due by 50 us, and nobody came round before.
    ask(0);
    generator.poll(64, 50_000);
    const offered = Object.entries(bed.counts(generator)).find(([name]) => name.startsWith('offered_'))![1];
    expect(offered).toBe(6);
  });
});
