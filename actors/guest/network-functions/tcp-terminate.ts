import { REQUEST_MAGIC, RESPONSE_MAGIC, messageExchange, writeMessage } from '../../../src/net/tcp/exchange-message.ts';
import {
  ExchangeStreams,
  MESSAGE_BAD,
  MESSAGE_WHOLE,
  exchangeRingBytes,
} from '../../../src/net/tcp/exchange-streams.ts';
import { TIME_WAIT_NS } from '../../../src/net/tcp/time-wait.ts';
import { TcpEndpoint } from '../../../src/net/tcp/tcp-endpoint.ts';
import type { TcpUser } from '../../../src/net/tcp/tcp-user.ts';
import { ENDED_CLOSED, ENDED_RESET } from '../../../src/net/tcp/tcp-user.ts';
import type { GuestPort } from './ipv4-input.ts';
import type { BuiltInFunction, FunctionContext, FunctionTimers, NetworkFunction } from './network-function.ts';
import { SEGMENT_ACCEPTED, TCP_INPUT_DROPS, acceptSegment, answerOf, tcpFrameNs } from './tcp-input.ts';

const TCP_TERMINATE_EVENTS = [
  { name: 'tcp_accepted', meaning: 'connections of clients that were established' },
  { name: 'tcp_served', meaning: 'requests that were right, and answered here' },
  {
    name: 'tcp_bad_requests',
    meaning: 'requests with a wrong byte, or TLS records that did not open: the client is reset',
  },
  { name: 'tcp_closed', meaning: 'connections of clients that both sides closed' },
  { name: 'tcp_resets', meaning: 'connections of clients that either side reset' },
  {
    name: 'tcp_expired',
    meaning: 'connections of clients that were idle too long, or did not acknowledge what was sent again',
  },
  { name: 'tcp_retransmissions', meaning: 'times a timer had TCP segments sent again' },
  { name: 'tcp_no_buffer', meaning: 'TCP segments that found no free guest buffer; their timer tries again' },
] as const;
const ACCEPTED = 0;
const SERVED = 1;
const BAD_REQUESTS = 2;
const CLOSED = 3;
const RESETS = 4;
const EXPIRED = 5;
const RETRANSMISSIONS = 6;
const NO_BUFFER = 7;

/** tcp_retries2 of Linux is 15; a client that was lost is given up sooner here, as tcp_synack_retries says. */
const RETRIES_MAX = 5;

export interface TcpTerminateConfig {
  readonly kind: 'tcp-terminate';
  /** Its own addresses, one for each vNIC. */
  readonly ports: readonly GuestPort[];
  readonly listenPort: number;
  readonly connectionsMax: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Pre-shared secret of the TLS record layer; null serves in the clear. */
  readonly tlsSecret: readonly number[] | null;
  readonly idleNs: number;
}

/**
 * Ends TCP connections, as the client side of an application delivery controller does: accepts, takes one request of a
 * fixed size, checks every byte, answers with one response, and closes after its client. With TLS, request and response
 * are records of TLS 1.3.
 */
export class TcpTerminate implements NetworkFunction, FunctionTimers, TcpUser {
  readonly name = 'tcp-terminate';
  readonly drops = TCP_INPUT_DROPS;
  readonly events = TCP_TERMINATE_EVENTS.map(({ name }) => name);
  readonly counts = new Float64Array(TCP_TERMINATE_EVENTS.length);
  readonly timers = this;
  private readonly config: TcpTerminateConfig;
  private readonly endpoint: TcpEndpoint;
  private readonly streams: ExchangeStreams;

  constructor(config: TcpTerminateConfig, context: FunctionContext) {
    const { connectionsMax, requestBytes, responseBytes, tlsSecret } = config;
    this.config = config;
    this.streams = new ExchangeStreams({ connectionsMax, side: 'server', requestBytes, responseBytes, tlsSecret });
    this.endpoint = new TcpEndpoint(
      {
        connectionsMax,
        sendBytesMax: exchangeRingBytes(responseBytes, tlsSecret !== null),
        macs: config.ports,
        listenPort: config.listenPort,
        listenAddresses: config.ports.map(({ address }) => address),
        idleNs: config.idleNs,
        timeWaitNs: TIME_WAIT_NS,
        retriesMax: RETRIES_MAX,
        secret: config.ports[0].address,
      },
      context,
      this,
    );
  }

  get nextDeadlineNs(): number {
    return this.endpoint.nextDeadlineNs;
  }

  expire(nowNs: number): void {
    this.endpoint.expire(nowNs);
    this.count();
  }

  private count(): void {
    this.counts[RETRANSMISSIONS] = this.endpoint.retransmissions;
    this.counts[NO_BUFFER] = this.endpoint.sender.blocked;
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    const refusal = acceptSegment(bytes, offset, length, this.config.ports[port]);
    if (refusal !== SEGMENT_ACCEPTED) return refusal;
    const verdict = this.endpoint.receive(bytes, offset, port, nowNs);
    this.count();
    return answerOf(verdict);
  }

  established(c: number): void {
    this.counts[ACCEPTED]++;
    const { streams, endpoint } = this;
    endpoint.identify(c, 'server', streams.identity);
    streams.begin(c);
  }

  received(c: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void {
    const { streams, endpoint, config } = this;
    const outcome = streams.receive(c, bytes, at, lengthBytes);
    if (outcome === MESSAGE_WHOLE) {
      const exchange = messageExchange(streams.content, config.requestBytes, REQUEST_MAGIC);
      if (exchange >= 0) {
        this.counts[SERVED]++;
        writeMessage(streams.content, config.responseBytes, RESPONSE_MAGIC, exchange);
        endpoint.sender.write(c, streams.sealed, 0, streams.seal(c));
        return;
      }
    } else if (outcome !== MESSAGE_BAD) {
      return;
    }
    this.counts[BAD_REQUESTS]++;
    endpoint.abort(c, ENDED_RESET, nowNs);
  }

  peerClosed(c: number): void {
    this.endpoint.close(c);
  }

  ended(_c: number, reason: number): void {
    this.counts[reason === ENDED_CLOSED ? CLOSED : reason === ENDED_RESET ? RESETS : EXPIRED]++;
  }
}

export const TCP_TERMINATE: BuiltInFunction<'tcp-terminate', TcpTerminateConfig> = {
  kind: 'tcp-terminate',
  counters: () => ({ drops: TCP_INPUT_DROPS, events: TCP_TERMINATE_EVENTS }),
  moreFrameNs: ({ tlsSecret }) => tcpFrameNs(tlsSecret, 1),
  create: (_, config, context) => new TcpTerminate(config, context),
};
