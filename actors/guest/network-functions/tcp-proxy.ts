import type { Memory } from '../../../src/memory/arena.ts';
import { NO_CONNECTION } from '../../../src/net/tcp/connection-table.ts';
import { hashEndpoint, portKey } from '../../../src/net/tables/endpoint-table.ts';
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import { REQUEST_MAGIC, messageExchange } from '../../../src/net/tcp/exchange-message.ts';
import {
  ExchangeStreams,
  MESSAGE_PART,
  MESSAGE_WHOLE,
  exchangeRingBytes,
} from '../../../src/net/tcp/exchange-streams.ts';
import { IP_PROTOCOL_TCP, ipv4HeaderBytes } from '../../../src/net/wire/ipv4.ts';
import { TCP_CLOSE_WAIT } from '../../../src/net/tcp/tcp-blocks.ts';
import { TIME_WAIT_NS } from '../../../src/net/tcp/time-wait.ts';
import { TcpEndpoint } from '../../../src/net/tcp/tcp-endpoint.ts';
import type { TcpUser } from '../../../src/net/tcp/tcp-user.ts';
import { ENDED_CLOSED, ENDED_RESET } from '../../../src/net/tcp/tcp-user.ts';
import { tcpDstPort } from '../../../src/net/tcp/tcp.ts';
import { BackendConnections } from './backend-connections.ts';
import { BackendStates } from './backend-states.ts';
import type { BackendStatesConfig } from './backend-states.ts';
import type { ProxyBackend, ResponseTaker } from './backend-connections.ts';
import type { GuestPort } from './ipv4-input.ts';
import { MaglevTable } from './maglev.ts';
import type { WeightedBackend } from './maglev.ts';
import type {
  BuiltInFunction,
  EventCounter,
  FunctionContext,
  FunctionTimers,
  NetworkFunction,
} from './network-function.ts';
import { SEGMENT_ACCEPTED, TCP_INPUT_DROPS, acceptSegment, answerOf, tcpFrameNs } from './tcp-input.ts';

const EVENTS = [
  { name: 'tcp_accepted', meaning: 'connections of clients that were established' },
  { name: 'tcp_proxied', meaning: 'responses of backends that were sent on to the clients who wait for them' },
  {
    name: 'tcp_bad_requests',
    meaning: 'requests with a wrong byte, or TLS records that did not open: the client is reset',
  },
  {
    name: 'tcp_abandoned',
    meaning: 'clients that went while a backend had their request; its connection is reset as well',
  },
  { name: 'tcp_closed', meaning: 'connections of clients that both sides closed' },
  { name: 'tcp_resets', meaning: 'connections of clients that either side reset' },
  {
    name: 'tcp_expired',
    meaning: 'connections of clients that were idle too long, or did not acknowledge what was sent again',
  },
  { name: 'tcp_retransmissions', meaning: 'times a timer had TCP segments sent again' },
  { name: 'tcp_no_buffer', meaning: 'TCP segments that found no free guest buffer; their timer tries again' },
  { name: 'tcp_backend_full', meaning: 'requests for which the proxy had no connection left: the client is reset' },
  { name: 'tcp_backend_refused', meaning: 'requests whose backend answered the SYN with RST: the client is reset' },
  {
    name: 'tcp_backend_reset',
    meaning: 'requests whose backend reset or closed before it had answered: the client is reset',
  },
  {
    name: 'tcp_backend_expired',
    meaning: 'requests whose backend had not answered when backendTimeout was over: the client is reset',
  },
  {
    name: 'tcp_backend_bad_responses',
    meaning: 'requests whose backend answered more than was agreed: the client is reset',
  },
  { name: 'tcp_no_backend', meaning: 'requests reset because every backend is drained or its VM is not there' },
] as const;
const ACCEPTED = 0;
const PROXIED = 1;
const BAD_REQUESTS = 2;
const ABANDONED = 3;
const CLOSED = 4;
const RESETS = 5;
const EXPIRED = 6;
const RETRANSMISSIONS = 7;
const NO_BUFFER = 8;
const BACKEND_FULL = 9;
/** The BACKEND_ reasons follow each other from here. */
const BACKEND_REASONS = 10;
const NO_BACKEND = 14;
const TO_FIRST_BACKEND = EVENTS.length;

/** Of the seven frames it has of a connection four come from the client, with the TLS; three from the server. */
const TLS_SHARE = 4 / 7;
/** As tcp_synack_retries of Linux. */
const RETRIES_MAX = 5;

export interface TcpProxyConfig extends BackendStatesConfig {
  readonly kind: 'tcp-proxy';
  /** Its own addresses, one for each vNIC. */
  readonly ports: readonly GuestPort[];
  readonly listenPort: number;
  readonly backends: readonly (ProxyBackend & WeightedBackend)[];
  /** At once, on each side; far fewer than there are source ports. */
  readonly connectionsMax: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Pre-shared secret of the clients' TLS record layer; null serves them in the clear. */
  readonly tlsSecret: readonly number[] | null;
  readonly backendTimeoutNs: number;
  readonly idleNs: number;
}

/** What it counts: above all what became of the requests that it sent on, by backend. */
function tcpProxyEvents({ backends }: TcpProxyConfig): readonly EventCounter[] {
  const meaning = 'requests that were sent on to this backend';
  return [...EVENTS, ...backends.map((_, i) => ({ name: `tcp_to_backend${i}`, meaning }))];
}

/**
 * An application delivery controller at layer 7: ends the connections of its clients, with TLS if it is told to, and
 * speaks to servers in the clear over connections of its own. It binds late: a server learns of a client when a whole
 * request is there and every byte of it is right. The server is chosen by the client's endpoint as load-balancer does;
 * one that gives no response costs its client the connection. It keeps both sides of a connection, so one instance must
 * see all of the guest's frames. A server that is drained or out gets no more requests; those it has are its own.
 */
export class TcpProxy implements NetworkFunction, FunctionTimers, TcpUser, ResponseTaker {
  readonly name = 'tcp-proxy';
  readonly drops = TCP_INPUT_DROPS;
  readonly events: readonly string[];
  readonly counts: Float64Array;
  readonly timers = this;
  private readonly config: TcpProxyConfig;
  private readonly clients: TcpEndpoint;
  private readonly streams: ExchangeStreams;
  private readonly backends: BackendConnections;
  private readonly states: BackendStates;
  private readonly maglev: MaglevTable;
  /** By client's connection: the one to a backend that has its request, or NO_CONNECTION. */
  private readonly asked: Int32Array;
  private batchNs = -1;

  constructor(memory: Memory, config: TcpProxyConfig, context: FunctionContext) {
    const { ports, backends, listenPort, connectionsMax, requestBytes, responseBytes, tlsSecret, idleNs } = config;
    const sizes = { requestBytes, responseBytes };
    this.config = config;
    this.events = tcpProxyEvents(config).map(({ name }) => name);
    this.counts = new Float64Array(this.events.length);
    this.asked = new Int32Array(connectionsMax).fill(NO_CONNECTION);
    this.states = new BackendStates(memory, config, backends.length);
    this.maglev = new MaglevTable(backends);
    this.streams = new ExchangeStreams({ connectionsMax, side: 'server', ...sizes, tlsSecret });
    this.clients = new TcpEndpoint(
      {
        connectionsMax,
        sendBytesMax: exchangeRingBytes(responseBytes, tlsSecret !== null),
        macs: ports,
        listenPort,
        listenAddresses: ports.map(({ address }) => address),
        idleNs,
        timeWaitNs: TIME_WAIT_NS,
        retriesMax: RETRIES_MAX,
        secret: ports[0].address,
      },
      context,
      this,
    );
    const timeoutNs = config.backendTimeoutNs;
    const backendConfig = { ports, backends, listenPort, connectionsMax, ...sizes, timeoutNs, idleNs };
    this.backends = new BackendConnections(backendConfig, context, this);
  }

  get nextDeadlineNs(): number {
    return Math.min(this.clients.nextDeadlineNs, this.backends.nextDeadlineNs);
  }

  expire(nowNs: number): void {
    if (nowNs >= this.clients.nextDeadlineNs) this.clients.expire(nowNs);
    if (nowNs >= this.backends.nextDeadlineNs) this.backends.expire(nowNs);
    this.count();
  }

  private count(): void {
    const { counts, clients } = this;
    const servers = this.backends.endpoint;
    counts[RETRANSMISSIONS] = clients.retransmissions + servers.retransmissions;
    counts[NO_BUFFER] = clients.sender.blocked + servers.sender.blocked;
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    const refusal = acceptSegment(bytes, offset, length, this.config.ports[port]);
    if (refusal !== SEGMENT_ACCEPTED) return refusal;
    if (nowNs !== this.batchNs) this.beginBatch(nowNs);
    const ip = offset + ETH_HEADER_BYTES;
    const isClient = tcpDstPort(bytes, ip + ipv4HeaderBytes(bytes, ip)) === this.config.listenPort;
    const endpoint = isClient ? this.clients : this.backends.endpoint;
    const verdict = endpoint.receive(bytes, offset, port, nowNs);
    this.count();
    return answerOf(verdict);
  }

  /** Looks whether the control plane has changed the backends. */
  private beginBatch(nowNs: number): void {
    this.batchNs = nowNs;
    const { states, backends } = this;
    if (states.follow(backends.live)) this.maglev.fill(states.stateOf);
  }

  established(c: number): void {
    this.counts[ACCEPTED]++;
    const { streams, clients } = this;
    clients.identify(c, 'server', streams.identity);
    streams.begin(c);
  }

  received(c: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void {
    const { streams, config } = this;
    const outcome = streams.receive(c, bytes, at, lengthBytes);
    if (outcome === MESSAGE_PART) return;
    const isRequest =
      outcome === MESSAGE_WHOLE && messageExchange(streams.content, config.requestBytes, REQUEST_MAGIC) >= 0;
    if (isRequest) return this.sendOn(c, nowNs);
    this.counts[BAD_REQUESTS]++;
    this.clients.abort(c, ENDED_RESET, nowNs);
  }

  /** To the backend of this client. */
  private sendOn(c: number, nowNs: number): void {
    const { streams, clients, counts } = this;
    clients.identify(c, 'server', streams.identity);
    const { clientAddress, clientPort } = streams.identity;
    const backend = this.maglev.lookup(hashEndpoint(clientAddress, portKey(clientPort, IP_PROTOCOL_TCP)));
    const asked = backend < 0 ? NO_CONNECTION : this.backends.ask(c, backend, streams.content, nowNs);
    if (asked === NO_CONNECTION) {
      counts[backend < 0 ? NO_BACKEND : BACKEND_FULL]++;
      clients.abort(c, ENDED_RESET, nowNs);
      return;
    }
    counts[TO_FIRST_BACKEND + backend]++;
    this.asked[c] = asked;
  }

  answered(c: number, response: Uint8Array, nowNs: number): void {
    const { streams, clients } = this;
    this.asked[c] = NO_CONNECTION;
    this.counts[PROXIED]++;
    streams.content.set(response);
    clients.sender.write(c, streams.sealed, 0, streams.seal(c));
    if (clients.stateOf(c) === TCP_CLOSE_WAIT) clients.close(c);
    clients.push(c, nowNs);
  }

  unanswered(c: number, reason: number, nowNs: number): void {
    this.asked[c] = NO_CONNECTION;
    this.counts[BACKEND_REASONS + reason]++;
    this.clients.abort(c, ENDED_RESET, nowNs);
  }

  /** A client that has asked may close its side and wait for the response (RFC 9293 section 3.6). */
  peerClosed(c: number): void {
    if (this.asked[c] === NO_CONNECTION) this.clients.close(c);
  }

  ended(c: number, reason: number, nowNs: number): void {
    this.counts[reason === ENDED_CLOSED ? CLOSED : reason === ENDED_RESET ? RESETS : EXPIRED]++;
    const asked = this.asked[c];
    if (asked === NO_CONNECTION) return;
    this.asked[c] = NO_CONNECTION;
    this.counts[ABANDONED]++;
    this.backends.abandon(asked, nowNs);
  }
}

export const TCP_PROXY: BuiltInFunction<'tcp-proxy', TcpProxyConfig> = {
  kind: 'tcp-proxy',
  counters: (config) => ({ drops: TCP_INPUT_DROPS, events: tcpProxyEvents(config) }),
  moreFrameNs: ({ tlsSecret }) => tcpFrameNs(tlsSecret, TLS_SHARE),
  create: (memory, config, context) => new TcpProxy(memory, config, context),
};
