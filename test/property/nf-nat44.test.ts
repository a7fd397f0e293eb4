import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PORT_MACS, Packet, TCP, UDP } from '../support/packets.ts';
import { NatBed } from '../support/nat-bed.ts';

const MS = 1e6;
const UDP_MS = 50;
const TCP_MS = 80;
const PORTS = 6;

interface Mapping {
  readonly inside: string;
  readonly external: string;
  endMs: number;
}

/** A NAT as RFC 4787 describes it: a list of mappings. */
class Model {
  mappings: Mapping[] = [];

  alive(nowMs: number): Mapping[] {
    return this.mappings.filter(({ endMs }) => endMs > nowMs);
  }
}

test('agrees with a list of mappings through any packets from both sides and any time between them', () => {
  const step = fc.record({
    inbound: fc.boolean(),
    host: fc.nat(2),
    port: fc.nat(4),
    protocol: fc.constantFrom(TCP, UDP),
    waitMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(40)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const bed = new NatBed({
        pool: { firstAddress: 0xc000_0240, addresses: 1, firstPort: 2000, ports: PORTS },
        timeouts: { udpMs: UDP_MS, tcpEstablishedMs: TCP_MS, tcpTransitoryMs: TCP_MS, icmpMs: UDP_MS },
      });
      const [inside, outside] = [bed.nat(0, 1), bed.nat(null, 1)];
      const model = new Model();
      let nowMs = 1000;
      for (const { inbound, host, port, protocol, waitMs } of steps) {
        nowMs += waitMs;
        const alive = model.alive(nowMs);
        if (inbound) {
          const dstPort = 2000 + ((host * 5 + port) % (PORTS + 1));
          const packet = new Packet({
            src: '203.0.113.5',
            srcPort: 53,
            dst: '192.0.2.64',
            dstPort,
            protocol,
            dstMac: PORT_MACS[1],
          });
          const found = alive.find(({ external }) => external === `${protocol} 192.0.2.64:${dstPort}`);
          expect(packet.through(outside, 1, nowMs * MS)).toBe(found === undefined ? 'nf_no_mapping' : 'out by 0');
          if (found !== undefined) expect(`${protocol} ${packet.ends.split(' > ')[1]}`).toBe(found.inside);
          expect(packet.sound).toBe(true);
          continue;
        }
        const packet = new Packet({ src: `10.0.0.${9 + host}`, srcPort: 1024 + port, protocol });
        const name = `${protocol} 10.0.0.${9 + host}:${1024 + port}`;
        const known = alive.find((each) => each.inside === name);
        const verdict = packet.through(inside, 0, nowMs * MS);
        const full = known === undefined && alive.length === PORTS;
        expect(verdict).toBe(full ? 'nf_ports_exhausted' : 'out by 1');
        if (full) continue;
        expect(packet.sound).toBe(true);
        const endMs = nowMs + (protocol === TCP ? TCP_MS : UDP_MS);
        const external = `${protocol} ${packet.ends.split(' > ')[0]}`;
        if (known !== undefined) {
          expect(external).toBe(known.external);
          known.endMs = endMs;
          continue;
        }
        // A new mapping has a port that no living one of any protocol has.
        const portOf = (each: string) => each.split(':')[1];
        expect(alive.map((each) => portOf(each.external))).not.toContain(portOf(external));
        model.mappings = [...alive, { inside: name, external, endMs }];
      }
    }),
    { numRuns: 400 },
  );
});
