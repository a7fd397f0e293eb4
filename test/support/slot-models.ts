/** fast-check commands that drive rings, pools and magazines against plain arrays. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Arena, Memory } from '../../src/memory/arena.ts';
import { FramePool, FrameReturns, RETURN_BATCH, SlotMemory, SlotMemoryPlanner } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer, IdRingProducer, reserveRing, ringDepth, ringIds } from '../../src/memory/id-ring.ts';
import { depotEntries, fillDepot, Magazine, reserveDepot } from '../../src/memory/magazine.ts';
import { reserveWire, wireDepth, WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';

export function memoryOf(arena: Arena): Memory {
  return new Memory('the test', [[arena.name, new SharedArrayBuffer(arena.bytes)]]);
}

/** A step on the real thing and on its model at once. */
type Step<R> = fc.Command<object, R>;

function step<R>(name: string, act: (real: R) => void): Step<R> {
  return { check: () => true, run: (_, real) => act(real), toString: () => name };
}

export function runSteps<R>(make: () => R, steps: fc.Arbitrary<Step<R>>[], numRuns: number): void {
  const commands = fc.commands(steps, { maxCommands: 150, size: 'max' });
  fc.assert(
    fc.property(commands, (plan) => fc.modelRun(() => ({ model: {}, real: make() }), plan)),
    { numRuns },
  );
}

const some = fc.integer({ min: 1, max: 5 });

/** Two ends of one ring, and three arrays: put and not published, published and not read, read and not released. */
export class RingBed {
  readonly memory: Memory;
  readonly ring;
  readonly producer: IdRingProducer;
  readonly consumer: IdRingConsumer;
  readonly put: number[] = [];
  readonly published: number[] = [];
  taken = 0;
  next = -5;

  constructor(start: number) {
    const arena = new Arena('ring');
    this.ring = reserveRing(arena, 4);
    this.memory = memoryOf(arena);
    const words = this.memory.words(this.ring.region);
    words[0] = words[32] = start;
    this.producer = new IdRingProducer(this.memory, this.ring);
    this.consumer = new IdRingConsumer(this.memory, this.ring);
  }
}

export const RING_STEPS: fc.Arbitrary<Step<RingBed>>[] = [
  some.map((n) =>
    step(`put ${n}`, (r) => {
      const held = r.put.length + r.published.length + r.taken;
      const room = r.producer.writable(n);
      expect(room).toBeLessThanOrEqual(4 - held);
      expect(room >= Math.min(n, 4 - held)).toBe(true);
      for (let i = 0; i < Math.min(n, room); i++) {
        r.producer.put(r.next);
        r.put.push(r.next++);
      }
    }),
  ),
  fc.constant(
    step('publish', (r) => {
      r.producer.publish();
      r.published.push(...r.put.splice(0));
    }),
  ),
  some.map((n) =>
    step(`take ${n}`, (r) => {
      const ready = r.consumer.readable(n);
      expect(ready).toBeLessThanOrEqual(r.published.length);
      expect(ready >= Math.min(n, r.published.length)).toBe(true);
      for (let i = 0; i < Math.min(n, ready); i++) {
        expect(r.consumer.peek()).toBe(r.published[0]);
        expect(r.consumer.take()).toBe(r.published.shift());
        r.taken++;
      }
    }),
  ),
  fc.constant(
    step('release', (r) => {
      r.consumer.release();
      r.taken = 0;
      expect(ringIds(r.memory, r.ring)).toEqual(r.published);
      expect(ringDepth(r.memory, r.ring)).toBe(r.published.length);
      expect(r.consumer.depth()).toBe(r.published.length);
      expect(r.producer.depth()).toBe(r.published.length + r.put.length);
    }),
  ),
];

interface Cell {
  readonly bytes: number;
  readonly due: number;
  readonly tag: number;
}

/** A wire of four cells, its frames filled with a byte of their own. */
export class WireBed {
  readonly memory: Memory;
  readonly wire;
  readonly sender: WireSender;
  readonly receiver: WireReceiver;
  readonly sent: Cell[] = [];
  readonly flying: Cell[] = [];
  passed = 0;
  count = 0;

  constructor(start: number) {
    const arena = new Arena('wire');
    this.wire = reserveWire(arena, 4);
    this.memory = memoryOf(arena);
    const words = this.memory.words(this.wire.region);
    words[0] = words[32] = start;
    this.sender = new WireSender(this.memory, this.wire);
    this.receiver = new WireReceiver(this.memory, this.wire);
  }
}

export const WIRE_STEPS: fc.Arbitrary<Step<WireBed>>[] = [
  some.map((n) =>
    step(`send ${n}`, (w) => {
      const free = 4 - w.sent.length - w.flying.length - w.passed;
      const room = w.sender.writable(n);
      expect(room <= free && room >= Math.min(n, free)).toBe(true);
      for (let i = 0; i < Math.min(n, room); i++) {
        const cell = { bytes: 60 + (w.count % 9), due: w.count * 1.5, tag: 7 - w.count++ };
        expect(w.sender.frameWord() * 4).toBe(w.sender.frameByte());
        w.sender.bytes.fill(cell.bytes, w.sender.frameByte(), w.sender.frameByte() + cell.bytes);
        w.sender.send(cell.bytes, cell.due, cell.tag);
        w.sent.push(cell);
      }
    }),
  ),
  fc.constant(
    step('publish', (w) => {
      w.sender.publish();
      w.flying.push(...w.sent.splice(0));
    }),
  ),
  some.map((n) =>
    step(`receive ${n}`, (w) => {
      const ready = w.receiver.readable(n);
      expect(ready <= w.flying.length && ready >= Math.min(n, w.flying.length)).toBe(true);
      for (let i = 0; i < Math.min(n, ready); i++) {
        const { receiver } = w;
        const cell = w.flying.shift()!;
        expect([receiver.frameBytes(), receiver.dueNs(), receiver.tag()]).toEqual([cell.bytes, cell.due, cell.tag]);
        const frame = receiver.bytes.slice(receiver.frameByte(), receiver.frameByte() + cell.bytes);
        expect(frame.every((byte) => byte === cell.bytes)).toBe(true);
        expect(receiver.frameWord() * 4).toBe(receiver.frameByte());
        receiver.next();
        w.passed++;
      }
    }),
  ),
  fc.constant(
    step('release', (w) => {
      w.receiver.release();
      w.passed = 0;
      expect(wireDepth(w.memory, w.wire)).toBe(w.flying.length);
    }),
  ),
];

/** Two pools; the owner of the first, and two actors that end frames of both. */
export class PoolBed {
  readonly memory: Memory;
  readonly pools: FramePool[];
  readonly enders: FrameReturns[];
  readonly ids: number[][];
  /** Out of the pool and not handed back. */
  readonly held: number[] = [];
  /** Handed back by ender e and not flushed. */
  readonly unflushed: number[][] = [[], []];

  constructor() {
    const arena = new Arena('host');
    const planner = new SlotMemoryPlanner();
    const refs = [planner.addPool(1), planner.addPool(1025)];
    const slots = planner.reserve(arena);
    this.memory = memoryOf(arena);
    const slotMemory = (): SlotMemory => new SlotMemory(this.memory, slots);
    this.pools = refs.map((ref) => new FramePool(this.memory, slotMemory(), ref));
    this.enders = [0, 1].map(() => new FrameReturns(slotMemory()));
    this.ids = refs.map(({ firstId, slots: n }) => Array.from({ length: n }, (_, i) => firstId + i));
  }

  poolOf(id: number): number {
    return id < this.ids[1][0] ? 0 : 1;
  }
}

const many = fc.integer({ min: 1, max: 900 });

export const POOL_STEPS: fc.Arbitrary<Step<PoolBed>>[] = [
  fc.tuple(fc.nat(1), many).map(([p, n]) =>
    step(`acquire ${n} of pool ${p}`, (b) => {
      const out = b.held.concat(...b.unflushed).filter((id) => b.poolOf(id) === p).length;
      const available = b.pools[p].available(n);
      expect(available >= Math.min(n, b.ids[p].length - out)).toBe(true);
      expect(available).toBeLessThanOrEqual(b.ids[p].length - out);
      for (let i = 0; i < Math.min(n, available); i++) {
        const id = b.pools[p].acquire();
        expect(b.poolOf(id)).toBe(p);
        expect(b.held.includes(id)).toBe(false);
        b.held.push(id);
      }
    }),
  ),
  fc.tuple(fc.nat(1), many).map(([e, n]) =>
    step(`ender ${e} frees ${n}`, (b) => {
      for (const id of b.held.splice(0, n)) {
        if (b.unflushed[e].length === RETURN_BATCH) b.unflushed[e].length = 0;
        b.enders[e].free(id);
        b.unflushed[e].push(id);
      }
    }),
  ),
  fc.nat(1).map((e) =>
    step(`ender ${e} flushes`, (b) => {
      b.enders[e].flush();
      b.unflushed[e].length = 0;
    }),
  ),
  fc.constant(
    step('owner releases one', (b) => {
      const id = b.held.pop();
      if (id !== undefined) b.pools[b.poolOf(id)].release(id);
    }),
  ),
  fc.nat(1).map((p) =>
    step(`stock of pool ${p}`, (b) => {
      b.pools[p].reclaim();
      const out = b.held.concat(...b.unflushed).filter((id) => b.poolOf(id) === p);
      expect([...b.pools[p].freeIds(), ...out].sort((x, y) => x - y)).toEqual(b.ids[p]);
    }),
  ),
];

const ENTRIES = 24;

/** Two magazines over one depot, whose lock may be taken by somebody else. */
export class MagazineBed {
  readonly memory: Memory;
  readonly depot;
  readonly magazines: Magazine[];
  readonly held: number[] = [];
  readonly all = Array.from({ length: ENTRIES }, (_, i) => 4096 + i * 2112);

  constructor() {
    const arena = new Arena('guest');
    this.depot = reserveDepot(arena, ENTRIES);
    this.memory = memoryOf(arena);
    fillDepot(this.memory, this.depot, this.all);
    this.magazines = [0, 1].map(() => new Magazine(this.memory, this.depot, 6));
  }

  get locked(): boolean {
    return this.memory.words(this.depot)[0] === 1;
  }
}

export const MAGAZINE_STEPS: fc.Arbitrary<Step<MagazineBed>>[] = [
  fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 12 })).map(([m, n]) =>
    step(`take ${n} through ${m}`, (b) => {
      const magazine = b.magazines[m];
      const had = magazine.entries().length;
      const inDepot = depotEntries(b.memory, b.depot).length;
      const available = magazine.available(n);
      // As many as wanted, if there are that many within reach; never fewer than were at hand.
      expect(available >= (b.locked ? had : Math.min(n, had + inDepot))).toBe(true);
      for (let i = 0; i < Math.min(n, available); i++) b.held.push(magazine.take());
    }),
  ),
  fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 12 })).map(([m, n]) =>
    step(`put ${n} through ${m}`, (b) => {
      for (const entry of b.held.splice(0, n)) b.magazines[m].put(entry);
      if (!b.locked) expect(b.magazines[m].entries().length).toBeLessThanOrEqual(ENTRIES);
    }),
  ),
  fc.boolean().map((taken) =>
    step(taken ? 'lock taken' : 'lock free', (b) => {
      b.memory.words(b.depot)[0] = taken ? 1 : 0;
    }),
  ),
  fc.constant(
    step('stock', (b) => {
      const everywhere = [
        ...b.held,
        ...depotEntries(b.memory, b.depot),
        ...b.magazines.flatMap((magazine) => magazine.entries()),
      ];
      expect(everywhere.sort((x, y) => x - y)).toEqual(b.all);
    }),
  ),
];
