import { describe, expect, test } from 'vitest';
import { SOFTIRQ_PORTS } from '../../../actors/host/softirq-links.ts';
import type { SoftirqConfig, SoftirqNicLink } from '../../../actors/host/softirq-links.ts';
import type { Softirq } from '../../../actors/host/softirq.ts';
import { jointsAt } from '../../../src/runtime/plan.ts';
import { IdRingConsumer, IdRingProducer, ringDepth } from '../../../src/memory/id-ring.ts';
import { FrameReturns, SLAB_SHIFT } from '../../../src/memory/frame-pool.ts';
import { InterruptSource } from '../../../src/kernel/interrupt-line.ts';
import { TapFeedback } from '../../../src/kernel/port-mask.ts';
import { ActorBed, poolIds, sorted } from '../../support/actor-bed.ts';

/** The card of one port: takes empty buffers, gives them back full. */
class Card {
  readonly link: SoftirqNicLink;
  private readonly bed: ActorBed;
  private readonly free: IdRingConsumer;
  private readonly done: IdRingProducer;
  private readonly sent: IdRingProducer | null;
  private readonly interrupt: InterruptSource;

  constructor(bed: ActorBed, port: number) {
    this.bed = bed;
    this.link = bed.link('softirq0', SOFTIRQ_PORTS.nic, port);
    this.free = new IdRingConsumer(bed.memory, this.link.rxFree);
    this.done = new IdRingProducer(bed.memory, this.link.rxDone);
    const { txDone } = this.link;
    this.sent = txDone === null ? null : new IdRingProducer(bed.memory, txDone);
    const softirq = bed.plan.threads.find(({ kind }) => kind === 'softirq')!;
    this.interrupt = new InterruptSource(bed.memory, this.link.interrupt, softirq.doorbell);
  }

  get unmasked(): boolean {
    return this.interrupt.unmasked;
  }

  raise(): void {
    this.interrupt.raise();
  }

  /** Frames into as many buffers as there are; the ids used. */
  receive(n: number): number[] {
    const ids = Array.from({ length: Math.min(n, this.free.readable(n)) }, () => this.free.take());
    this.free.release();
    ids.forEach((id) => this.done.put(id));
    this.done.publish();
    return ids;
  }

  transmitted(ids: readonly number[]): void {
    ids.forEach((id) => this.sent!.put(id));
    this.sent!.publish();
  }

  get posted(): number {
    return ringDepth(this.bed.memory, this.link.rxFree);
  }
}

function bench(config: Partial<SoftirqConfig> = {}, overrides: readonly string[] = []) {
  const bed = new ActorBed(overrides);
  const softirq = bed.create<Softirq>('softirq0', config);
  const plan = bed.planOf('softirq0');
  const cards = jointsAt(plan, SOFTIRQ_PORTS.nic).map(({ index }) => new Card(bed, index));
  const backlogs = jointsAt(plan, SOFTIRQ_PORTS.source).map(({ index: port, link }) => {
    const ring = new IdRingProducer(bed.memory, link.from);
    return {
      link,
      port,
      put: (ids: readonly number[]) => {
        ids.forEach((id) => ring.put(id));
        ring.publish();
      },
    };
  });
  return { bed, softirq, cards, backlogs };
}

describe('NAPI', () => {
  test('a poll handles at most the weight; spent, it stays scheduled and masked; else it completes and unmasks', () => {
    const { bed, softirq, cards } = bench();
    const [card] = cards;
    const ids = card.receive(100);
    expect(softirq.poll(1000, 0)).toBe(0);
    card.raise();
    expect(softirq.poll(1000, 0)).toBe(64);
    expect([card.unmasked, softirq.arm()]).toEqual([false, false]);
    expect(softirq.poll(1000, 0)).toBe(36);
    expect([card.unmasked, softirq.arm()]).toEqual([true, true]);
    expect(bed.ids(card.link.toBridge)).toEqual(ids);
    expect(bed.counts(softirq)).toMatchObject({
      rx_packets: 100,
      rx_to_bridge: 100,
      interrupts: 1,
      napi_polls: 2,
      napi_completions: 1,
    });
    expect(bed.held(softirq)).toBe(0);
  });

  test('exactly the weight means more may come: the poll is repeated before it completes', () => {
    const { softirq, cards } = bench();
    cards[0].receive(64);
    cards[0].raise();
    expect([softirq.poll(64, 0), cards[0].unmasked]).toEqual([64, false]);
    expect([softirq.poll(64, 0), cards[0].unmasked]).toEqual([0, true]);
  });

  test('a budget below the weight limits the poll, and the rest waits its turn', () => {
    const { softirq, cards } = bench();
    cards[0].receive(20);
    cards[0].raise();
    expect([softirq.poll(8, 0), softirq.poll(8, 0), softirq.poll(8, 0)]).toEqual([8, 8, 4]);
  });

  test('the poll list is served round robin: cards and backlog in turn', () => {
    const { bed, softirq, cards, backlogs } = bench();
    cards.forEach((card) => {
      card.receive(150);
      card.raise();
    });
    backlogs[0].put(Array.from({ length: 70 }, (_, i) => 8000 + i));
    const depths = () => [
      ringDepth(bed.memory, cards[0].link.toBridge),
      ringDepth(bed.memory, cards[1].link.toBridge),
      ringDepth(bed.memory, backlogs[0].link.toBridge),
    ];
    const order: number[][] = [];
    for (let i = 0; i < 8; i++) {
      softirq.poll(64, 0);
      order.push(depths());
    }
    expect(order).toEqual([
      [64, 0, 0],
      [64, 64, 0],
      [64, 64, 64],
      [128, 64, 64],
      [128, 128, 64],
      [128, 128, 70],
      [150, 128, 70],
      [150, 150, 70],
    ]);
    expect(bed.held(softirq)).toBe(0);
  });

  test('sent frames are freed: own slots to the pool, others home to theirs', () => {
    const { bed, softirq, cards } = bench();
    const { pool } = bed.config<SoftirqConfig>('softirq0');
    const other = bed.plan.pools.find(({ index }) => index !== pool.index)!;
    const foreign = other.firstId;
    const [own] = cards[0].receive(1);
    cards[0].raise();
    softirq.poll(64, 0);
    bed.take(cards[0].link.toBridge);
    cards[1].transmitted([own, foreign]);
    cards[1].raise();
    softirq.poll(64, 0);
    expect(bed.counts(softirq)['tx_cleaned']).toBe(2);
    expect(bed.returned(other.index)).toEqual([foreign]);
    const everywhere = [...bed.census(softirq).slots, ...cards.flatMap(({ link }) => bed.ids(link.rxFree))];
    expect(sorted(everywhere)).toEqual(poolIds(pool));
  });
});

describe('receive buffers', () => {
  test('every descriptor has one from the start, and each frame taken is replaced', () => {
    const { cards, softirq } = bench();
    const [card] = cards;
    expect(card.posted).toBe(card.link.rxRing);
    card.receive(10);
    expect(card.posted).toBe(card.link.rxRing - 10);
    card.raise();
    softirq.poll(64, 0);
    expect(card.posted).toBe(card.link.rxRing);
  });

  test('an empty pool leaves descriptors empty; with none left the card cannot interrupt, so polling goes on', () => {
    const rings = ['ports.0.rxRing=512', 'ports.1.rxRing=512'];
    const { pool } = new ActorBed(rings).config<SoftirqConfig>('softirq0');
    // Fewer slots than a scenario may have: just what the two rings hold.
    const { bed, softirq, cards } = bench({ pool: { ...pool, slots: 1024 } }, rings);
    const [card] = cards;
    expect(card.posted).toBe(512);
    card.receive(512);
    card.raise();
    for (let i = 0; i < 9; i++) softirq.poll(64, 0);
    expect(card.posted).toBe(0);
    expect(card.unmasked).toBe(false);
    expect(bed.counts(softirq)['rx_no_buffer']).toBeGreaterThan(0);
    // The bridge drops them all: they come home, and polling finds them.
    const bridge = new FrameReturns(bed.slots());
    bed.take(card.link.toBridge).forEach((id) => bridge.free(id));
    bridge.flush();
    softirq.poll(64, 0);
    expect([card.posted, card.unmasked]).toEqual([512, true]);
    expect(bed.held(softirq)).toBe(0);
  });

  test('no slot is lost', () => {
    const { bed, softirq, cards } = bench();
    cards[0].receive(300);
    cards[0].raise();
    for (let i = 0; i < 6; i++) softirq.poll(64, 0);
    const rings = cards.flatMap(({ link }) => [link.rxFree, link.rxDone, link.toBridge]);
    const everywhere = [...bed.census(softirq).slots, ...rings.flatMap((ring) => bed.ids(ring))];
    expect(sorted(everywhere)).toEqual(poolIds(bed.config<SoftirqConfig>('softirq0').pool));
  });
});

test('rx_bridge_queue_full: a bridge that does not keep up costs the frame, not the slot', () => {
  const { bed, softirq, cards } = bench();
  const [card] = cards;
  const { pool } = bed.config<SoftirqConfig>('softirq0');
  let received = 0;
  for (let i = 0; received < card.link.toBridge.capacity + 40; i++) {
    received += card.receive(64).length;
    card.raise();
    while (softirq.poll(64, 0) > 0);
  }
  const lost = received - card.link.toBridge.capacity;
  expect(bed.counts(softirq)).toMatchObject({ rx_packets: received, rx_bridge_queue_full: lost });
  expect(bed.held(softirq)).toBe(0);
  const rings = cards.flatMap(({ link }) => [link.rxFree, link.rxDone, link.toBridge]);
  expect(sorted([...bed.census(softirq).slots, ...rings.flatMap((ring) => bed.ids(ring))])).toEqual(poolIds(pool));
});

describe('a card with several receive queues', () => {
  const QUEUES = ['ports.eth0.rxQueues=3', 'ports.eth1.rxQueues=1'];

  test('each is an instance of its own: it interrupts, is polled, completes and unmasks alone', () => {
    const { bed, softirq, cards } = bench({}, QUEUES);
    expect(cards.map(({ link }) => link.txDone === null)).toEqual([false, true, true, false]);
    expect(cards.map(({ posted }) => posted)).toEqual(cards.map(({ link }) => link.rxRing));
    cards[1].receive(100);
    cards[1].raise();
    cards[2].receive(10);
    cards[2].raise();
    expect([softirq.poll(64, 0), softirq.poll(64, 0)]).toEqual([64, 10]);
    expect(cards.map(({ unmasked }) => unmasked)).toEqual([true, false, true, true]);
    expect([softirq.poll(64, 0), softirq.poll(64, 0)]).toEqual([36, 0]);
    expect(cards.map(({ unmasked }) => unmasked)).toEqual([true, true, true, true]);
    expect(cards.map(({ link }) => ringDepth(bed.memory, link.toBridge))).toEqual([0, 100, 10, 0]);
    expect(bed.counts(softirq)).toMatchObject({ interrupts: 2, napi_completions: 2, rx_packets: 110 });
  });

  test('a tap that masks the port masks all of them, and the last hold let go unmasks all of them', () => {
    const { bed, softirq, cards } = bench({}, QUEUES);
    const interrupts = cards.slice(0, 3).map(({ link }) => link.interrupt);
    const own = bed.plan.ports[0].throttle;
    const feedback = new TapFeedback(bed.memory, own, [{ mask: cards[0].link.mask, interrupts }]);
    feedback.mask(0);
    for (const card of cards) {
      card.receive(5);
      card.raise();
    }
    while (softirq.poll(64, 0) > 0 || !softirq.arm());
    expect(cards.map(({ unmasked }) => unmasked)).toEqual([false, false, false, true]);
    expect(bed.counts(softirq)).toMatchObject({ rx_packets: 5, masked_completions: 3 });
    feedback.unmask();
    expect(cards.map(({ unmasked }) => unmasked)).toEqual([true, true, true, true]);
  });
});

describe('backlog', () => {
  test('frames go to the bridge port of their tap, at most the weight a poll, sources in turn', () => {
    const { bed, softirq, backlogs } = bench();
    const ids = backlogs.map((_, b) => Array.from({ length: 50 }, (_, i) => 8000 + 100 * b + i));
    backlogs.forEach((backlog, b) => backlog.put(ids[b]));
    expect([softirq.poll(64, 0), softirq.poll(64, 0), softirq.poll(64, 0)]).toEqual([64, 36, 0]);
    expect(backlogs.map(({ link }) => bed.ids(link.toBridge))).toEqual(ids);
    expect(bed.counts(softirq)).toMatchObject({ backlog_packets: 100, backlog_to_bridge: 100 });
  });

  test('while the bridge has no room frames wait, and none is lost', () => {
    const { bed, softirq, backlogs } = bench();
    const [{ link, put }] = backlogs;
    const { capacity } = link.toBridge;
    for (let i = 0; i < capacity; i += 64) {
      put(Array.from({ length: 64 }, (_, k) => 8000 + i + k));
      softirq.poll(64, 0);
    }
    put([1, 2, 3]);
    expect([softirq.poll(64, 0), softirq.arm()]).toEqual([0, false]);
    expect(bed.ids(link.from)).toEqual([1, 2, 3]);
    bed.take(link.toBridge);
    expect(softirq.poll(64, 0)).toBe(3);
  });
});

test('a detached card is polled no more; attached again it gets its buffers back', () => {
  const { bed, softirq, cards } = bench();
  const [card] = cards;
  card.receive(200);
  card.raise();
  softirq.poll(64, 0);
  softirq.detach({ port: 'nic', index: 0 });
  expect([softirq.poll(64, 0), softirq.arm()]).toEqual([0, true]);
  softirq.attach({ port: 'nic', index: 0, link: card.link });
  card.raise();
  while (softirq.poll(64, 0) > 0);
  expect(bed.counts(softirq)['rx_packets']).toBe(200);
  expect(card.posted).toBe(card.link.rxRing);
});

test('a slot that is none of this host, or that comes home twice, is a fault', () => {
  const { bed, softirq, cards } = bench();
  const { slotMemories, pools } = bed.plan;
  const foreign = pools.find(({ index }) => index !== bed.config<SoftirqConfig>('softirq0').pool.index)!.firstId;
  cards[0].transmitted([slotMemories[0].poolOfSlab.length << SLAB_SHIFT]);
  cards[0].raise();
  expect(() => softirq.poll(64, 0)).toThrow(RangeError);
  const twice = bench();
  twice.cards[0].transmitted([foreign, foreign + 1]);
  twice.cards[0].raise();
  twice.softirq.poll(64, 0);
  twice.cards[0].transmitted([foreign + 1]);
  twice.cards[0].raise();
  expect(() => twice.softirq.poll(64, 0)).toThrow(/in the set already/);
});
