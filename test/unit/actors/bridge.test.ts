import { describe, expect, test } from 'vitest';
import { BRIDGE_PORTS } from '../../../actors/host/bridge.ts';
import type { Bridge, BridgeConfig } from '../../../actors/host/bridge.ts';
import { jointsAt } from '../../../src/runtime/plan.ts';
import { IdRingProducer } from '../../../src/memory/id-ring.ts';
import { ActorBed, ethernet, poolIds, sorted } from '../../support/actor-bed.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const C = '02:00:00:00:00:0c';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const THREE_PORTS = ['bridges.0.ports=[eth0, eth1, tap0]', 'bridges.1.ports=[tap1]'];

function bench(config: Partial<BridgeConfig> = {}, overrides: readonly string[] = THREE_PORTS) {
  const bed = new ActorBed(overrides);
  const bridge = bed.create<Bridge>('br0', config);
  const links = jointsAt(bed.planOf('br0'), BRIDGE_PORTS.port).map(({ link }) => link);
  const inputs = links.map(({ rx }) => new IdRingProducer(bed.memory, rx[0]));
  let next = 0;
  return {
    bed,
    bridge,
    links,
    /** One frame in by `port`; the ids that came out, by port. */
    forward: (port: number, dst: string, src: string, nowNs = 0): number[][] => {
      inputs[port].put(bed.fill(next++, ethernet(dst, src)));
      inputs[port].publish();
      expect(bridge.poll(64, nowNs)).toBe(1);
      return links.map(({ tx }) => bed.take(tx));
    },
    put: (port: number, dst: string, src: string): number => {
      const id = bed.fill(next++, ethernet(dst, src));
      inputs[port].put(id);
      inputs[port].publish();
      return id;
    },
    /** Slots that came back to the pool of the frames offered here. */
    freed: () => bed.returned(0),
  };
}

describe('learning', () => {
  test('an unknown address floods, a known one goes to its port alone', () => {
    const { bed, bridge, forward } = bench();
    const flooded = forward(0, B, A);
    expect(flooded.map((ids) => ids.length)).toEqual([0, 1, 1]);
    expect(forward(1, A, B)).toEqual([[1], [], []]);
    expect(forward(0, B, A)).toEqual([[], [2], []]);
    expect(bed.counts(bridge)).toEqual({ rx_packets: 3, tx_packets: 4, flooded: 1, flood_copies: 1 });
    expect(bed.held(bridge)).toBe(0);
  });

  test('an address that turns up elsewhere has moved', () => {
    const { forward } = bench();
    forward(0, BROADCAST, A);
    expect(forward(1, A, B).map((ids) => ids.length)).toEqual([1, 0, 0]);
    forward(2, BROADCAST, A);
    expect(forward(1, A, B).map((ids) => ids.length)).toEqual([0, 0, 1]);
  });

  test('an address not seen for the ageing time is unknown again', () => {
    const { forward } = bench({ ageingNs: 1000 });
    forward(0, BROADCAST, A, 0);
    expect(forward(1, A, B, 999).map((ids) => ids.length)).toEqual([1, 0, 0]);
    expect(forward(1, A, B, 1000).map((ids) => ids.length)).toEqual([1, 0, 1]);
  });

  test('a detached port takes its addresses with it, gets nothing, and works again when attached', () => {
    const { bridge, links, forward } = bench();
    forward(0, BROADCAST, A);
    bridge.detach({ port: 'port', index: 0 });
    expect(forward(1, A, B).map((ids) => ids.length)).toEqual([0, 0, 1]);
    bridge.attach({ port: 'port', index: 0, link: links[0] });
    expect(forward(1, A, B).map((ids) => ids.length)).toEqual([1, 0, 1]);
  });
});

describe('flooding', () => {
  test('every port but the ingress gets the same bytes, the last one the frame itself', () => {
    const { bed, forward } = bench();
    const [none, [copy], [original]] = forward(0, BROADCAST, A);
    expect(none).toEqual([]);
    expect(original).toBe(0);
    const { firstId, slots } = bed.config<BridgeConfig>('br0').pool;
    expect(copy >= firstId && copy < firstId + slots).toBe(true);
    expect(bed.frameIn(copy)).toEqual(ethernet(BROADCAST, A));
    expect(bed.frameIn(original)).toEqual(ethernet(BROADCAST, A));
  });

  test('without a slot for the copy the others still get the frame, and no slot is lost', () => {
    const { bed, bridge, forward, put, links } = bench();
    const { pool } = bed.config<BridgeConfig>('br0');
    let copies = 0;
    // Copies that come out of port 1 are kept: the pool runs dry.
    for (let i = 0; i < pool.slots; i++) copies += forward(0, BROADCAST, A)[1].length;
    expect(copies).toBe(pool.slots);
    put(0, BROADCAST, A);
    bridge.poll(64, 0);
    expect(bed.counts(bridge)).toMatchObject({ flood_copies: pool.slots, flood_no_buffer: 1 });
    expect(bed.ids(links[2].tx).length).toBe(1);
    expect(bed.held(bridge)).toBe(0);
    expect(bed.census(bridge).slots).toEqual([]);
  });

  test('a copy that finds its port full goes back to the pool of copies', () => {
    const { bed, bridge, links, put } = bench();
    const limit = links[1].txLimit;
    for (let i = 0; i <= limit; i++) {
      put(0, BROADCAST, A);
      bridge.poll(64, 0);
      bed.take(links[2].tx);
    }
    expect(bed.counts(bridge)).toMatchObject({ flood_copies: limit + 1, drop_tx_queue_full: 1 });
    const { pool } = bed.config<BridgeConfig>('br0');
    expect(sorted([...bed.ids(links[1].tx), ...bed.census(bridge).slots])).toEqual(poolIds(pool));
    expect(bed.held(bridge)).toBe(0);
  });
});

describe('what is not forwarded', () => {
  test.each([
    ['drop_bad_source', 0, B, '01:00:5e:00:00:01'],
    ['drop_bad_source', 0, B, '00:00:00:00:00:00'],
    ['drop_link_local', 0, '01:80:c2:00:00:01', A],
    ['drop_link_local', 0, '01:80:c2:00:00:0f', A],
  ])('%s: from port %i to %s from %s', (reason, port, dst, src) => {
    const { bed, bridge, forward, freed } = bench();
    expect(forward(port, dst, src)).toEqual([[], [], []]);
    expect(bed.counts(bridge)).toEqual({ rx_packets: 1, [reason]: 1 });
    expect(freed()).toEqual([0]);
    expect(bed.held(bridge)).toBe(0);
  });

  test('BPDUs pass, since STP is off; so do groups beyond the reserved sixteen', () => {
    const { forward } = bench();
    expect(forward(0, '01:80:c2:00:00:00', A).map((ids) => ids.length)).toEqual([0, 1, 1]);
    expect(forward(0, '01:80:c2:00:00:10', A).map((ids) => ids.length)).toEqual([0, 1, 1]);
  });

  test('drop_same_port: the destination is behind the port the frame came by', () => {
    const { bed, bridge, forward, freed } = bench();
    forward(0, BROADCAST, A);
    expect(forward(0, A, C)).toEqual([[], [], []]);
    expect(bed.counts(bridge)).toMatchObject({ drop_same_port: 1 });
    expect(freed()).toEqual([1]);
    expect(bed.held(bridge)).toBe(0);
  });

  test('drop_no_port: nowhere else to flood to', () => {
    const { bed, bridge, forward, freed } = bench();
    bridge.detach({ port: 'port', index: 1 });
    bridge.detach({ port: 'port', index: 2 });
    expect(forward(0, B, A)).toEqual([[], [], []]);
    expect(bed.counts(bridge)).toEqual({ rx_packets: 1, flooded: 1, drop_no_port: 1 });
    expect(freed()).toEqual([0]);
    expect(bed.held(bridge)).toBe(0);
  });

  test('drop_tx_queue_full: exactly the limit of the port fits', () => {
    const { bed, bridge, links, put, freed } = bench();
    put(1, BROADCAST, B);
    bridge.poll(64, 0);
    links.forEach(({ tx }) => bed.take(tx));
    const limit = links[1].txLimit;
    const ids = Array.from({ length: limit + 2 }, () => {
      const id = put(0, B, A);
      bridge.poll(64, 0);
      return id;
    });
    expect(bed.ids(links[1].tx)).toEqual(ids.slice(0, limit));
    expect(bed.counts(bridge)).toMatchObject({ drop_tx_queue_full: 2 });
    expect(freed()).toEqual(ids.slice(limit));
    expect(bed.held(bridge)).toBe(0);
  });
});

test('frames of one port keep their order, and a port has at most the budget a poll', () => {
  const { bed, bridge, links, put } = bench();
  put(1, BROADCAST, B);
  bridge.poll(64, 0);
  links.forEach(({ tx }) => bed.take(tx));
  const ids = Array.from({ length: 10 }, () => put(0, B, A));
  expect([bridge.poll(4, 0), bridge.poll(4, 0), bridge.poll(4, 0), bridge.poll(4, 0)]).toEqual([4, 4, 2, 0]);
  expect(bed.ids(links[1].tx)).toEqual(ids);
  expect(bridge.arm()).toBe(true);
  put(0, B, A);
  expect(bridge.arm()).toBe(false);
});

test('drop_mtu: what is longer than the MTU and a VLAN tag allow ends here, copies too', () => {
  const { bed, bridge, links, forward, freed } = bench({}, [...THREE_PORTS, 'vms.vm0.nics.vnic0.mtu=100']);
  forward(1, BROADCAST, B);
  forward(2, BROADCAST, C);
  const input = new IdRingProducer(bed.memory, links[0].rx[0]);
  const send = (dst: string, bytes: number): number[] => {
    input.put(bed.fill(100 + bytes, ethernet(dst, A, bytes)));
    input.publish();
    bridge.poll(64, 0);
    return links.map(({ tx }) => bed.take(tx).length);
  };
  expect(send(C, 118)).toEqual([0, 0, 1]);
  expect(send(C, 119)).toEqual([0, 0, 0]);
  expect(send(B, 119)).toEqual([0, 1, 0]);
  expect(send(BROADCAST, 120)).toEqual([0, 1, 0]);
  expect(bed.counts(bridge)).toMatchObject({ drop_mtu: 2 });
  expect(freed().length).toBe(2);
  expect(bed.held(bridge)).toBe(0);
});
