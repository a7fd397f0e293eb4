import { describe, expect, test } from 'vitest';
import {
  BACKEND_CHANGES_WORD,
  BACKEND_DRAINED,
  BACKEND_IN,
  BACKEND_OUT,
  FIRST_CONNECTIONS_WORD,
  FOLLOWED_WORD,
  FIRST_BACKEND_WORD,
} from '../../../../actors/guest/network-functions/backend-states.ts';
import { LoadBalancer } from '../../../../actors/guest/network-functions/load-balancer.ts';
import { MAGLEV_ENTRIES, MaglevTable } from '../../../../actors/guest/network-functions/maglev.ts';
import { Memory } from '../../../../src/memory/arena.ts';
import { parseEndpoint } from '../../../../src/net/wire/address.ts';
import { ICMP, IP, PORT_MACS, Packet, ROUTING, STATION_MACS, TCP } from '../../../support/packets.ts';
import type { PacketFields } from '../../../support/packets.ts';

const S = 1e9;
const BACKENDS = ['192.0.2.11:8080', '192.0.2.12:8080', '192.0.2.13:9090'];

class Bed {
  readonly memory = new Memory('the test', [['guest', new SharedArrayBuffer(256)]]);
  readonly states = { buffer: 'guest', offsetBytes: 0, bytes: 128 };
  readonly accounts = { buffer: 'guest', offsetBytes: 128, bytes: 128 };
  private now = 0;
  readonly lb: LoadBalancer;
  private readonly connections: number;

  constructor(connections = 4096) {
    this.connections = connections;
    this.lb = this.vcpu();
  }

  vcpu(): LoadBalancer {
    return new LoadBalancer(this.memory, {
      kind: 'load-balancer',
      ...ROUTING,
      virtual: parseEndpoint('10.0.0.100:80'),
      backends: BACKENDS.map((text) => ({ ...parseEndpoint(text), weight: 1 })),
      connections: this.connections,
      idleMs: 60_000,
      states: this.states,
      accounts: this.accounts,
    });
  }

  drain(...drained: number[]): void {
    this.set(drained, BACKEND_DRAINED);
  }

  takeOut(...out: number[]): void {
    this.set(out, BACKEND_OUT);
  }

  private set(backends: readonly number[], state: number): void {
    const words = this.memory.words(this.states);
    BACKENDS.forEach((_, i) => (words[FIRST_BACKEND_WORD + i] = backends.includes(i) ? state : BACKEND_IN));
    words[BACKEND_CHANGES_WORD]++;
  }

  /** What it says of itself: the change it has followed, and its connections by backend. */
  account(): { followed: boolean; connections: number[] } {
    const words = this.memory.words(this.accounts);
    const changes = this.memory.words(this.states)[BACKEND_CHANGES_WORD];
    const connections = BACKENDS.map((_, i) => words[FIRST_CONNECTIONS_WORD + i]);
    return { followed: words[FOLLOWED_WORD] === changes, connections };
  }

  /** Where a client's packet goes, each in a batch of its own. */
  goesTo(srcPort: number, fields: PacketFields = {}): string {
    const packet = request({ srcPort, ...fields });
    const verdict = packet.through(this.lb, 0, (this.now += 1000));
    return verdict === 'out by 1' ? packet.ends.split(' > ')[1] : verdict;
  }

  pass(ns: number): void {
    this.now += ns;
  }
}

const request = (fields: PacketFields = {}) => new Packet({ dst: '10.0.0.100', dstPort: 80, ...fields });
const answer = (src: string, srcPort: number, fields: PacketFields = {}) =>
  new Packet({ src, srcPort, dst: '10.0.0.9', dstPort: 1024, dstMac: PORT_MACS[1], ...fields });
const clients = Array.from({ length: 1000 }, (_, i) => 1024 + i);

describe('translation', () => {
  test('a request goes to a backend, the answer comes from the virtual endpoint, by another vCPU', () => {
    const bed = new Bed();
    const packet = request();
    expect(packet.through(bed.lb)).toBe('out by 1');
    const [from, to] = packet.ends.split(' > ');
    expect([from, BACKENDS.includes(to), packet.sound]).toEqual(['10.0.0.9:1024', true, true]);
    expect([packet.dstMac, packet.ttl]).toEqual([STATION_MACS[1], 63]);
    const { port } = parseEndpoint(to);
    const back = answer(to.split(':')[0], port);
    expect(back.through(bed.vcpu(), 1)).toBe('out by 0');
    expect([back.ends, back.sound]).toEqual(['10.0.0.100:80 > 10.0.0.9:1024', true]);
  });

  test('TCP likewise; other ports, other protocols and other hosts are none of its business', () => {
    const { lb } = new Bed();
    const segment = request({ protocol: TCP });
    expect([segment.through(lb), segment.sound]).toEqual(['out by 1', true]);
    for (const packet of [
      request({ dst: '203.0.113.5', dstPort: 80 }),
      request({ dst: '203.0.113.5', protocol: ICMP }),
      answer('192.0.2.11', 8081),
      answer('192.0.2.14', 8080),
    ]) {
      const before = packet.ends;
      packet.through(lb, before.startsWith('192') ? 1 : 0);
      expect(packet.ends).toBe(before);
    }
  });
});

describe('connections', () => {
  test('are spread evenly, and stay where they are', () => {
    const bed = new Bed();
    const first = clients.map((port) => bed.goesTo(port));
    for (const each of BACKENDS) expect(first.filter((to) => to === each).length).toBeGreaterThan(280);
    expect(clients.map((port) => bed.goesTo(port))).toEqual(first);
    expect([...bed.lb.counts.slice(0, 3)]).toEqual([1000, 0, 0]);
    expect(bed.lb.counts.slice(3).reduce((sum, n) => sum + n, 0)).toBe(2000);
  });

  test('survive their backend’s being drained, while new ones go elsewhere', () => {
    const bed = new Bed();
    const before = clients.map((port) => bed.goesTo(port));
    bed.drain(0);
    expect(clients.map((port) => bed.goesTo(port))).toEqual(before);
    const fresh = clients.map((port) => bed.goesTo(port, { src: '10.0.0.77' }));
    expect(fresh).not.toContain(BACKENDS[0]);
    bed.drain();
    expect(clients.map((port) => bed.goesTo(port, { src: '10.0.0.78' }))).toContain(BACKENDS[0]);
    expect(clients.map((port) => bed.goesTo(port, { src: '10.0.0.77' }))).toEqual(fresh);
  });

  test('of a backend that is taken out are chosen anew, once each, and the others stay where they are', () => {
    const bed = new Bed();
    const before = clients.map((port) => bed.goesTo(port));
    bed.takeOut(0);
    const after = clients.map((port) => bed.goesTo(port));
    expect(after).not.toContain(BACKENDS[0]);
    const others = before.map((_, i) => i).filter((i) => before[i] !== BACKENDS[0]);
    expect(others.map((i) => after[i])).toEqual(others.map((i) => before[i]));
    const moved = bed.lb.counts[bed.lb.events.indexOf('nf_connections_moved')];
    expect(moved).toBe(1000 - others.length);
    bed.takeOut();
    expect(clients.map((port) => bed.goesTo(port))).toEqual(after);
    expect(bed.lb.counts[bed.lb.events.indexOf('nf_connections_moved')]).toBe(moved);
  });

  test('are told by backend while one is drained, until the last has been idle too long', () => {
    const bed = new Bed();
    const to = clients.map((port) => bed.goesTo(port));
    const counted = (among: readonly string[]) => BACKENDS.map((each) => among.filter((to) => to === each).length);
    bed.drain(0);
    expect(bed.account().followed).toBe(false);
    bed.goesTo(clients[0]);
    expect(bed.account()).toEqual({ followed: true, connections: counted(to) });
    // Those of the others go on; every packet is a batch.
    for (let round = 0; round < 3; round++) {
      bed.pass(25 * S);
      clients.forEach((port, i) => to[i] !== BACKENDS[0] && bed.goesTo(port));
    }
    expect(bed.account().connections).toEqual(counted(to.filter((each) => each !== BACKENDS[0])));
  });

  test('are forgotten when idle, and then chosen anew', () => {
    const bed = new Bed();
    bed.goesTo(1024);
    bed.pass(59 * S);
    bed.goesTo(1024);
    expect(bed.lb.counts[0]).toBe(1);
    bed.pass(60 * S);
    bed.goesTo(1024);
    expect([...bed.lb.counts.slice(0, 2)]).toEqual([2, 1]);
  });

  test('beyond the table’s room keep their backend by consistent hashing, as long as no backend changes', () => {
    const bed = new Bed(100);
    const first = clients.map((port) => bed.goesTo(port));
    expect(clients.map((port) => bed.goesTo(port))).toEqual(first);
    expect([bed.lb.counts[0], bed.lb.counts[2]]).toEqual([100, 1800]);
    // Room comes back with time.
    bed.pass(60 * S);
    expect(bed.goesTo(9999)).toMatch(/^192/);
    expect(bed.lb.counts[0]).toBe(101);
  });

  test('are chosen alike by every instance', () => {
    const [one, other] = [new Bed(), new Bed()];
    expect(clients.map((port) => one.goesTo(port))).toEqual(
      [...clients]
        .reverse()
        .map((port) => other.goesTo(port))
        .reverse(),
    );
  });
});

describe('drops', () => {
  test.each<[string, PacketFields]>([
    ['nf_fragment', { fragment: 0x2000 }],
    ['nf_ttl_exceeded', { ttl: 1 }],
    ['nf_local', { dst: '10.0.0.1' }],
  ])('%s', (reason, fields) => {
    expect(request(fields).through(new Bed().lb)).toBe(reason);
  });

  test('nf_fragment: of an answer', () => {
    expect(answer('192.0.2.11', 8080, { fragment: 0x2000 }).through(new Bed().lb, 1)).toBe('nf_fragment');
  });

  test('nf_l4_hdr_errors', () => {
    const packet = request({ protocol: TCP });
    packet.view.setUint16(IP + 2, 20 + 19);
    packet.seal();
    expect(packet.through(new Bed().lb)).toBe('nf_l4_hdr_errors');
  });

  test('nf_no_backend: all are drained; connections there are go on', () => {
    const bed = new Bed();
    const there = bed.goesTo(1024);
    bed.drain(0, 1, 2);
    expect([bed.goesTo(1024), bed.goesTo(1025)]).toEqual([there, 'nf_no_backend']);
  });
});

describe('the table of Maglev', () => {
  const tableOf = (weights: readonly number[], out: readonly number[] = []) => {
    const backends = weights.map((weight, i) => ({ address: 0xc000_0201 + i, port: 80, weight }));
    const table = new MaglevTable(backends);
    table.fill(Int32Array.from(weights, (_, i) => (out.includes(i) ? 1 : 0)));
    return Array.from({ length: MAGLEV_ENTRIES }, (_, hash) => table.lookup(hash));
  };
  const shares = (table: readonly number[], count: number) =>
    Array.from({ length: count }, (_, i) => table.filter((each) => each === i).length / MAGLEV_ENTRIES);

  test('has an even share for each of equal backends (NSDI ’16, section 5.3)', () => {
    for (const share of shares(tableOf(new Array<number>(50).fill(1)), 50)) {
      expect(Math.abs(share * 50 - 1)).toBeLessThan(0.01);
    }
  });

  test('has shares by weight', () => {
    const [one, two, five] = shares(tableOf([1, 2, 5]), 3);
    expect(one).toBeCloseTo(1 / 8, 3);
    expect(two).toBeCloseTo(2 / 8, 3);
    expect(five).toBeCloseTo(5 / 8, 3);
  });

  test('moves little else when one of twenty backends goes', () => {
    const weights = new Array<number>(20).fill(1);
    const [before, after] = [tableOf(weights), tableOf(weights, [7])];
    expect(after).not.toContain(7);
    const moved = before.filter((each, i) => each !== 7 && each !== after[i]).length / MAGLEV_ENTRIES;
    // The paper finds a few per cent; hashing modulo the number of backends would move 95 %.
    expect(moved).toBeLessThan(0.1);
  });

  test('is empty without backends', () => {
    expect(tableOf([1, 1], [0, 1]).every((each) => each === -1)).toBe(true);
  });
});
