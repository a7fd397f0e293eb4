import { describe, expect, test } from 'vitest';
import type { TrafficSink, TrafficSinkConfig } from '../../../actors/wire/sink.ts';
import { SINK_PORTS } from '../../../actors/wire/sink.ts';
import { bucketOf } from '../../../src/memory/histogram.ts';
import { WireSender } from '../../../src/memory/wire-ring.ts';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import type { FrameSpec } from '../../../src/net/traffic/frame-template.ts';
import { ActorBed, ethernet } from '../../support/actor-bed.ts';

/** Stream 0 of the bed runs from eth0 to eth1 and has four flows. */
const NAME = 'sink-eth1';
const STATION = parseMac('02:00:00:00:00:02');

function bench(overrides: readonly string[] = []) {
  const bed = new ActorBed(overrides);
  const sink = bed.create<TrafficSink>(NAME);
  const wire = new WireSender(bed.memory, bed.link(NAME, SINK_PORTS.wire).rx);
  const { spec } = bed.planOf('generator-eth0');
  if (spec.kind !== 'generator' || spec.config.sources[0].kind !== 'generated')
    throw new Error('generated traffic only');
  const flows: FrameSpec = spec.config.sources[0].flows;
  const put = (frame: Uint8Array, leftNs = 0): void => {
    wire.bytes.set(frame, wire.frameByte());
    wire.send(frame.length, leftNs, 0);
    wire.publish();
    sink.poll(64, 0);
  };
  return {
    bed,
    sink,
    put,
    latency: bed.memory.doubles(bed.config<TrafficSinkConfig>(NAME).latencies[0]),
    frame: (seq: number, sendNs = 0, spec: Partial<FrameSpec> = {}) =>
      buildFrame({ ...flows, dstMac: STATION, srcPort: flows.srcPort + (seq % 4), ...spec }, 64, seq, sendNs),
    counts: () => {
      const named = Object.entries(bed.counts(sink));
      return Object.fromEntries(named.map(([name, n]) => [/^rx_eth0/.test(name) ? 'rx_stream' : name, n]));
    },
  };
}

describe('verdicts', () => {
  test('good frames count for their stream', () => {
    const s = bench();
    [0, 1, 2, 3].forEach((seq) => s.put(s.frame(seq)));
    expect(s.counts()).toEqual({ rx_packets: 4, rx_bytes: 240, rx_stream: 4 });
  });

  test('a frame seen before is a duplicate and not delivered again', () => {
    const s = bench();
    [0, 1, 1, 0].forEach((seq) => s.put(s.frame(seq)));
    expect(s.counts()).toMatchObject({ rx_packets: 4, rx_stream: 2, rx_duplicate: 2 });
  });

  test('reordering counts within a flow only', () => {
    const s = bench();
    // Sequence 4 is of flow 0, as 0 is; 1 and 2 are of others.
    [4, 2, 1, 0].forEach((seq) => s.put(s.frame(seq)));
    expect(s.counts()).toMatchObject({ rx_stream: 4, rx_reordered: 1 });
  });

  test.each([
    ['the payload', 59],
    ['the IP header', 15],
    ['the UDP checksum', 40],
  ])('corrupt: one bit of %s', (_, at) => {
    const s = bench();
    const frame = s.frame(0);
    frame[at] ^= 1;
    s.put(frame);
    expect(s.counts()).toEqual({ rx_packets: 1, rx_bytes: 60, rx_corrupt: 1 });
  });

  test('corrupt: whole, but from another address or port than the flow was sent from', () => {
    const s = bench();
    s.put(s.frame(0, 0, { srcPort: 1025 }));
    s.put(s.frame(1, 0, { dstPort: 10 }));
    expect(s.counts()).toEqual({ rx_packets: 2, rx_bytes: 120, rx_corrupt: 2 });
  });

  test('foreign: no test frame, or of a stream that ends elsewhere', () => {
    const s = bench();
    s.put(ethernet('02:00:00:00:00:01', '02:00:00:00:00:02'));
    s.put(s.frame(0, 0, { stream: 1 }));
    s.put(s.frame(0, 0, { stream: 900 }));
    expect(s.counts()).toMatchObject({ rx_packets: 3, rx_foreign: 3 });
  });

  test.each([0, 1, 2, 3, 4, 5])('foreign: whole, but addressed to somebody else (octet %i)', (octet) => {
    const s = bench();
    const frame = s.frame(0);
    frame[octet] ^= 0x20;
    s.put(frame);
    expect(s.counts()).toEqual({ rx_packets: 1, rx_bytes: 60, rx_foreign: 1 });
    s.put(s.frame(0));
    expect(s.counts()).toMatchObject({ rx_packets: 2, rx_foreign: 1, rx_stream: 1 });
  });

  test('ARP is told from foreign frames whoever it is addressed to', () => {
    const s = bench();
    const arp = ethernet('ff:ff:ff:ff:ff:ff', '02:00:00:00:00:02');
    arp.set([0x08, 0x06], 12);
    s.put(arp);
    expect(s.counts()).toMatchObject({ rx_packets: 1, rx_arp: 1 });
  });
});

test('latency runs from when the frame was due to when it left the NIC', () => {
  const s = bench();
  s.put(s.frame(0, 1_000_000), 1_250_000);
  expect(s.latency[bucketOf(250_000)]).toBe(1);
  expect(s.latency.reduce((sum, n) => sum + n, 0)).toBe(1);
});

test('latency is of each stream by itself', () => {
  const s = bench(['traffic.streams=[{ from: eth0, to: eth1 }, { from: eth0, to: eth1, name: other }]']);
  s.put(s.frame(0, 1_000_000), 1_250_000);
  s.put(s.frame(0, 1_000_000, { stream: 1 }), 1_500_000);
  const [first, second] = s.bed.config<TrafficSinkConfig>(NAME).latencies.map((region) => s.bed.memory.doubles(region));
  expect([first[bucketOf(250_000)], first[bucketOf(500_000)]]).toEqual([1, 0]);
  expect([second[bucketOf(250_000)], second[bucketOf(500_000)]]).toEqual([0, 1]);
});

test('unplugged it takes nothing and may sleep', () => {
  const s = bench();
  s.sink.detach({ port: 'wire', index: 0 });
  s.put(s.frame(0));
  expect(s.counts()).toEqual({});
  expect(s.sink.arm()).toBe(true);
});
