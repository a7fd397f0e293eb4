import { describe, expect, test } from 'vitest';
import {
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  tcpAck,
  tcpFlags,
  tcpMssOption,
  tcpSeq,
} from '../../../src/net/tcp/tcp.ts';
import { TCP_ESTABLISHED, TCP_SYN_RECEIVED, TCP_TIME_WAIT } from '../../../src/net/tcp/tcp-blocks.ts';
import {
  ENDED_RESET,
  TCP_DUPLICATE,
  TCP_NO_SOCKET,
  TCP_OUT_OF_ORDER,
  TCP_TABLE_FULL,
  TCP_TAKEN,
  TCP_UNACCEPTABLE,
} from '../../../src/net/tcp/tcp-user.ts';
import { TcpBed } from '../../support/tcp-bed.ts';

const MS = 1e6;
const TCP = 34;
const flagsOf = (frame: Uint8Array): number => tcpFlags(frame, TCP);
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
const LOST = { copies: 0, lateMs: 0 };

/** A connection on which the client has written `length` bytes and the server nothing. */
function established(length = 0, changes: ConstructorParameters<typeof TcpBed> = []): TcpBed {
  const bed = new TcpBed(...changes);
  bed.client.onEstablished = (c) => bed.client.endpoint.sender.write(c, bytes(length), 0, length);
  bed.connect();
  bed.run(20 * MS);
  return bed;
}

describe('opening (RFC 9293 section 3.5)', () => {
  test('three segments, the last with the first data; both tell their MSS', () => {
    const bed = established(10);
    expect(bed.sent.slice(0, 3).map(({ from, frame }) => [from, flagsOf(frame) & 0x17])).toEqual([
      ['client', TCP_SYN],
      ['server', TCP_SYN | TCP_ACK],
      ['client', TCP_ACK],
    ]);
    expect(bed.sent.slice(0, 2).map(({ frame }) => tcpMssOption(frame, TCP))).toEqual([1460, 1460]);
    expect([...bed.client.told, ...bed.server.told]).toEqual(['established', 'established']);
    expect(bed.server.got).toEqual([...bytes(10)]);
  });

  test.each([
    ['SYN', [LOST]],
    ['SYN-ACK', [{ copies: 1, lateMs: 0 }, LOST]],
    ['ACK', [{ copies: 1, lateMs: 0 }, { copies: 1, lateMs: 0 }, LOST]],
  ])('a lost %s comes again by a timer', (_, fates) => {
    const bed = new TcpBed();
    bed.fates = fates[Symbol.iterator]();
    bed.connect();
    bed.run(900 * MS);
    expect(bed.server.told).toEqual([]);
    bed.run(5000 * MS);
    expect(bed.server.told).toEqual(['established']);
    expect(bed.client.told).toEqual(['established']);
  });

  test('a SYN nobody answers is given up, ever more slowly (RFC 6298 section 5.5)', () => {
    const bed = new TcpBed({ retriesMax: 3 });
    bed.fates = Array.from({ length: 9 }, () => LOST)[Symbol.iterator]();
    bed.connect();
    const times: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 100) {
      const before = bed.sent.length;
      bed.run(ms * MS);
      if (bed.sent.length > before) times.push(ms);
    }
    expect(times).toEqual([1000, 3000, 7000]);
    expect(bed.client.told).toEqual(['ended timeout']);
  });

  test('to a port where nobody listens: RST', () => {
    const bed = new TcpBed();
    bed.connect(5000, 81);
    bed.run(20 * MS);
    expect(flagsOf(bed.sent[1].frame)).toBe(TCP_RST | TCP_ACK);
    expect(bed.client.told).toEqual(['ended reset']);
  });

  test('a table without room drops the SYN, which comes again', () => {
    const bed = new TcpBed({}, { connectionsMax: 1, idleNs: 500 * MS });
    bed.connect(5000);
    bed.run(20 * MS);
    bed.connect(5001);
    expect(bed.deliver(bed.server, bed.sent.at(-1)!.frame)).toBe(TCP_TABLE_FULL);
    bed.run(5000 * MS);
    // The first was ended for being idle.
    expect(bed.server.told).toEqual(['established', 'ended idle', 'established', 'ended idle']);
  });

  test('a half-open connection refuses an acknowledgement of what it never sent (RFC 9293 section 3.10.7.4)', () => {
    const bed = new TcpBed();
    bed.connect();
    bed.run(2 * MS);
    expect(bed.server.endpoint.stateOf(0)).toBe(TCP_SYN_RECEIVED);
    const last = bed.sent.at(-1)!;
    expect([last.from, flagsOf(last.frame)]).toEqual(['client', TCP_ACK]);
    for (const by of [1, -1]) {
      const forged = last.frame.slice();
      forged[TCP + 11] += by;
      bed.refresh(forged);
      const before = bed.sent.length;
      expect(bed.deliver(bed.server, forged)).toBe(TCP_UNACCEPTABLE);
      const answers = bed.sent.slice(before).map(({ frame }) => [flagsOf(frame), tcpSeq(frame, TCP)]);
      expect(answers).toEqual([[TCP_RST, tcpAck(forged, TCP)]]);
    }
    expect(bed.server.endpoint.stateOf(0)).toBe(TCP_SYN_RECEIVED);
    expect(bed.deliver(bed.server, last.frame)).toBe(TCP_TAKEN);
    expect(bed.server.told).toEqual(['established']);
  });

  test('the same addresses get another initial sequence number later', () => {
    const bed = new TcpBed();
    bed.connect();
    bed.client.endpoint.abort(0, 1, bed.nowNs);
    bed.run(100 * MS);
    bed.connect();
    const syns = bed.sent.filter(({ frame }) => flagsOf(frame) === TCP_SYN).map(({ frame }) => tcpSeq(frame, TCP));
    expect((syns[1] - syns[0]) | 0).toBe(100_000 / 4);
  });
});

describe('data', () => {
  test('is cut at the MSS, and the initial window is ten segments (RFC 6928)', () => {
    const bed = new TcpBed({ sendBytesMax: 32_768 });
    bed.client.onEstablished = (c) => bed.client.endpoint.sender.write(c, bytes(30_000), 0, 30_000);
    bed.connect();
    bed.run(2 * MS);
    const first = bed.sent.filter(({ from, frame }) => from === 'client' && flagsOf(frame) !== TCP_SYN);
    expect(first.map(({ frame }) => frame.length)).toEqual(Array.from({ length: 10 }, () => 1514));
    bed.run(50 * MS);
    expect(bed.server.got.length).toBe(30_000);
  });

  test('out of order: dropped, and answered with what is expected; again: answered', () => {
    const bed = established();
    const write = (length: number): Uint8Array => {
      bed.client.endpoint.sender.write(0, bytes(length), 0, length);
      bed.client.endpoint.push(0, bed.nowNs);
      return bed.sent.at(-1)!.frame;
    };
    const [first, second] = [write(5), write(7)];
    expect(bed.deliver(bed.server, second)).toBe(TCP_OUT_OF_ORDER);
    expect(bed.server.got).toEqual([]);
    expect(bed.deliver(bed.server, first)).toBe(TCP_TAKEN);
    expect(bed.deliver(bed.server, first)).toBe(TCP_DUPLICATE);
    expect(bed.deliver(bed.server, second)).toBe(TCP_TAKEN);
    expect(bed.server.got).toEqual([...bytes(5), ...bytes(7)]);
    expect(bed.sent.filter(({ from }) => from === 'server').length).toBe(1 + 4);
  });

  test('without room for a frame it waits for the timer', () => {
    const bed = established();
    bed.client.blocked = true;
    bed.client.endpoint.sender.write(0, bytes(5), 0, 5);
    bed.client.endpoint.push(0, bed.nowNs);
    expect(bed.client.endpoint.sender.blocked).toBe(1);
    bed.client.blocked = false;
    bed.run(1500 * MS);
    expect(bed.server.got).toEqual([...bytes(5)]);
  });

  test('the timer follows the round trip, never below 200 ms', () => {
    const bed = established(10);
    const before = bed.sent.length;
    bed.fates = [LOST][Symbol.iterator]();
    bed.client.endpoint.sender.write(0, bytes(5), 0, 5);
    bed.client.endpoint.push(0, bed.nowNs);
    const sentNs = bed.nowNs;
    bed.run(sentNs + 199 * MS);
    expect(bed.sent.length).toBe(before + 1);
    bed.run(sentNs + 200 * MS);
    expect(bed.sent.length).toBe(before + 2);
    expect(bed.client.endpoint.retransmissions).toBe(1);
  });
});

describe('closing (RFC 9293 section 3.6)', () => {
  test('whoever closes first waits, acknowledges a FIN that comes again, and is forgotten after 2 MSL', () => {
    const bed = established();
    bed.client.endpoint.close(0);
    bed.client.endpoint.push(0, bed.nowNs);
    bed.run(50 * MS);
    expect(bed.client.told).toEqual(['established', 'ended closed']);
    expect(bed.server.told).toEqual(['established', 'peer closed', 'ended closed']);
    expect(bed.client.endpoint.stateOf(0)).toBe(TCP_TIME_WAIT);
    const fin = bed.sent.filter(({ from, frame }) => from === 'server' && (flagsOf(frame) & TCP_FIN) !== 0).at(-1)!;
    expect(bed.deliver(bed.client, fin.frame)).toBe(TCP_DUPLICATE);
    expect(flagsOf(bed.sent.at(-1)!.frame)).toBe(TCP_ACK);
    // The server knows nothing of it any more.
    expect(bed.deliver(bed.server, bed.sent.at(-1)!.frame)).toBe(TCP_NO_SOCKET);
    const rst = bed.sent.at(-1)!.frame;
    expect(flagsOf(rst)).toBe(TCP_RST);
    // RFC 1337: TIME-WAIT is not assassinated.
    expect(bed.deliver(bed.client, rst)).toBe(TCP_UNACCEPTABLE);
    expect(bed.client.endpoint.stateOf(0)).toBe(TCP_TIME_WAIT);
    bed.run(1200 * MS);
    expect(bed.client.endpoint.nextDeadlineNs).toBe(Infinity);
  });

  test('a full table takes the place of the connection that has waited longest', () => {
    const bed = new TcpBed({ connectionsMax: 2 });
    bed.client.onEstablished = (c) => bed.client.endpoint.close(c);
    for (const port of [5000, 5001, 5002]) {
      expect(bed.connect(port)).toBeGreaterThanOrEqual(0);
      bed.run(bed.nowNs + 50 * MS);
    }
    expect(bed.client.told.filter((each) => each === 'ended closed').length).toBe(3);
    expect(bed.client.endpoint.openCount).toBe(0);
  });

  test('only the exact sequence number resets (RFC 5961 section 3)', () => {
    const bed = established();
    const forge = (by: number): Uint8Array => {
      const frame = bed.sent.at(-1)!.frame.slice();
      frame[TCP + 13] = TCP_RST;
      frame[TCP + 7] += by;
      bed.refresh(frame);
      return frame;
    };
    const [exact, near] = [forge(0), forge(1)];
    expect(bed.deliver(bed.server, near)).toBe(TCP_UNACCEPTABLE);
    expect(bed.server.endpoint.stateOf(0)).toBe(TCP_ESTABLISHED);
    expect(bed.deliver(bed.server, exact)).toBe(TCP_TAKEN);
    expect(bed.server.told).toEqual(['established', 'ended reset']);
  });

  test('what an aborted connection was owed goes to no other', () => {
    const bed = established();
    bed.connect(5001);
    bed.run(50 * MS);
    bed.server.onReceived = (c) => bed.server.endpoint.abort(c, ENDED_RESET, bed.nowNs);
    bed.client.endpoint.sender.write(0, bytes(5), 0, 5);
    bed.client.endpoint.push(0, bed.nowNs);
    bed.run(100 * MS);
    expect(flagsOf(bed.sent.at(-1)!.frame)).toBe(TCP_RST | TCP_ACK);
    const before = bed.sent.length;
    bed.server.endpoint.push(1, bed.nowNs);
    expect(bed.sent.length).toBe(before);
  });

  test('a SYN-ACK to nobody is refused, and the half-open connection ends', () => {
    const bed = new TcpBed();
    bed.connect();
    bed.client.endpoint.abort(0, 1, bed.nowNs);
    bed.run(1 * MS);
    expect(bed.server.endpoint.stateOf(0)).toBe(TCP_SYN_RECEIVED);
    bed.run(50 * MS);
    expect(bed.server.told).toEqual(['ended reset']);
  });
});
