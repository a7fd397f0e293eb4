/** The application delivery controller: clients on one side, two servers on the other. */
import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../../../src/net/wire/address.ts';
import { ETH_HEADER_BYTES } from '../../../../src/net/wire/ethernet.ts';
import { REQUEST_MAGIC, RESPONSE_MAGIC, messageExchange } from '../../../../src/net/tcp/exchange-message.ts';
import { IPV4_HEADER_MIN_BYTES, ipv4Src, ipv4TotalBytes } from '../../../../src/net/wire/ipv4.ts';
import { TCP_FIN, TCP_RST, TCP_SYN, tcpFlags, tcpHeaderBytes, tcpSrcPort } from '../../../../src/net/tcp/tcp.ts';
import { CUT, lossyCable } from '../../../support/connection-bed.ts';
import type { Cable } from '../../../support/connection-bed.ts';
import {
  INSIDE,
  MS,
  ProxyBed,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  RawClient,
  WEB0,
  WEB1,
} from '../../../support/proxy-bed.ts';
import { TcpEnd } from '../../../support/tcp-bed.ts';

const IP = ETH_HEADER_BYTES;
const TCP = IP + IPV4_HEADER_MIN_BYTES;

const flagsOf = (frame: Uint8Array): number => tcpFlags(frame, TCP);
const dataOf = (frame: Uint8Array): Uint8Array =>
  frame.slice(TCP + tcpHeaderBytes(frame, TCP), IP + ipv4TotalBytes(frame, IP));

describe.each([
  ['in the clear', []],
  ['with TLS', ['vms.adc.nf.tls=true']],
])('%s', (_, overrides) => {
  test('every connection completes, checked byte by byte; servers are chosen by weight, and nobody remembers any', () => {
    const b = new ProxyBed({ overrides });
    b.connect(400).run(50);
    expect(b.counts).toMatchObject({ connections_offered: 400, connections_completed: 400 });
    const { tcp_to_backend0: first, tcp_to_backend1: second } = b.proxied;
    expect(b.proxied).toMatchObject({ tcp_accepted: 400, tcp_proxied: 400, tcp_closed: 400, tcp_resets: 0 });
    expect(first + second).toBe(400);
    expect(second).toBeGreaterThan(2 * first);
    expect(b.servers.map((server) => server.events().tcp_served)).toEqual([first, second]);
    expect(b.servers.map((server) => server.events().tcp_closed)).toEqual([first, second]);
    expect([b.proxy, ...b.servers].flatMap(({ drops }) => drops)).toEqual([]);
    // Those that the proxy has closed first wait for a second.
    b.run(1100);
    expect(b.proxy.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('what passes inside is the messages themselves', () => {
    const b = new ProxyBed({ overrides });
    const [requests, responses]: [number[], number[]] = [[], []];
    b.proxyToServers = (frame) => (requests.push(...dataOf(frame)), frame);
    b.serversToProxy = (frame) => (responses.push(...dataOf(frame)), frame);
    b.connect(1).run(10);
    expect(messageExchange(Uint8Array.from(requests), REQUEST_BYTES, REQUEST_MAGIC)).toBe(1);
    expect(messageExchange(Uint8Array.from(responses), RESPONSE_BYTES, RESPONSE_MAGIC)).toBe(1);
    expect([requests.length, responses.length]).toEqual([REQUEST_BYTES, RESPONSE_BYTES]);
  });

  test.each([
    ['outside', ['clientToProxy', 'proxyToClient']],
    ['inside', ['proxyToServers', 'serversToProxy']],
  ] as const)('one frame in five lost %s: what completes is right all the same', (_where, ways) => {
    const b = new ProxyBed({ overrides });
    const lossy = lossyCable();
    for (const way of ways) b[way] = lossy;
    b.offer(5);
    b.run(6000);
    b.offer(0);
    b.run(20_000);
    expect(b.counts.connections_completed).toBeGreaterThan(5);
    expect(b.counts.failed_response ?? 0).toBe(0);
    expect(b.proxied.tcp_retransmissions).toBeGreaterThan(0);
    expect(b.balance.settled).toBe(b.balance.asked);
  });
});

describe('order (RFC 9293)', () => {
  test('a server sees a SYN only when the whole request is there', () => {
    const b = new ProxyBed();
    let [fromClient, toServer] = [0, 0];
    const log: number[] = [];
    b.clientToProxy = (frame) => ((fromClient += dataOf(frame).length), frame);
    b.proxyToServers = (frame) => {
      if (toServer++ === 0) log.push(flagsOf(frame), fromClient);
      return frame;
    };
    b.connect(1).run(10);
    expect(log).toEqual([TCP_SYN, REQUEST_BYTES]);
  });

  test('a lost SYN comes again after a second, and the request behind it', () => {
    const b = new ProxyBed();
    let n = 0;
    b.proxyToServers = (frame) => (n++ === 0 ? null : frame);
    b.connect(1).run(900);
    expect(b.counts.connections_completed ?? 0).toBe(0);
    b.run(200);
    expect(b.counts).toMatchObject({ connections_completed: 1 });
    expect(b.proxied.tcp_retransmissions).toBe(1);
  });

  test('the server is closed when its response is whole, the client after it has closed', () => {
    const b = new ProxyBed();
    const fins: string[] = [];
    const note =
      (who: string): Cable =>
      (frame) => {
        if ((flagsOf(frame) & TCP_FIN) !== 0) fins.push(who);
        return frame;
      };
    b.clientToProxy = note('client');
    b.proxyToClient = note('proxy to client');
    b.proxyToServers = note('proxy to server');
    b.serversToProxy = note('server');
    b.connect(1).run(10);
    expect(fins).toHaveLength(4);
    expect(fins.indexOf('proxy to server')).toBeLessThan(fins.indexOf('server'));
    expect(fins.indexOf('client')).toBeLessThan(fins.indexOf('proxy to client'));
  });

  test('a client that asks and closes its side at once gets its response, then the FIN (section 3.6)', () => {
    const b = new ProxyBed();
    const client = new RawClient(b);
    client.end.onEstablished = (c) => {
      client.ask(REQUEST_MAGIC);
      client.end.endpoint.close(c);
    };
    client.connect();
    b.run(10);
    expect(messageExchange(Uint8Array.from(client.end.got), RESPONSE_BYTES, RESPONSE_MAGIC)).toBe(7);
    expect(client.end.told).toEqual(['established', 'ended closed']);
    expect(b.proxied).toMatchObject({ tcp_proxied: 1, tcp_closed: 1, tcp_abandoned: 0 });
  });
});

describe('what goes wrong', () => {
  test('a request with a wrong byte resets, and no server hears of it', () => {
    const b = new ProxyBed();
    const client = new RawClient(b);
    client.end.onEstablished = () => client.ask(RESPONSE_MAGIC);
    client.connect();
    b.run(10);
    expect(client.end.told).toEqual(['established', 'ended reset']);
    expect(b.proxied).toMatchObject({ tcp_bad_requests: 1, tcp_resets: 1 });
    expect(b.balance.asked).toBe(0);
  });

  test('a server that refuses: its client is reset at once', () => {
    const b = new ProxyBed({ servers: { listenPort: 81 } });
    b.connect(5).run(10);
    expect(b.counts).toMatchObject({ failed_reset: 5 });
    expect(b.proxied).toMatchObject({ tcp_backend_refused: 5, tcp_resets: 5, tcp_proxied: 0 });
    expect(b.balance).toEqual({ asked: 5, settled: 5 });
  });

  test('a server that resets after it has accepted', () => {
    const b = new ProxyBed({ servers: { requestBytes: REQUEST_BYTES - 1 } });
    b.connect(5).run(10);
    expect(b.counts).toMatchObject({ failed_reset: 5 });
    expect(b.proxied).toMatchObject({ tcp_backend_reset: 5, tcp_backend_refused: 0, tcp_resets: 5 });
  });

  test('a server that closes instead of answering is closed in order', () => {
    const b = new ProxyBed();
    const config = { macs: [{ macHigh: 0x5254, macLow: 2 }], listenPort: 80, listenAddresses: [WEB0, WEB1] };
    const server: TcpEnd = new TcpEnd(config, (frame) => b.proxy.give(frame, b.nowNs, INSIDE));
    server.onReceived = (c) => server.endpoint.close(c);
    b.proxyToServers = (frame) => {
      server.endpoint.receive(frame, 0, 0, b.nowNs);
      return null;
    };
    b.connect(1).run(10);
    expect(b.counts).toMatchObject({ failed_reset: 1 });
    expect(server.told).toEqual(['established', 'ended closed']);
    expect(b.proxied).toMatchObject({ tcp_backend_reset: 1, tcp_resets: 1 });
    expect(b.balance).toEqual({ asked: 1, settled: 1 });
    expect(b.proxy.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('a server that answers more than was agreed', () => {
    const b = new ProxyBed({ servers: { responseBytes: RESPONSE_BYTES + 1 } });
    b.connect(5).run(10);
    expect(b.counts).toMatchObject({ failed_reset: 5 });
    expect(b.proxied).toMatchObject({ tcp_backend_bad_responses: 5, tcp_proxied: 0 });
  });

  test.each([
    ['never answers the SYN', () => null],
    ['accepts and then says nothing', (frame: Uint8Array) => ((flagsOf(frame) & TCP_SYN) !== 0 ? frame : null)],
  ])('a server that %s: after its timeout the client is reset, and nothing is kept', (_, cable) => {
    const b = new ProxyBed({ proxy: { backendTimeoutNs: 2e9 } });
    b.serversToProxy = cable;
    b.connect(5).run(1900);
    expect(b.counts.failed_reset ?? 0).toBe(0);
    b.run(200);
    expect(b.counts).toMatchObject({ failed_reset: 5 });
    expect(b.proxied).toMatchObject({ tcp_backend_expired: 5, tcp_resets: 5 });
    expect(b.balance).toEqual({ asked: 5, settled: 5 });
    expect(b.proxy.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('a client that resets while its server works: the server is reset as well', () => {
    const b = new ProxyBed({ overrides: ['traffic.connections.0.timeout=500ms'] });
    const resets: number[] = [];
    b.serversToProxy = (frame) => ((flagsOf(frame) & TCP_SYN) !== 0 ? frame : null);
    b.proxyToServers = (frame) => {
      if ((flagsOf(frame) & TCP_RST) !== 0) resets.push(tcpSrcPort(frame, TCP));
      return frame;
    };
    b.connect(5).run(510);
    expect(b.counts).toMatchObject({ failed_timeout: 5 });
    expect(b.proxied).toMatchObject({ tcp_abandoned: 5, tcp_resets: 5, tcp_backend_expired: 0 });
    expect(new Set(resets).size).toBe(5);
    expect(b.balance).toEqual({ asked: 5, settled: 5 });
    expect(b.servers[0].events().tcp_resets + b.servers[1].events().tcp_resets).toBe(5);
    expect(b.proxy.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('a client that shakes hands and asks nothing is ended when it has been idle', () => {
    const b = new ProxyBed({ proxy: { idleNs: 500 * MS } });
    const client = new RawClient(b);
    client.connect();
    b.run(600);
    expect(client.end.told).toEqual(['established', 'ended reset']);
    expect(b.proxied).toMatchObject({ tcp_accepted: 1, tcp_expired: 1 });
  });

  test('a server that does not close after us is forgotten when it has been idle', () => {
    const b = new ProxyBed({ proxy: { idleNs: 500 * MS } });
    b.serversToProxy = (frame) => ((flagsOf(frame) & TCP_FIN) === 0 ? frame : null);
    b.connect(1).run(600);
    expect(b.counts).toMatchObject({ connections_completed: 1 });
    expect(b.proxied).toMatchObject({ tcp_proxied: 1, tcp_backend_expired: 0 });
    b.run(1000);
    expect(b.proxy.nf.nextDeadlineNs).toBe(Infinity);
  });

  test('a table without room for clients drops the SYN for a reason of its own', () => {
    const b = new ProxyBed({ proxy: { connectionsMax: 2 } });
    b.proxyToClient = CUT;
    b.connect(5);
    expect(b.proxy.drops).toEqual(['nf_tcp_table_full', 'nf_tcp_table_full', 'nf_tcp_table_full']);
  });

  test('a table without room for servers resets the client that has asked', () => {
    const b = new ProxyBed({ proxy: { connectionsMax: 1 } });
    b.serversToProxy = (frame) => ((flagsOf(frame) & TCP_FIN) === 0 ? frame : null);
    b.connect(1).run(10);
    b.connect(1).run(10);
    expect(b.counts).toMatchObject({ connections_completed: 1, failed_reset: 1 });
    expect(b.proxied).toMatchObject({ tcp_proxied: 1, tcp_backend_full: 1, tcp_resets: 1 });
  });

  test('a segment to a port of nobody is refused, from either side', () => {
    const b = new ProxyBed();
    const strays: Uint8Array[] = [];
    b.serversToProxy = (frame) => (strays.push(frame), frame);
    b.connect(1).run(1100);
    b.proxy.give(strays[0], b.nowNs, INSIDE);
    expect(b.proxy.drops).toEqual(['nf_tcp_no_socket']);
    const [answer] = b.proxy.turn(b.nowNs);
    expect([answer.port, flagsOf(answer.frame), ipv4Src(answer.frame, IP)]).toEqual([
      INSIDE,
      TCP_RST,
      parseIpv4('10.0.0.1'),
    ]);
  });
});
