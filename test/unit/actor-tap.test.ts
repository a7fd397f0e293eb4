import { expect, test } from 'vitest';
import type { Tap, TapBridgeLink, TapConfig, TapReaderLink } from '../../actors/tap.ts';
import { TAP_BRIDGE_PORT, TAP_READER_PORT } from '../../actors/tap.ts';
import { Doorbell, EventWord } from '../../src/memory/doorbell.ts';
import { IdRingProducer, ringDepth } from '../../src/memory/id-ring.ts';
import { ActorBed } from '../support/actor-bed.ts';

function bench(queueFrames: number) {
  const bed = new ActorBed([`vms.0.nics.0.tap.queue=${queueFrames}`]);
  const tap = bed.create<Tap>('tap0');
  const { rx } = bed.link<TapBridgeLink>('tap0', TAP_BRIDGE_PORT);
  const reader = bed.link<TapReaderLink>('tap0', TAP_READER_PORT);
  const input = new IdRingProducer(bed.memory, rx);
  const bell = new Doorbell(bed.memory, reader.doorbell);
  const event = new EventWord(bed.memory, reader.event);
  let next = 0;
  const offer = (n: number): number => {
    for (let i = 0; i < n; i++) input.put(next++);
    input.publish();
    let moved = 0;
    for (let n = tap.poll(64, 0); n > 0; n = tap.poll(64, 0)) moved += n;
    return moved;
  };
  return { bed, tap, reader, bell, event, offer, config: bed.config<TapConfig>('tap0') };
}

test.each([500, 1000])('a queue of %i takes exactly that many; what comes later is dropped from the tail', (limit) => {
  const { bed, tap, reader, offer, config } = bench(limit);
  expect(config.queueFrames).toBe(limit);
  expect(offer(limit - 1)).toBe(limit - 1);
  expect(bed.counts(tap)['tx_dropped']).toBeUndefined();
  offer(3);
  expect(bed.counts(tap)).toMatchObject({ tx_packets: limit + 2, tx_queued: limit, tx_dropped: 2 });
  expect(bed.ids(reader.queue)).toEqual(Array.from({ length: limit }, (_, i) => i));
  expect(bed.returned(config.returns, 0)).toEqual([limit, limit + 1]);
  expect(bed.held(tap)).toBe(0);
});

test('a drop wakes nobody and signals nothing', () => {
  const { bed, tap, bell, event, offer } = bench(500);
  offer(500);
  event.take();
  bell.park();
  offer(20);
  expect([bell.parked, event.pending]).toEqual([true, false]);
  expect(bed.counts(tap)['wakeups']).toBeUndefined();
});

test('the reader is woken once, and only when it sleeps', () => {
  const { bed, tap, bell, event, offer } = bench(500);
  bell.park();
  offer(1);
  expect([bell.parked, event.take()]).toEqual([false, true]);
  offer(1);
  expect(event.take()).toBe(true);
  expect(bed.counts(tap)['wakeups']).toBe(1);
});

test('room that the reader makes is used at once', () => {
  const { bed, reader, offer, tap } = bench(500);
  offer(500);
  expect(bed.take(reader.queue).length).toBe(500);
  offer(1);
  expect(ringDepth(bed.memory, reader.queue)).toBe(1);
  expect(bed.counts(tap)['tx_dropped']).toBeUndefined();
});

test('without a reader every frame is dropped for that reason; attached again, frames flow', () => {
  const { bed, tap, reader, offer, config } = bench(500);
  tap.detach(TAP_READER_PORT);
  offer(2);
  expect(bed.counts(tap)).toEqual({ tx_packets: 2, tx_no_reader: 2 });
  expect(bed.returned(config.returns, 0)).toEqual([0, 1]);
  tap.attach(TAP_READER_PORT, reader);
  offer(1);
  expect(bed.ids(reader.queue)).toEqual([2]);
  tap.detach(TAP_BRIDGE_PORT);
  expect([offer(1), tap.arm()]).toEqual([0, true]);
});

test('may sleep only when nothing waits', () => {
  const { bed, tap } = bench(500);
  expect(tap.arm()).toBe(true);
  const input = new IdRingProducer(bed.memory, bed.link<TapBridgeLink>('tap0', TAP_BRIDGE_PORT).rx);
  input.put(1);
  input.publish();
  expect(tap.arm()).toBe(false);
});
