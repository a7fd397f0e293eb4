/** A client and a terminating server against each other, as on the two ends of one cable. */
import { describe, expect, test } from 'vitest';
import { CONSUMED } from '../../../../actors/guest/network-functions/network-function.ts';
import type { TcpTerminateConfig } from '../../../../actors/guest/network-functions/tcp-terminate.ts';
import { TcpTerminate } from '../../../../actors/guest/network-functions/tcp-terminate.ts';
import { bucketOf } from '../../../../src/memory/histogram.ts';
import { ActorBed, ethernet } from '../../../support/actor-bed.ts';
import { CUT, ClientEnd, FAITHFUL, FunctionEnd, lossyCable } from '../../../support/connection-bed.ts';
import type { Cable } from '../../../support/connection-bed.ts';

const SCENARIO = `
host: { costs: none }
ports: [{ name: eth0 }]
vms:
  - name: adc
    vcpus: 1
    nics: [{ name: vnic0 }]
    nf: { kind: tcp-terminate, requestBytes: 300, responseBytes: 5000 }
traffic:
  connections: [{ port: eth0, to: vnic0, max: 8, timeout: 8s }]
`;
const MS = 1e6;

class Bench {
  readonly client: ClientEnd;
  readonly server: FunctionEnd<TcpTerminate>;
  nowNs = 1e9;
  toServer: Cable = FAITHFUL;
  toClient: Cable = FAITHFUL;

  constructor(overrides: readonly string[] = [], nf: Partial<TcpTerminateConfig> = {}) {
    const bed = new ActorBed(overrides, SCENARIO);
    this.client = new ClientEnd(bed);
    const { spec } = bed.planOf('adc/vcpu0');
    if (spec.kind !== 'vcpu' || spec.config.nf.kind !== 'tcp-terminate') throw new Error('a terminating vCPU only');
    const config = { ...spec.config.nf, ...nf };
    this.server = new FunctionEnd((context) => new TcpTerminate(config, context));
  }

  offer(perSecond: number): void {
    this.client.offer(perSecond);
  }

  give(frame: Uint8Array): number {
    return this.server.give(frame, this.nowNs);
  }

  /** Lets time pass in steps of 100 us. */
  run(ms: number): this {
    for (let step = 0; step < 10 * ms; step++) {
      this.nowNs += MS / 10;
      for (const sent of this.client.poll(this.nowNs)) {
        const frame = this.toServer(sent);
        if (frame !== null) this.give(frame);
      }
      for (const sent of this.server.turn(this.nowNs)) {
        const frame = this.toClient(sent.frame);
        if (frame !== null) this.client.give(frame, this.nowNs);
      }
    }
    return this;
  }

  counts(): Record<string, number> {
    return this.client.counts();
  }

  get served(): Record<string, number> {
    return this.server.events();
  }

  get drops(): readonly string[] {
    return this.server.drops;
  }
}

describe.each([
  ['in the clear', []],
  ['with TLS', ['vms.adc.nf.tls=true']],
])('%s', (_, overrides) => {
  test('every connection that is offered completes, checked byte by byte, and the server remembers none', () => {
    const b = new Bench(overrides);
    b.offer(1000);
    b.run(100.5);
    b.offer(0);
    b.run(50);
    expect(b.counts()).toMatchObject({
      connections_offered: 100,
      connections_started: 100,
      connections_established: 100,
      connections_completed: 100,
    });
    expect(b.served).toMatchObject({ tcp_accepted: 100, tcp_served: 100, tcp_closed: 100, tcp_resets: 0 });
    expect(b.drops).toEqual([]);
    expect(b.server.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('one frame in five lost: what completes is right all the same', () => {
    const b = new Bench(overrides);
    b.toServer = b.toClient = lossyCable();
    b.offer(5);
    b.run(6000);
    const counts = b.counts();
    expect(counts.connections_completed).toBeGreaterThan(5);
    expect(counts.failed_response ?? 0).toBe(0);
    expect(counts.retransmissions).toBeGreaterThan(0);
    expect(b.served.tcp_retransmissions).toBeGreaterThan(0);
  });

  test('latency runs from when the connection was due to when both sides have closed', () => {
    const b = new Bench(overrides);
    b.offer(100);
    b.run(11);
    // Due at 10 ms; four steps of 100 us until the client has the server's FIN.
    const counts = b.client.latency();
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(1);
    expect(counts[bucketOf(0.3 * MS)]).toBe(1);
  });
});

describe('what goes wrong', () => {
  test('more than may be open: failed at once, and counted', () => {
    const b = new Bench();
    b.toServer = CUT;
    b.offer(1000);
    b.run(100.5);
    expect(b.counts()).toMatchObject({ connections_offered: 100, connections_started: 8, failed_limit: 92 });
  });

  test('a server that never answers: failed after the timeout, its segments sent again before', () => {
    const b = new Bench();
    b.toServer = CUT;
    b.offer(50);
    b.run(100.5);
    b.offer(0);
    b.run(8100);
    // After 1 s, 3 s and 7 s.
    expect(b.counts()).toMatchObject({ connections_started: 5, failed_timeout: 5, retransmissions: 15 });
    expect(b.counts().connections_completed ?? 0).toBe(0);
  });

  test('nobody listens on that port: reset', () => {
    const b = new Bench([], { listenPort: 444 });
    b.offer(100);
    b.run(15);
    expect(b.counts()).toMatchObject({ failed_reset: 1 });
    expect(b.drops).toEqual(['nf_tcp_no_socket']);
  });

  test('another secret: the server opens no record and resets', () => {
    const b = new Bench(['vms.adc.nf.tls=true'], { tlsSecret: new Array<number>(32).fill(9) });
    b.offer(100);
    b.run(15);
    expect(b.served).toMatchObject({ tcp_bad_requests: 1, tcp_resets: 1 });
    expect(b.counts()).toMatchObject({ failed_reset: 1 });
  });

  test('a server whose answers are of another length: the response is wrong', () => {
    const b = new Bench([], { responseBytes: 5001 });
    b.offer(100);
    b.run(15);
    expect(b.counts()).toMatchObject({ failed_response: 1 });
  });

  test('a frame damaged under way is dropped by its checksum, and comes again', () => {
    const b = new Bench();
    let n = 0;
    b.toClient = (frame) => {
      if (n++ === 1) frame[100] ^= 1;
      return frame;
    };
    b.offer(100);
    b.run(11);
    b.offer(0);
    b.run(500);
    expect(b.counts()).toMatchObject({ rx_corrupt: 1, connections_completed: 1 });
    expect(b.served.tcp_retransmissions).toBeGreaterThan(0);
  });

  test('a table without room drops the SYN for a reason of its own', () => {
    const b = new Bench([], { connectionsMax: 2 });
    b.toClient = CUT;
    b.offer(1000);
    b.run(5.5);
    expect(b.drops).toEqual(['nf_tcp_table_full', 'nf_tcp_table_full', 'nf_tcp_table_full']);
  });

  test('a client that falls silent is given up when its answer was sent six times', () => {
    const b = new Bench();
    let n = 0;
    b.toServer = (frame) => (n++ < 2 ? frame : null);
    b.offer(100);
    b.run(11);
    b.offer(0);
    b.run(5000);
    expect(b.served).toMatchObject({ tcp_accepted: 1, tcp_served: 1, tcp_expired: 0 });
    b.run(9000);
    expect(b.served).toMatchObject({ tcp_expired: 1, tcp_retransmissions: 5 });
  });
});

test('frames of others and of other protocols are dropped by reason; neighbours may announce themselves', () => {
  const b = new Bench();
  const arp = ethernet('ff:ff:ff:ff:ff:ff', '02:00:00:00:00:09');
  arp.set([0x08, 0x06], 12);
  expect(b.give(arp)).toBe(CONSUMED);
  b.give(ethernet('02:00:00:00:00:77', '02:00:00:00:00:09'));
  b.give(ethernet('52:54:00:00:00:01', '02:00:00:00:00:09'));
  expect(b.drops).toEqual(['nf_not_for_us', 'nf_in_hdr_errors']);
});
