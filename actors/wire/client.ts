/**
 * In Linux: many machines that open TCP connections, with generator and sink in one; here a state machine on one wire.
 * In: responses from the wire (nic/nic.ts). Out: requests onto the wire, to the same card.
 * Thread: the hardware's, whose clock never stops.
 */
import type { Memory } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Histogram } from '../../src/memory/histogram.ts';
import { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import { NO_CONNECTION } from '../../src/net/tcp/connection-table.ts';
import { Deadlines } from '../../src/net/tcp/deadlines.ts';
import { ETHERTYPE_ARP, ETH_HEADER_BYTES, etherType, wireBytes } from '../../src/net/wire/ethernet.ts';
import { REQUEST_MAGIC, RESPONSE_MAGIC, messageExchange, writeMessage } from '../../src/net/tcp/exchange-message.ts';
import { ExchangeStreams, MESSAGE_BAD, MESSAGE_WHOLE, exchangeRingBytes } from '../../src/net/tcp/exchange-streams.ts';
import { TIME_WAIT_CONNECTIONS, TIME_WAIT_NS } from '../../src/net/tcp/time-wait.ts';
import { TcpEndpoint } from '../../src/net/tcp/tcp-endpoint.ts';
import { SEGMENT_GOOD, SEGMENT_NOT_TCP, segmentFault } from '../../src/net/tcp/tcp-segment.ts';
import type { TcpOutput } from '../../src/net/tcp/tcp-sender.ts';
import type { TcpNeighbour, TcpUser } from '../../src/net/tcp/tcp-user.ts';
import {
  ENDED_CLOSED,
  ENDED_RESET,
  ENDED_TIMEOUT,
  TCP_DUPLICATE,
  TCP_NO_SOCKET,
  TCP_OUT_OF_ORDER,
  TCP_UNACCEPTABLE,
} from '../../src/net/tcp/tcp-user.ts';
import type { Actor, Census } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import { TLS_FRAME_NS } from '../guest/network-functions/tcp-input.ts';
import type { TrafficClientConfig } from './client-links.ts';
import { CLIENT_CHANGES_WORD, CLIENT_COUNTERS, CLIENT_PORTS, CLIENT_RATE_DOUBLE } from './client-links.ts';
import { CATCH_UP_NS } from './catch-up.ts';
import { IPV4_ACCEPTED, acceptIpv4 } from '../guest/network-functions/ipv4-input.ts';

const {
  tx_packets: TX_PACKETS,
  tx_bytes: TX_BYTES,
  rx_packets: RX_PACKETS,
  rx_bytes: RX_BYTES,
  rx_arp: RX_ARP,
  rx_foreign: RX_FOREIGN,
  rx_corrupt: RX_CORRUPT,
  rx_out_of_order: RX_OUT_OF_ORDER,
  rx_repeated: RX_REPEATED,
  rx_no_socket: RX_NO_SOCKET,
  rx_unacceptable: RX_UNACCEPTABLE,
  connections_offered: OFFERED,
  connections_started: STARTED,
  connections_established: ESTABLISHED,
  connections_completed: COMPLETED,
  failed_limit: FAILED_LIMIT,
  failed_reset: FAILED_RESET,
  failed_timeout: FAILED_TIMEOUT,
  failed_response: FAILED_RESPONSE,
  retransmissions: RETRANSMISSIONS,
  wire_full: WIRE_FULL,
} = indexCounters(CLIENT_COUNTERS);

const FIRST_PORT = 1024;
const PORTS_COUNT = 0x1_0000 - FIRST_PORT;
/** tcp_syn_retries of Linux; the timeout of the whole connection usually comes first. */
const RETRIES_MAX = 6;

/**
 * Clients on one wire, in the place of generator and sink: open loop in connections/s. Each connection shakes hands,
 * sends one request, checks every byte of the response, and closes. Time counts from when it was due to start to when
 * both sides have closed; one that finds too many open fails at once and is not tried again.
 */
export class TrafficClient implements Actor, TcpUser, TcpOutput {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly config: TrafficClientConfig;
  private readonly counters: CounterPage;
  private readonly latency: Histogram;
  private readonly lateness: Histogram;
  private readonly throttleWords: Int32Array;
  private readonly throttleRate: Float64Array;
  private readonly endpoint: TcpEndpoint;
  private readonly neighbour: TcpNeighbour;
  private readonly streams: ExchangeStreams;
  /** By connection: when it was due, which exchange it is, and whether its response has come and was right. */
  private readonly startedNs: Float64Array;
  private readonly exchange: Uint32Array;
  private readonly answered: Uint8Array;
  /** When each open connection is given up. */
  private readonly patience: Deadlines;
  private rx: WireReceiver | null = null;
  private tx: WireSender | null = null;
  private changesSeen = 0;
  private gapNs = Infinity;
  /** When the next connection is due; Infinity while the client is off. */
  private dueNs = Infinity;
  private polledNs = 0;
  /** Connections that were due when the rate changed and were never started. */
  private abandoned = 0;
  private begun = 0;
  private wireFreeNs = 0;
  private unpublished = false;
  private nextAddress = 0;
  private nextPort = 0;

  constructor(memory: Memory, config: TrafficClientConfig) {
    const { connectionsMax, requestBytes, responseBytes, tlsSecret, server } = config;
    const rows = connectionsMax + TIME_WAIT_CONNECTIONS;
    this.memory = memory;
    this.config = config;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.latency = new Histogram(memory, config.latency);
    this.lateness = new Histogram(memory, config.lateness);
    this.throttleWords = memory.words(config.throttle);
    this.throttleRate = memory.doubles(config.throttle);
    this.neighbour = { macHigh: server.macHigh, macLow: server.macLow, networkPort: 0 };
    this.startedNs = new Float64Array(rows);
    this.exchange = new Uint32Array(rows);
    this.answered = new Uint8Array(rows);
    this.patience = new Deadlines(rows);
    this.streams = new ExchangeStreams({
      connectionsMax: rows,
      side: 'client',
      requestBytes,
      responseBytes,
      tlsSecret,
    });
    this.endpoint = new TcpEndpoint(
      {
        connectionsMax: rows,
        sendBytesMax: exchangeRingBytes(requestBytes, tlsSecret !== null),
        macs: [config],
        listenPort: 0,
        listenAddresses: [],
        idleNs: Infinity,
        timeWaitNs: TIME_WAIT_NS,
        retriesMax: RETRIES_MAX,
        secret: config.seed,
      },
      this,
      this,
    );
  }

  attach({ link }: JointOf<typeof CLIENT_PORTS>): void {
    this.rx = new WireReceiver(this.memory, link.rx);
    this.tx = new WireSender(this.memory, link.tx);
  }

  detach(_socket: SocketOf<typeof CLIENT_PORTS>): void {
    this.rx = null;
    this.tx = null;
  }

  poll(budget: number, nowNs: number): number {
    this.polledNs = nowNs;
    const changes = Atomics.load(this.throttleWords, CLIENT_CHANGES_WORD);
    if (changes !== this.changesSeen) {
      this.changesSeen = changes;
      this.setRate(this.throttleRate[CLIENT_RATE_DOUBLE], nowNs);
    }
    if (this.tx === null || this.rx === null) return 0;
    if (this.wireFreeNs < nowNs - CATCH_UP_NS) this.wireFreeNs = nowNs - CATCH_UP_NS;
    const received = this.receive(this.rx, budget, nowNs);
    if (nowNs >= this.endpoint.nextDeadlineNs) this.endpoint.expire(nowNs);
    if (nowNs >= this.patience.nextNs) this.giveUp(nowNs);
    const started = this.start(budget, nowNs);
    if (this.unpublished) {
      this.unpublished = false;
      this.tx.publish();
    }
    return received + started;
  }

  /** What came by the wire, as long as there is wire left for the answers. */
  private receive(wire: WireReceiver, budget: number, nowNs: number): number {
    const most = Math.min(budget, wire.readable(budget));
    const counts = this.counters.values;
    let bytes = 0;
    let n = 0;
    for (; n < most && this.wireFreeNs <= nowNs; n++) {
      const length = wire.frameBytes();
      bytes += length;
      this.take(wire.bytes, wire.frameByte(), length, nowNs);
      wire.next();
    }
    if (n === 0) return 0;
    wire.release();
    counts[RX_PACKETS] += n;
    counts[RX_BYTES] += bytes;
    return n;
  }

  private take(bytes: Uint8Array, offset: number, length: number, nowNs: number): void {
    const counts = this.counters.values;
    if (acceptIpv4(bytes, offset, length, this.config) !== IPV4_ACCEPTED) {
      counts[etherType(bytes, offset) === ETHERTYPE_ARP ? RX_ARP : RX_FOREIGN]++;
      return;
    }
    const fault = segmentFault(bytes, offset + ETH_HEADER_BYTES);
    if (fault !== SEGMENT_GOOD) {
      counts[fault === SEGMENT_NOT_TCP ? RX_FOREIGN : RX_CORRUPT]++;
      return;
    }
    const verdict = this.endpoint.receive(bytes, offset, 0, nowNs);
    if (verdict === TCP_OUT_OF_ORDER) counts[RX_OUT_OF_ORDER]++;
    else if (verdict === TCP_DUPLICATE) counts[RX_REPEATED]++;
    else if (verdict === TCP_NO_SOCKET) counts[RX_NO_SOCKET]++;
    else if (verdict === TCP_UNACCEPTABLE) counts[RX_UNACCEPTABLE]++;
  }

  /** Starts the connections that are due, as far as the wire carries their first segments. */
  private start(budget: number, nowNs: number): number {
    const counts = this.counters.values;
    let started = 0;
    while (started < budget && this.dueNs <= nowNs && this.wireFreeNs <= nowNs) {
      const dueNs = this.dueNs;
      this.begun++;
      this.dueNs += this.gapNs;
      if (this.endpoint.openCount >= this.config.connectionsMax) {
        counts[FAILED_LIMIT]++;
        continue;
      }
      const c = this.connect(nowNs);
      this.startedNs[c] = dueNs;
      this.exchange[c] = this.begun;
      this.answered[c] = 0;
      this.patience.set(c, dueNs + this.config.timeoutNs);
      this.lateness.record(nowNs - dueNs, 1);
      counts[STARTED]++;
      started++;
    }
    return started;
  }

  /** From the next address and port that no connection has. */
  private connect(nowNs: number): number {
    const { firstAddress, addressCount, server } = this.config;
    for (;;) {
      const address = firstAddress + this.nextAddress;
      const port = FIRST_PORT + this.nextPort;
      // Addresses first, so that as much time as can be passes before a port comes again.
      this.nextAddress = (this.nextAddress + 1) % addressCount;
      if (this.nextAddress === 0) this.nextPort = (this.nextPort + 1) % PORTS_COUNT;
      const c = this.endpoint.connect(address, port, server.address, server.port, this.neighbour, nowNs);
      if (c !== NO_CONNECTION) return c;
    }
  }

  private giveUp(nowNs: number): void {
    for (let c = this.patience.takeDue(nowNs); c >= 0; c = this.patience.takeDue(nowNs)) {
      this.endpoint.abort(c, ENDED_TIMEOUT, nowNs);
    }
  }

  established(c: number): void {
    const { streams, endpoint, config } = this;
    this.counters.values[ESTABLISHED]++;
    endpoint.identify(c, 'client', streams.identity);
    streams.begin(c);
    writeMessage(streams.content, config.requestBytes, REQUEST_MAGIC, this.exchange[c]);
    endpoint.sender.write(c, streams.sealed, 0, streams.seal(c));
  }

  received(c: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void {
    const { streams, config } = this;
    const outcome = streams.receive(c, bytes, at, lengthBytes);
    if (outcome === MESSAGE_WHOLE) {
      const exchange = messageExchange(streams.content, config.responseBytes, RESPONSE_MAGIC);
      this.answered[c] = exchange === this.exchange[c] ? ANSWER_RIGHT : ANSWER_WRONG;
    } else if (outcome === MESSAGE_BAD) {
      this.answered[c] = ANSWER_WRONG;
    } else {
      return;
    }
    if (this.answered[c] === ANSWER_RIGHT) this.endpoint.close(c);
    else this.endpoint.abort(c, ENDED_RESET, nowNs);
  }

  peerClosed(c: number): void {
    this.endpoint.close(c);
  }

  ended(c: number, reason: number, nowNs: number): void {
    const counts = this.counters.values;
    this.patience.cancel(c);
    if (this.answered[c] === ANSWER_WRONG) counts[FAILED_RESPONSE]++;
    else if (reason === ENDED_CLOSED && this.answered[c] === ANSWER_RIGHT) {
      counts[COMPLETED]++;
      this.latency.record(nowNs - this.startedNs[c], 1);
    } else if (reason === ENDED_TIMEOUT) counts[FAILED_TIMEOUT]++;
    // Reset, or closed by the server before it had answered.
    else counts[FAILED_RESET]++;
  }

  get bytes(): Uint8Array {
    return this.tx!.bytes;
  }

  claim(): number {
    const wire = this.tx!;
    if (wire.writable(1) > 0) return wire.frameByte();
    this.counters.values[WIRE_FULL]++;
    return -1;
  }

  send(_at: number, lengthBytes: number): void {
    const counts = this.counters.values;
    this.tx!.send(lengthBytes, this.polledNs, 0);
    this.wireFreeNs += (wireBytes(lengthBytes) * 8e9) / this.config.speedBps;
    this.unpublished = true;
    counts[TX_PACKETS]++;
    counts[TX_BYTES] += lengthBytes;
  }

  /** Starts, stops or changes pace. Connections due by now and not started never will be; they count as offered. */
  private setRate(perSecond: number, nowNs: number): void {
    this.abandoned += this.behind(nowNs);
    this.gapNs = perSecond > 0 ? 1e9 / perSecond : Infinity;
    this.dueNs = nowNs + this.gapNs;
  }

  private behind(nowNs: number): number {
    return this.dueNs <= nowNs ? 1 + Math.floor((nowNs - this.dueNs) / this.gapNs) : 0;
  }

  /** The wire's clock never stops. */
  arm(): boolean {
    return true;
  }

  commit(): void {
    const counts = this.counters.values;
    counts[OFFERED] = this.begun + this.abandoned + this.behind(this.polledNs);
    counts[RETRANSMISSIONS] = this.endpoint.retransmissions;
    this.counters.commit();
  }

  /** Frames lie on the wires only. */
  census(_out: Census): void {}
}

const ANSWER_RIGHT = 1;
const ANSWER_WRONG = 2;

export const CLIENT = component({
  kind: 'client',
  place: 'client',
  thread: 'hardware',
  drawn: { label: 'client', colour: 'dark grey' },
  lanes: { tx: 0, rx: 10 },
  counters: CLIENT_COUNTERS,
  ports: CLIENT_PORTS,
  measuredCost: { pollNs: 70, frameNs: 2300 },
  moreFrameNs: ({ tlsSecret }: TrafficClientConfig) => (tlsSecret === null ? 0 : TLS_FRAME_NS),
  create: (memory, config: TrafficClientConfig) => new TrafficClient(memory, config),
});
