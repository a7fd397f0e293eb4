import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectionTable, NO_CONNECTION } from '../../src/net/tcp/connection-table.ts';
import { Deadlines } from '../../src/net/tcp/deadlines.ts';
import { TcpBed } from '../support/tcp-bed.ts';
import type { Fate, TcpEnd } from '../support/tcp-bed.ts';

const DAY_NS = 86_400e9;

/** Losses, repetitions and delays for the first frames; after them the channel is faithful. */
const fates: fc.Arbitrary<Fate[]> = fc.array(
  fc.record({
    copies: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.constantFrom(0, 2)),
    lateMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 500 })),
  }),
  { maxLength: 200 },
);

const pattern = (length: number, first: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i * 7 + (i >> 8)) & 255);

/** Writes `bytes` as room allows, then closes if told to. */
function speak(end: TcpEnd, bytes: Uint8Array, closes: boolean): (c: number) => void {
  let at = 0;
  let closed = false;
  return (c) => {
    const { sender } = end.endpoint;
    const room = Math.min(sender.writable(c), bytes.length - at);
    sender.write(c, bytes, at, room);
    at += room;
    if (at === bytes.length && closes && !closed) {
      closed = true;
      end.endpoint.close(c);
    }
  };
}

describe('over a channel that loses, repeats and reorders', () => {
  test('both directions arrive whole and in order, and both ends close', () => {
    const sizes = fc.integer({ min: 0, max: 4096 });
    fc.assert(
      fc.property(fates, sizes, sizes, fc.boolean(), (given, up, down, serverCloses) => {
        // TIME-WAIT outlasts every retransmission, as it should and on this channel needs a day for.
        const bed = new TcpBed({ timeWaitNs: DAY_NS }, { timeWaitNs: DAY_NS });
        bed.fates = given[Symbol.iterator]();
        const [request, response] = [pattern(up, 1), pattern(down, 99)];
        bed.client.onEstablished = speak(bed.client, request, !serverCloses);
        bed.server.onEstablished = speak(bed.server, response, serverCloses);
        bed.connect();
        bed.run(10 * DAY_NS);
        expect(bed.server.got).toEqual([...request]);
        expect(bed.client.got).toEqual([...response]);
        expect(bed.client.told.filter((each) => each.startsWith('ended'))).toEqual(['ended closed']);
        // A SYN that was late may have opened another connection, which its client refused.
        expect(bed.server.told.filter((each) => each === 'ended closed')).toEqual(['ended closed']);
        expect([bed.client.endpoint.openCount, bed.server.endpoint.openCount]).toEqual([0, 0]);
      }),
      { numRuns: 400 },
    );
  });

  test('an exchange in turns, longer than the ring, arrives whole', () => {
    fc.assert(
      fc.property(fates, fc.integer({ min: 1, max: 40 }), (given, turns) => {
        const bed = new TcpBed({ sendBytesMax: 2048 }, { sendBytesMax: 2048 });
        bed.fates = given[Symbol.iterator]();
        const question = pattern(1900, 3);
        let [answered, asked] = [0, 0];
        const ask = (c: number): void => {
          if (asked++ === turns) return bed.client.endpoint.close(c);
          bed.client.endpoint.sender.write(c, question, 0, question.length);
        };
        bed.client.onEstablished = ask;
        bed.server.onReceived = (c) => {
          if (bed.server.got.length < (answered + 1) * question.length) return;
          answered++;
          bed.server.endpoint.sender.write(c, Uint8Array.of(answered), 0, 1);
        };
        bed.client.onReceived = ask;
        bed.connect();
        bed.run(DAY_NS);
        expect(bed.server.got.length).toBe(turns * question.length);
        expect(bed.server.got.every((byte, i) => byte === question[i % question.length])).toBe(true);
        expect(bed.client.got).toEqual(Array.from({ length: turns }, (_, i) => (i + 1) & 255));
      }),
      { numRuns: 150 },
    );
  });

  test('a forged segment neither spoils what had arrived nor makes the two ends answer each other for ever', () => {
    const noise = fc.record({ at: fc.integer({ min: 38, max: 49 }), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(noise, { minLength: 1, maxLength: 6 }), (changes) => {
        const bed = new TcpBed();
        bed.client.onEstablished = (c) => bed.client.endpoint.sender.write(c, pattern(100, 1), 0, 100);
        bed.connect();
        bed.run(50e6);
        const forged = bed.sent
          .filter(({ from }) => from === 'client')
          .at(-1)!
          .frame.slice();
        for (const { at, value } of changes) forged[at] = value;
        // Sequence, acknowledgement, flags and window are anything; the checksum is right.
        bed.refresh(forged);
        bed.deliver(bed.server, forged);
        bed.run(5e9);
        expect(bed.server.got.slice(0, 100)).toEqual([...pattern(100, 1)]);
        expect(bed.sent.length).toBeLessThan(50);
      }),
      { numRuns: 500 },
    );
  });
});

test('deadlines come out earliest first, whatever is moved and taken back', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), thing: fc.nat(15), ns: fc.nat(1000) }),
    fc.record({ kind: fc.constant('cancel' as const), thing: fc.nat(15), ns: fc.constant(0) }),
    fc.record({ kind: fc.constant('take' as const), thing: fc.constant(0), ns: fc.nat(1000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines(16);
      const model = new Map<number, number>();
      for (const { kind, thing, ns } of steps) {
        if (kind === 'set') {
          deadlines.set(thing, ns);
          model.set(thing, ns);
        } else if (kind === 'cancel') {
          deadlines.cancel(thing);
          model.delete(thing);
        } else {
          const earliest = Math.min(Infinity, ...model.values());
          const due = deadlines.takeDue(ns);
          if (earliest > ns) expect(due).toBe(-1);
          else expect(model.get(due)).toBe(earliest);
          model.delete(due);
        }
        expect(deadlines.nextNs).toBe(Math.min(Infinity, ...model.values()));
      }
    }),
    { numRuns: 500 },
  );
});

test('the connection table finds exactly what is in it', () => {
  const tuple = fc.tuple(fc.constantFrom(1, -5), fc.nat(3), fc.nat(3), fc.nat(3));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), tuple), { maxLength: 300 }), (steps) => {
      const table = new ConnectionTable(12);
      const model = new Map<string, number>();
      for (const [adds, [local, localPort, remote, remotePort]] of steps) {
        const key = [local, localPort, remote, remotePort].join();
        const known = model.get(key);
        expect(table.find(local, localPort, remote, remotePort)).toBe(known ?? NO_CONNECTION);
        if (adds && known === undefined) {
          const c = table.add(local, localPort, remote, remotePort);
          expect(c === NO_CONNECTION).toBe(model.size === 12);
          if (c !== NO_CONNECTION) {
            expect([...model.values()]).not.toContain(c);
            model.set(key, c);
            expect([table.localAddress(c), table.localPort(c)]).toEqual([local, localPort]);
            expect([table.remoteAddress(c), table.remotePort(c)]).toEqual([remote, remotePort]);
          }
        } else if (!adds && known !== undefined) {
          table.remove(known);
          model.delete(key);
        }
        expect(table.count).toBe(model.size);
      }
      for (const [key, c] of model) {
        const [local, localPort, remote, remotePort] = key.split(',').map(Number);
        expect(table.find(local, localPort, remote, remotePort)).toBe(c);
      }
    }),
    { numRuns: 500 },
  );
});
