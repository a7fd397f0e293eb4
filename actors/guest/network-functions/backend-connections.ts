import { NO_CONNECTION } from '../../../src/net/tcp/connection-table.ts';
import { Deadlines } from '../../../src/net/tcp/deadlines.ts';
import {
  ExchangeStreams,
  MESSAGE_PART,
  MESSAGE_WHOLE,
  exchangeRingBytes,
} from '../../../src/net/tcp/exchange-streams.ts';
import { TIME_WAIT_CONNECTIONS, TIME_WAIT_NS } from '../../../src/net/tcp/time-wait.ts';
import { TcpEndpoint } from '../../../src/net/tcp/tcp-endpoint.ts';
import type { TcpOutput } from '../../../src/net/tcp/tcp-sender.ts';
import type { TcpNeighbour, TcpUser } from '../../../src/net/tcp/tcp-user.ts';
import { ENDED_CLOSED, ENDED_RESET } from '../../../src/net/tcp/tcp-user.ts';
import type { GuestPort } from './ipv4-input.ts';

/** The backend answered the SYN with RST. */
export const BACKEND_REFUSED = 0;
/** Reset, or closed before the response was whole. */
export const BACKEND_RESET = 1;
/** No whole response in time. */
export const BACKEND_EXPIRED = 2;
/** More than a response. */
export const BACKEND_BAD_RESPONSE = 3;

/** Source ports: RFC 6056 section 3.2. */
const FIRST_PORT = 1024;
/** One of them is kept for clients. */
export const SOURCE_PORTS = 0x1_0000 - FIRST_PORT;
/** tcp_syn_retries of Linux; the timeout of the request usually comes first. */
const RETRIES_MAX = 6;
const NOBODY = -1;

/** A server, and the way there. */
export interface ProxyBackend {
  readonly address: number;
  readonly port: number;
  /** Our own address on the way there. */
  readonly localAddress: number;
  readonly neighbour: TcpNeighbour;
}

export interface BackendConnectionsConfig {
  readonly ports: readonly GuestPort[];
  readonly backends: readonly ProxyBackend[];
  /** Open at once, far fewer than there are source ports; those in TIME-WAIT come on top. */
  readonly connectionsMax: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The port that is kept for clients: no connection to a backend has it. */
  readonly listenPort: number;
  /** From the request to the whole response. */
  readonly timeoutNs: number;
  /** For a backend that does not close after us: tcp_fin_timeout of Linux. */
  readonly idleNs: number;
}

/** Whoever asked; called while a segment is handled or a timer runs out. */
export interface ResponseTaker {
  /** `response` begins with the whole response and is good until this returns. */
  answered(client: number, response: Uint8Array, nowNs: number): void;
  /** There will be no response, for one of the BACKEND_ reasons. */
  unanswered(client: number, reason: number, nowNs: number): void;
}

/**
 * The server side of a proxy: a TCP connection of its own for each request, in the clear, closed from here as soon as
 * the response is whole. A request that gets none is told why.
 */
export class BackendConnections implements TcpUser {
  readonly endpoint: TcpEndpoint;
  /** Connections that have not ended, by backend. */
  readonly live: Int32Array;
  private readonly config: BackendConnectionsConfig;
  private readonly taker: ResponseTaker;
  private readonly streams: ExchangeStreams;
  /** By connection: the client that waits for its response, or NOBODY; and whether the backend has accepted. */
  private readonly client: Int32Array;
  private readonly accepted: Uint8Array;
  /** By connection: its backend. */
  private readonly backend: Int16Array;
  /** When each client that waits is told that it does so in vain. */
  private readonly patience: Deadlines;
  private nextPort = 0;

  constructor(config: BackendConnectionsConfig, output: TcpOutput, taker: ResponseTaker) {
    const { ports, connectionsMax, requestBytes, responseBytes } = config;
    const rows = connectionsMax + TIME_WAIT_CONNECTIONS;
    this.config = config;
    this.taker = taker;
    this.client = new Int32Array(rows).fill(NOBODY);
    this.accepted = new Uint8Array(rows);
    this.backend = new Int16Array(rows);
    this.live = new Int32Array(config.backends.length);
    this.patience = new Deadlines(rows);
    const sizes = { requestBytes, responseBytes };
    this.streams = new ExchangeStreams({ connectionsMax: rows, side: 'client', ...sizes, tlsSecret: null });
    this.endpoint = new TcpEndpoint(
      {
        connectionsMax: rows,
        sendBytesMax: exchangeRingBytes(requestBytes, false),
        macs: ports,
        listenPort: 0,
        listenAddresses: [],
        idleNs: config.idleNs,
        timeWaitNs: TIME_WAIT_NS,
        retriesMax: RETRIES_MAX,
        secret: ports[0].address,
      },
      output,
      this,
    );
  }

  get nextDeadlineNs(): number {
    return Math.min(this.endpoint.nextDeadlineNs, this.patience.nextNs);
  }

  expire(nowNs: number): void {
    if (nowNs >= this.endpoint.nextDeadlineNs) this.endpoint.expire(nowNs);
    for (let b = this.patience.takeDue(nowNs); b >= 0; b = this.patience.takeDue(nowNs)) {
      this.fail(b, BACKEND_EXPIRED, nowNs);
    }
  }

  /**
   * Opens a connection for the request at the beginning of `request`, which follows the SYN as soon as it is answered.
   * @returns the connection, or NO_CONNECTION when as many are open as may be.
   */
  ask(client: number, backend: number, request: Uint8Array, nowNs: number): number {
    const { endpoint, config } = this;
    if (endpoint.openCount >= config.connectionsMax) return NO_CONNECTION;
    const b = this.connect(config.backends[backend], nowNs);
    this.client[b] = client;
    this.accepted[b] = 0;
    this.backend[b] = backend;
    this.live[backend]++;
    this.streams.begin(b);
    this.patience.set(b, nowNs + config.timeoutNs);
    endpoint.sender.write(b, request, 0, config.requestBytes);
    return b;
  }

  /** Nobody waits for the response any more. */
  abandon(b: number, nowNs: number): void {
    this.dismiss(b);
    this.endpoint.abort(b, ENDED_RESET, nowNs);
  }

  /** From the next port that no connection to this backend has. */
  private connect({ address, port, localAddress, neighbour }: ProxyBackend, nowNs: number): number {
    for (;;) {
      const localPort = FIRST_PORT + this.nextPort;
      this.nextPort = (this.nextPort + 1) % SOURCE_PORTS;
      if (localPort === this.config.listenPort) continue;
      const b = this.endpoint.connect(localAddress, localPort, address, port, neighbour, nowNs);
      if (b !== NO_CONNECTION) return b;
    }
  }

  established(b: number): void {
    this.accepted[b] = 1;
  }

  received(b: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void {
    const outcome = this.streams.receive(b, bytes, at, lengthBytes);
    if (outcome === MESSAGE_PART) return;
    if (outcome !== MESSAGE_WHOLE) return this.fail(b, BACKEND_BAD_RESPONSE, nowNs);
    const client = this.dismiss(b);
    this.endpoint.close(b);
    this.taker.answered(client, this.streams.content, nowNs);
  }

  peerClosed(b: number, nowNs: number): void {
    const client = this.dismiss(b);
    this.endpoint.close(b);
    if (client !== NOBODY) this.taker.unanswered(client, BACKEND_RESET, nowNs);
  }

  ended(b: number, reason: number, nowNs: number): void {
    this.live[this.backend[b]]--;
    const client = this.dismiss(b);
    if (client === NOBODY) return;
    const isReset = reason === ENDED_RESET || reason === ENDED_CLOSED;
    const why = !isReset ? BACKEND_EXPIRED : this.accepted[b] === 0 ? BACKEND_REFUSED : BACKEND_RESET;
    this.taker.unanswered(client, why, nowNs);
  }

  private fail(b: number, reason: number, nowNs: number): void {
    const client = this.dismiss(b);
    this.endpoint.abort(b, ENDED_RESET, nowNs);
    if (client !== NOBODY) this.taker.unanswered(client, reason, nowNs);
  }

  /** The client that waited, which waits no longer. */
  private dismiss(b: number): number {
    const client = this.client[b];
    this.client[b] = NOBODY;
    this.patience.cancel(b);
    return client;
  }
}
