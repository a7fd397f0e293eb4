import { describe, expect, it } from 'vitest';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { flowHash, NO_FLOW } from '../../../src/net/wire/flow-hash.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import { reserveTapFlows, TapFlows } from '../../../src/kernel/tap-flows.ts';

const mac = parseMac('02:00:00:00:00:01');
const [A, B] = [0xc6120001, 0xc6130001];

function frame(srcAddress: number, srcPort: number, dstAddress: number, dstPort: number): Uint8Array {
  const ends = { srcAddress, srcPort, dstAddress, dstPort };
  return buildFrame({ dstMac: mac, srcMac: mac, ...ends, ttl: 64, stream: 0 }, 64, 0, 0);
}

const hashOf = (bytes: Uint8Array): number => flowHash(bytes, 0, bytes.length);

describe('the flow hash', () => {
  it('is the same for both directions, and for addresses above 2^31 as well as below', () => {
    for (const [a, b] of [
      [A, B],
      [0x0a000001, B],
      [A, A],
    ]) {
      expect(hashOf(frame(a, 1024, b, 9))).toBe(hashOf(frame(b, 9, a, 1024)));
    }
    expect(hashOf(frame(A, 1024, B, 9))).not.toBe(hashOf(frame(A, 9, B, 1024)));
  });

  it('tells flows apart that differ in one port, address or protocol of a fragment', () => {
    const flows = [
      frame(A, 1, B, 2),
      frame(A, 3, B, 2),
      frame(A, 1, B, 3),
      frame(A + 1, 1, B, 2),
      frame(A, 1, B + 1, 2),
    ];
    const fragment = frame(A, 1, B, 2);
    fragment[20] = 0x20;
    expect(new Set([...flows, fragment].map(hashOf)).size).toBe(6);
  });

  it('is of nothing but IPv4, and never NO_FLOW then', () => {
    const arp = frame(A, 1, B, 2);
    arp.set([0x08, 0x06], 12);
    expect(hashOf(arp)).toBe(NO_FLOW);
    for (let port = 0; port < 2000; port++) expect(hashOf(frame(A, port, B, 9))).not.toBe(NO_FLOW);
  });
});

function bench() {
  const arena = new Arena('host');
  const region = reserveTapFlows(arena);
  const memory = new Memory('test', [['host', new SharedArrayBuffer(arena.bytes)]]);
  // Each end as a thread has it.
  return { memory, region, writer: new TapFlows(memory, region), reader: new TapFlows(memory, region) };
}

describe('steering', () => {
  it('without an entry takes the queue from the high bits of the hash (reciprocal_scale)', () => {
    const { reader } = bench();
    expect([1, 0x3fffffff, 0x40000000, 0x7fffffff, -1].map((hash) => reader.queueOf(hash, 4, 0))).toEqual([
      0, 0, 1, 1, 3,
    ]);
    expect([1, 0x7fffffff, -1].map((hash) => reader.queueOf(hash, 1, 0))).toEqual([0, 0, 0]);
    expect(reader.queueOf(NO_FLOW, 4, 0)).toBe(0);
  });

  it('sends a flow back by the queue it came from last', () => {
    const { writer, reader } = bench();
    const hash = hashOf(frame(A, 1024, B, 9));
    writer.note(hash, 3, 0);
    expect(reader.queueOf(hashOf(frame(B, 9, A, 1024)), 4, 1)).toBe(3);
    writer.note(hash, 2, 5);
    expect(reader.queueOf(hash, 4, 6)).toBe(2);
  });

  it('forgets a flow after three seconds of silence, and not before (TUN_FLOW_EXPIRE)', () => {
    const { writer, reader } = bench();
    writer.note(-5, 0, 100);
    expect([reader.queueOf(-5, 4, 3099), reader.queueOf(-5, 4, 3100)]).toEqual([0, 3]);
    writer.note(-5, 0, 3100);
    expect(reader.queueOf(-5, 4, 3101)).toBe(0);
  });

  it('never names a queue that is not attached', () => {
    const { writer, reader } = bench();
    writer.note(7, 3, 0);
    expect([reader.queueOf(7, 4, 0), reader.queueOf(7, 2, 0)]).toEqual([3, 0]);
  });

  it('holds four flows of one bucket; a fifth waits for one of them to expire', () => {
    const { writer, reader } = bench();
    const sameBucket = [0, 1, 2, 3, 4].map((i) => 5 + 1024 * i);
    sameBucket.forEach((hash) => writer.note(hash, 3, 0));
    expect(sameBucket.map((hash) => reader.queueOf(hash, 4, 1))).toEqual([3, 3, 3, 3, 0]);
    writer.note(sameBucket[0], 3, 2999);
    writer.note(sameBucket[4], 2, 3000);
    expect(sameBucket.map((hash) => reader.queueOf(hash, 4, 3000))).toEqual([3, 0, 0, 0, 2]);
  });

  it('goes without an entry while another worker adds one', () => {
    const { memory, region, writer, reader } = bench();
    memory.words(region)[0] = 1;
    writer.note(7, 3, 0);
    expect(reader.queueOf(7, 4, 0)).toBe(0);
    memory.words(region)[0] = 0;
    writer.note(7, 3, 0);
    expect(reader.queueOf(7, 4, 0)).toBe(3);
  });
});
