/** A client and a terminating server against each other, as on the two ends of one cable. */
import { describe, expect, test } from 'vitest';
import { CONSUMED } from '../../actors/network-functions/network-function.ts';
import type { FunctionContext } from '../../actors/network-functions/network-function.ts';
import { TCP_INPUT_DROPS } from '../../actors/network-functions/tcp-input.ts';
import type { TcpTerminateConfig } from '../../actors/network-functions/tcp-terminate.ts';
import { TCP_TERMINATE_EVENTS, TcpTerminate } from '../../actors/network-functions/tcp-terminate.ts';
import type { ClientWireLink, TrafficClientConfig } from '../../actors/client-links.ts';
import type { TrafficClient } from '../../actors/traffic-client.ts';
import { CLIENT_CHANGES_WORD, CLIENT_RATE_DOUBLE, CLIENT_WIRE_PORT } from '../../actors/client-links.ts';
import { bucketOf } from '../../src/memory/histogram.ts';
import { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import { ActorBed, ethernet } from '../support/actor-bed.ts';

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
const CLIENT = 'client-eth0';
const MS = 1e6;

/** What happens to a frame on the cable: null loses it. */
type Cable = (frame: Uint8Array) => Uint8Array | null;
const FAITHFUL: Cable = (frame) => frame;

class Bench {
  readonly bed: ActorBed;
  readonly client: TrafficClient;
  readonly server: TcpTerminate;
  readonly drops: string[] = [];
  nowNs = 1e9;
  toServer: Cable = FAITHFUL;
  toClient: Cable = FAITHFUL;
  private readonly fromClient: WireReceiver;
  private readonly intoClient: WireSender;
  private readonly guest = new Uint8Array(4096);
  private sent: Uint8Array[] = [];

  constructor(overrides: readonly string[] = [], nf: Partial<TcpTerminateConfig> = {}) {
    this.bed = new ActorBed(overrides, SCENARIO);
    this.client = this.bed.create<TrafficClient>(CLIENT);
    const { tx, rx } = this.bed.link<ClientWireLink>(CLIENT, CLIENT_WIRE_PORT);
    this.fromClient = new WireReceiver(this.bed.memory, tx);
    this.intoClient = new WireSender(this.bed.memory, rx);
    const { spec } = this.bed.planOf('adc/vcpu0');
    if (spec.kind !== 'vcpu' || spec.nf.kind !== 'tcp-terminate') throw new Error('a terminating vCPU only');
    const context: FunctionContext = {
      bytes: this.guest,
      frameBytesMax: 2048,
      claim: () => 2048,
      send: (at, lengthBytes) => this.sent.push(this.guest.slice(at, at + lengthBytes)),
      release: () => undefined,
    };
    this.server = new TcpTerminate({ ...spec.nf, ...nf }, context);
  }

  offer(perSecond: number): void {
    const { throttle } = this.bed.config<TrafficClientConfig>(CLIENT);
    this.bed.memory.doubles(throttle)[CLIENT_RATE_DOUBLE] = perSecond;
    this.bed.memory.words(throttle)[CLIENT_CHANGES_WORD]++;
  }

  give(frame: Uint8Array): number {
    this.guest.set(frame, 0);
    const answer = this.server.process(this.guest, 0, frame.length, 0, this.nowNs);
    if (answer !== CONSUMED) this.drops.push(TCP_INPUT_DROPS[-1 - answer].name);
    return answer;
  }

  /** Lets time pass in steps of 100 us. */
  run(ms: number): this {
    for (let step = 0; step < 10 * ms; step++) {
      this.nowNs += MS / 10;
      this.client.poll(64, this.nowNs);
      for (let n = this.fromClient.readable(64); n > 0; n--) {
        const at = this.fromClient.frameByte();
        const frame = this.toServer(this.fromClient.bytes.slice(at, at + this.fromClient.frameBytes()));
        this.fromClient.next();
        if (frame !== null) this.give(frame);
      }
      this.fromClient.release();
      if (this.nowNs >= this.server.nextDeadlineNs) this.server.expire(this.nowNs);
      for (const sent of this.sent.splice(0)) {
        const frame = this.toClient(sent);
        if (frame === null) continue;
        this.intoClient.bytes.set(frame, this.intoClient.frameByte());
        this.intoClient.send(frame.length, this.nowNs, 0);
      }
      this.intoClient.publish();
    }
    return this;
  }

  counts(): Record<string, number> {
    return this.bed.counts(this.client);
  }

  get served(): Record<string, number> {
    return Object.fromEntries(TCP_TERMINATE_EVENTS.map((name, i) => [name, this.server.counts[i]]));
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
    expect(b.server.nextDeadlineNs).toBe(Infinity);
  });

  test('one frame in five lost: what completes is right all the same', () => {
    const b = new Bench(overrides);
    let state = 1;
    const lossy: Cable = (frame) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16 < 0x3333 ? null : frame;
    };
    b.toServer = lossy;
    b.toClient = lossy;
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
    const { latency } = b.bed.config<TrafficClientConfig>(CLIENT);
    // Due at 10 ms; four steps of 100 us until the client has the server's FIN.
    const counts = b.bed.memory.doubles(latency);
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(1);
    expect(counts[bucketOf(0.3 * MS)]).toBe(1);
  });
});

describe('what goes wrong', () => {
  test('more than may be open: failed at once, and counted', () => {
    const b = new Bench();
    b.toServer = () => null;
    b.offer(1000);
    b.run(100.5);
    expect(b.counts()).toMatchObject({ connections_offered: 100, connections_started: 8, failed_limit: 92 });
  });

  test('a server that never answers: failed after the timeout, its segments sent again before', () => {
    const b = new Bench();
    b.toServer = () => null;
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
    b.toClient = () => null;
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
