/**
 * What must hold in every order of accesses, and for each a planted fault that breaks it. Sizes are parameters: small
 * in test/unit, where they run with every change, larger in test/model.
 */
import { Arena } from '../../src/memory/arena.ts';
import type { Memory, Region } from '../../src/memory/arena.ts';
import { Doorbell, EventWord, reserveDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer, reserveRing } from '../../src/memory/id-ring.ts';
import { InterruptHandler, InterruptSource, reserveInterruptLine } from '../../src/kernel/interrupt-line.ts';
import { depotEntries, fillDepot, Magazine, reserveDepot } from '../../src/memory/magazine.ts';
import { TapFeedback } from '../../src/kernel/port-mask.ts';
import { reserveSoftirqLine } from '../../src/kernel/softirq-line.ts';
import { reserveLock, SpinLock } from '../../src/memory/spin-lock.ts';
import type { Context, Model } from './interleaving.ts';

const TAIL_WORD = 0;
const HEAD_WORD = 32;

/** @throws with both values when they differ. */
export function equal(what: string, got: unknown, wanted: unknown): void {
  const [g, w] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (g !== w) throw new Error(`${what}: ${g}, not ${w}`);
}

function sorted(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Reads until a fresh look finds nothing: one look may be at a tail that was cached before the event was taken. */
function drain(ring: IdRingConsumer, each: (id: number) => void): number {
  let taken = 0;
  for (let n = ring.readable(1); n > 0; n = ring.readable(1)) {
    for (let i = 0; i < n; i++) each(ring.take());
    taken += n;
    ring.release();
  }
  return taken;
}

export type RingFault = 'publish before write' | 'release before read';

/** A ring of two slots: `ids` ids in batches, each read once and in order. */
export function ringModel(options: { ids: number; batch: number; start: number; fault?: RingFault }): Model {
  const { ids, batch, start, fault } = options;
  const arena = new Arena('model');
  const ring = reserveRing(arena, 2);
  return {
    bytes: arena.bytes,
    plainSteps: true,
    prepare(memory) {
      const words = memory.words(ring.region);
      words[TAIL_WORD] = words[HEAD_WORD] = start;
    },
    threads: [
      {
        name: 'producer',
        body({ memory, pause }) {
          const producer = new IdRingProducer(memory, ring);
          const words = memory.words(ring.region);
          for (let id = 1; id <= ids;) {
            const n = Math.min(batch, ids + 1 - id, producer.writable(1));
            if (n === 0) pause();
            if (fault === 'publish before write' && n > 0) Atomics.store(words, TAIL_WORD, (start + id - 1 + n) | 0);
            for (let i = 0; i < n; i++) producer.put(id++);
            if (n > 0) producer.publish();
          }
        },
      },
      {
        name: 'consumer',
        body({ memory, pause }) {
          const consumer = new IdRingConsumer(memory, ring);
          const words = memory.words(ring.region);
          for (let id = 1; id <= ids;) {
            const n = Math.min(batch, consumer.readable(1));
            if (n === 0) pause();
            if (fault === 'release before read' && n > 0) Atomics.store(words, HEAD_WORD, (start + id - 1 + n) | 0);
            for (let i = 0; i < n; i++) equal('id', consumer.take(), id++);
            if (n > 0) consumer.release();
          }
        },
      },
    ],
  };
}

/** One sleeper, `ringers` callers with an event word each: every event is taken and nobody sleeps through one. */
export function doorbellModel(options: { ringers: number; events: number; fault?: 'no second look' }): Model {
  const { ringers, events, fault } = options;
  const arena = new Arena('model');
  const bell = reserveDoorbell(arena);
  const inboxes = Array.from({ length: ringers }, () => reserveRing(arena, events));
  const words = Array.from({ length: ringers }, () => arena.reserve(4));
  const sleeper = ({ memory }: Context): void => {
    const doorbell = new Doorbell(memory, bell);
    const signals = words.map((region) => new EventWord(memory, region));
    const rings = inboxes.map((ring) => new IdRingConsumer(memory, ring));
    for (let taken = 0; taken < ringers * events;) {
      let found = 0;
      signals.forEach((signal, i) => {
        if (!signal.take()) return;
        found += drain(rings[i], () => undefined);
      });
      taken += found;
      if (found > 0 || taken === ringers * events) continue;
      doorbell.park();
      if (fault !== 'no second look' && signals.some((signal) => signal.pending)) doorbell.unpark();
      else doorbell.wait();
    }
  };
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [
      { name: 'sleeper', body: sleeper },
      ...inboxes.map((ring, i) => ({
        name: `ringer ${i}`,
        body({ memory }: Context) {
          const producer = new IdRingProducer(memory, ring);
          const signal = new EventWord(memory, words[i]);
          const ringer = new Ringer(memory, bell);
          for (let k = 0; k < events; k++) {
            producer.put(k);
            producer.publish();
            signal.signal();
            ringer.ring();
          }
        },
      })),
    ],
  };
}

/**
 * A card that receives `frames` frames and a CPU that polls in NAPI's manner (take, poll, complete, sleep): every frame
 * is polled, whatever the mask does.
 */
export function interruptModel(options: { frames: number; fault?: 'cause forgotten while masked' }): Model {
  const { frames, fault } = options;
  const arena = new Arena('model');
  const ring = reserveRing(arena, frames);
  const line = reserveInterruptLine(arena);
  const bell = reserveSoftirqLine(arena);
  const card = ({ memory, pause }: Context): void => {
    const producer = new IdRingProducer(memory, ring);
    const source = new InterruptSource(memory, line, bell);
    for (let frame = 0; frame < frames; frame++) {
      producer.put(frame);
      producer.publish();
      if (source.unmasked) source.raise();
      else if (fault !== 'cause forgotten while masked') raiseLater(source, pause, frame === frames - 1);
    }
  };
  const raiseLater = (source: InterruptSource, pause: () => void, last: boolean): void => {
    // The cause stays pending: it is raised with the next frame, or as soon as the line is unmasked.
    while (last && !source.unmasked) pause();
    if (last) source.raise();
  };
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [
      { name: 'card', body: card },
      {
        name: 'cpu',
        body({ memory }) {
          const consumer = new IdRingConsumer(memory, ring);
          const handler = new InterruptHandler(memory, line);
          const doorbell = new Doorbell(memory, bell);
          for (let polled = 0; ;) {
            if (handler.take()) {
              drain(consumer, (frame) => equal('frame', frame, polled++));
              equal('interrupt while masked', handler.pending, false);
              handler.unmask();
            } else {
              if (polled === frames) return;
              doorbell.park();
              if (handler.pending) doorbell.unpark();
              else doorbell.wait();
            }
          }
        },
      },
    ],
  };
}

/** Threads that add to a plain word, each `rounds` times, and come back later when the lock is taken. */
export function lockModel(options: { threads: number; rounds: number; fault?: 'no lock' }): Model {
  const { threads, rounds, fault } = options;
  const arena = new Arena('model');
  const lock = reserveLock(arena);
  const sum = arena.reserve(4);
  return {
    bytes: arena.bytes,
    plainSteps: true,
    threads: Array.from({ length: threads }, (_, t) => ({
      name: `thread ${t}`,
      body({ memory, pause }: Context) {
        const held = new SpinLock(memory, lock);
        const words = memory.words(sum);
        for (let round = 0; round < rounds; round++) {
          while (fault === undefined && !held.tryAcquire()) pause();
          words[0] = words[0] + 1;
          if (fault === undefined) held.release();
        }
      },
    })),
    atEnd: (memory) => equal('sum', memory.words(sum)[0], threads * rounds),
  };
}

/** Threads that take from and give to magazines over one depot: no entry is lost or given twice. */
export function magazineModel(options: { threads: number; entries: number; fault?: 'lock let go too early' }): Model {
  const { threads, entries, fault } = options;
  const arena = new Arena('model');
  const depot = reserveDepot(arena, entries);
  const all = Array.from({ length: entries }, (_, i) => 100 + i);
  const body = ({ memory }: Context): number[] => {
    const magazine = new Magazine(fault === undefined ? memory : lockless(memory, depot), depot, 2);
    const held: number[] = [];
    if (magazine.available(1) > 0) held.push(magazine.take());
    if (magazine.available(1) > 0) held.push(magazine.take());
    if (held.length > 0) magazine.put(held.shift()!);
    return [...held, ...magazine.entries()];
  };
  return {
    bytes: arena.bytes,
    plainSteps: true,
    prepare: (memory) => fillDepot(memory, depot, all),
    threads: Array.from({ length: threads }, (_, t) => ({ name: `thread ${t}`, body })),
    atEnd(memory, answers) {
      equal('entries', sorted([...depotEntries(memory, depot), ...(answers as number[][]).flat()]), all);
      equal('lock', new SpinLock(memory, depot).taken, false);
    },
  };
}

/** A memory in which the lock word of a depot is a word of the thread's own: everybody gets the lock. */
function lockless(memory: Memory, depot: Region): Memory {
  const faulty = Object.create(memory) as Memory;
  let first = true;
  faulty.words = (region) => {
    if (region !== depot || !first) return memory.words(region);
    first = false;
    return new Int32Array(1);
  };
  return faulty;
}

/** An event word: whatever is published before a signal is found by a look after the take; nothing is left behind. */
export function eventModel(options: { events: number; fault?: 'look before take' }): Model {
  const { events, fault } = options;
  const arena = new Arena('model');
  const ring: RingRef = reserveRing(arena, events);
  const word = arena.reserve(4);
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [
      {
        name: 'signaller',
        body({ memory }) {
          const producer = new IdRingProducer(memory, ring);
          const event = new EventWord(memory, word);
          for (let k = 0; k < events; k++) {
            producer.put(k);
            producer.publish();
            event.signal();
          }
        },
      },
      {
        name: 'taker',
        body({ memory, pause }) {
          const consumer = new IdRingConsumer(memory, ring);
          const event = new EventWord(memory, word);
          for (let seen = 0; seen < events;) {
            const early = fault === undefined ? 0 : consumer.readable(1);
            if (!event.take()) {
              pause();
              continue;
            }
            if (fault === undefined) drain(consumer, (event) => equal('event', event, seen++));
            else for (let i = 0; i < early; i++) equal('event', consumer.take(), seen++);
          }
        },
      },
    ],
  };
}

/**
 * A tap that masks its port at the high mark, before it wakes the reader, and a reader that unmasks at the low mark:
 * when the queue has run dry the port is not masked. (The mask comes before the signal: actors/host/tap.ts.)
 */
export function feedbackModel(options: { frames: number; highMark: number; fault?: 'signal before mask' }): Model {
  const { frames, highMark, fault } = options;
  const arena = new Arena('model');
  const ring = reserveRing(arena, frames);
  const own = arena.reserve(16);
  const mask = arena.reserve(4);
  const interrupt = reserveInterruptLine(arena);
  const event = arena.reserve(4);
  const ports = [{ mask, interrupts: [interrupt] }];
  return {
    bytes: arena.bytes,
    plainSteps: false,
    threads: [
      {
        name: 'tap',
        body({ memory }) {
          const producer = new IdRingProducer(memory, ring);
          const feedback = new TapFeedback(memory, own, ports);
          const signal = new EventWord(memory, event);
          let masked = 0;
          for (let frame = 0; frame < frames; frame++) {
            const depth = producer.depth();
            producer.put(frame);
            producer.publish();
            if (fault !== undefined) signal.signal();
            if (depth + 1 >= highMark && feedback.mask(0)) masked++;
            if (fault === undefined) signal.signal();
          }
          if (highMark === 1) equal('first frame masks', masked > 0, true);
        },
      },
      {
        name: 'vhost',
        body({ memory, pause }) {
          const consumer = new IdRingConsumer(memory, ring);
          const feedback = new TapFeedback(memory, own, ports);
          const signal = new EventWord(memory, event);
          for (let seen = 0; seen < frames || signal.pending;) {
            if (!signal.take()) {
              pause();
              continue;
            }
            drain(consumer, (frame) => equal('frame', frame, seen++));
            if (feedback.masking && consumer.depth() === 0) feedback.unmask();
          }
          return feedback.masking;
        },
      },
    ],
    atEnd(memory) {
      // The reader ends with its last frame; a signal that came after that is still to be taken.
      if (memory.words(event)[0] === 0) equal('port masked by', memory.words(mask)[0], 0);
    },
  };
}
