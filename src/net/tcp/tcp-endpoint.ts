// A TCP endpoint (RFC 9293): passive and active open, data in order, acknowledgement, retransmission, orderly and
// abortive close. What it leaves out: simultaneous open, urgent data, window scaling, SACK, delayed acknowledgements and
// fast retransmit. A segment that comes out of order is dropped and answered with what is expected; the sender's timer
// brings it again. Reception never closes its window: the user takes all data as it comes.
import { ConnectionTable, NO_CONNECTION, hashOf } from './connection-table.ts';
import { Deadlines } from './deadlines.ts';
import { ETH_HEADER_BYTES, ETH_SRC_BYTE, macHigh, macLow } from '../wire/ethernet.ts';
import { ipv4Dst, ipv4HeaderBytes, ipv4Src, ipv4TotalBytes } from '../wire/ipv4.ts';
import { TCP_MSS_BYTES } from './tcp-segment.ts';
import { TimeWaitLine } from './time-wait.ts';
import type { TcpOutput } from './tcp-sender.ts';
import { RECEIVE_WINDOW_BYTES, TcpSender } from './tcp-sender.ts';
import {
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  tcpAck,
  tcpDstPort,
  tcpFlags,
  tcpFlagsSpace,
  tcpHeaderBytes,
  tcpMssOption,
  tcpSeq,
  tcpSrcPort,
  tcpWindow,
} from './tcp.ts';
import {
  TCP_CLOSED,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT_1,
  TCP_FIN_WAIT_2,
  TCP_LAST_ACK,
  TCP_SYN_RECEIVED,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TcpBlocks,
} from './tcp-blocks.ts';
import type { ConnectionIdentity, TcpEndpointConfig, TcpNeighbour, TcpUser } from './tcp-user.ts';
import {
  ENDED_CLOSED,
  ENDED_IDLE,
  ENDED_RESET,
  ENDED_TIMEOUT,
  TCP_DUPLICATE,
  TCP_NO_SOCKET,
  TCP_OUT_OF_ORDER,
  TCP_TABLE_FULL,
  TCP_TAKEN,
  TCP_UNACCEPTABLE,
} from './tcp-user.ts';

/** The clock of initial sequence numbers ticks every 4 us: RFC 9293 section 3.4.1. */
const ISN_TICK_NS = 4000;
/** tcp_invalid_ratelimit of Linux. */
const OBJECTION_GAP_NS = 5e8;

export class TcpEndpoint {
  /** Times a timer had something sent again. */
  retransmissions = 0;
  readonly sender: TcpSender;
  private readonly table: ConnectionTable;
  private readonly config: TcpEndpointConfig;
  private readonly user: TcpUser;
  private readonly blocks: TcpBlocks;
  private readonly deadlines: Deadlines;
  private readonly waiting: TimeWaitLine;
  private readonly listenAddresses: Int32Array;
  /** The segment in hand calls for an acknowledgement, and none has left with data yet. */
  private ackOwed = false;

  constructor(config: TcpEndpointConfig, output: TcpOutput, user: TcpUser) {
    this.config = config;
    this.user = user;
    this.table = new ConnectionTable(config.connectionsMax);
    this.blocks = new TcpBlocks(config.connectionsMax);
    this.deadlines = new Deadlines(config.connectionsMax);
    this.sender = new TcpSender(config, this.table, this.blocks, this.deadlines, output);
    this.waiting = new TimeWaitLine(config.connectionsMax);
    this.listenAddresses = Int32Array.from(config.listenAddresses);
  }

  /** When `expire` has something to do next, Infinity when never. */
  get nextDeadlineNs(): number {
    return this.deadlines.nextNs;
  }

  /** Connections that are not in TIME-WAIT. */
  get openCount(): number {
    return this.table.count - this.waiting.count;
  }

  /** One of the TCP_ states. */
  stateOf(c: number): number {
    return this.blocks.state[c];
  }

  /** Tells which connection this is: its addresses alone come again, with its initial sequence numbers they do not. */
  identify(c: number, side: 'client' | 'server', identity: ConnectionIdentity): void {
    const { table, blocks } = this;
    const isClient = side === 'client';
    identity.clientAddress = isClient ? table.localAddress(c) : table.remoteAddress(c);
    identity.serverAddress = isClient ? table.remoteAddress(c) : table.localAddress(c);
    identity.clientPort = isClient ? table.localPort(c) : table.remotePort(c);
    identity.serverPort = isClient ? table.remotePort(c) : table.localPort(c);
    identity.clientIss = isClient ? blocks.iss[c] : blocks.irs[c];
    identity.serverIss = isClient ? blocks.irs[c] : blocks.iss[c];
  }

  /**
   * Active open. The oldest connection in TIME-WAIT gives way when the table is full, as beyond Linux's
   * tcp_max_tw_buckets. @returns the connection, or NO_CONNECTION when there is no room or these addresses are in use.
   */
  connect(
    localAddress: number,
    localPort: number,
    remoteAddress: number,
    remotePort: number,
    neighbour: TcpNeighbour,
    nowNs: number,
  ): number {
    if (this.table.find(localAddress, localPort, remoteAddress, remotePort) !== NO_CONNECTION) return NO_CONNECTION;
    const c = this.open(localAddress, localPort, remoteAddress, remotePort, TCP_SYN_SENT, neighbour.networkPort, nowNs);
    if (c === NO_CONNECTION) return c;
    this.blocks.peerMacHigh[c] = neighbour.macHigh;
    this.blocks.peerMacLow[c] = neighbour.macLow;
    this.sender.sendSyn(c, nowNs);
    return c;
  }

  /** Nothing more will be written: a FIN goes after the last byte. */
  close(c: number): void {
    const { blocks } = this;
    blocks.finAsked[c] = 1;
    if (blocks.state[c] === TCP_ESTABLISHED) blocks.state[c] = TCP_FIN_WAIT_1;
    else if (blocks.state[c] === TCP_CLOSE_WAIT) blocks.state[c] = TCP_LAST_ACK;
  }

  /** Ends a connection at once, and tells the peer (RFC 9293 section 3.10.5). */
  abort(c: number, reason: number, nowNs: number): void {
    if (this.blocks.state[c] !== TCP_SYN_SENT) this.sender.sendReset(c);
    this.release(c, reason, nowNs);
  }

  /**
   * Handles the segment in the frame at `offset`, which is whole (`segmentFault`) and came in by network port `port`.
   * @returns one of the TCP_ verdicts.
   */
  receive(bytes: Uint8Array, offset: number, port: number, nowNs: number): number {
    const ip = offset + ETH_HEADER_BYTES;
    const tcp = ip + ipv4HeaderBytes(bytes, ip);
    const c = this.table.find(ipv4Dst(bytes, ip), tcpDstPort(bytes, tcp), ipv4Src(bytes, ip), tcpSrcPort(bytes, tcp));
    if (c === NO_CONNECTION) return this.receiveUnknown(bytes, offset, tcp, port, nowNs);
    const verdict =
      this.blocks.state[c] === TCP_SYN_SENT
        ? this.receiveSynSent(c, bytes, tcp, nowNs)
        : this.receiveSegment(c, bytes, tcp, ip + ipv4TotalBytes(bytes, ip), nowNs);
    if (this.blocks.state[c] !== TCP_CLOSED) this.push(c, nowNs);
    // What a connection that has just ended was owed is owed to no other.
    this.ackOwed = false;
    return verdict;
  }

  /** Sends what was written, as far as the windows allow, and the acknowledgement that is owed. */
  push(c: number, nowNs: number): void {
    const state = this.blocks.state[c];
    const opened = state >= TCP_ESTABLISHED && state !== TCP_TIME_WAIT;
    const sent = opened && this.sender.sendData(c, false, nowNs) > 0;
    if (this.ackOwed && !sent) this.sender.sendAck(c);
    this.ackOwed = false;
  }

  /** Retransmits, gives up, or forgets what is due. Call when `nextDeadlineNs` has come. */
  expire(nowNs: number): void {
    for (let c = this.deadlines.takeDue(nowNs); c >= 0; c = this.deadlines.takeDue(nowNs)) this.expired(c, nowNs);
  }

  private expired(c: number, nowNs: number): void {
    const { blocks } = this;
    if (blocks.state[c] === TCP_TIME_WAIT) return this.forget(this.waiting.take());
    if (blocks.retransmitting[c] === 0) return this.abort(c, ENDED_IDLE, nowNs);
    if (blocks.retries[c] >= this.config.retriesMax) return this.abort(c, ENDED_TIMEOUT, nowNs);
    blocks.backOff(c);
    this.retransmissions++;
    if (blocks.state[c] === TCP_SYN_SENT || blocks.state[c] === TCP_SYN_RECEIVED) this.sender.sendSyn(c, nowNs);
    else this.sender.sendData(c, true, nowNs);
  }

  /** LISTEN and CLOSED: RFC 9293 sections 3.10.7.1 and 3.10.7.2. */
  private receiveUnknown(bytes: Uint8Array, offset: number, tcp: number, port: number, nowNs: number): number {
    const ip = offset + ETH_HEADER_BYTES;
    const flags = tcpFlags(bytes, tcp);
    const seq = tcpSeq(bytes, tcp);
    if ((flags & TCP_RST) !== 0) return TCP_NO_SOCKET;
    const listens =
      tcpDstPort(bytes, tcp) === this.config.listenPort && this.listenAddresses.includes(ipv4Dst(bytes, ip) | 0);
    if (listens && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) {
      const local = ipv4Dst(bytes, ip);
      const remote = ipv4Src(bytes, ip);
      const remotePort = tcpSrcPort(bytes, tcp);
      const c = this.open(local, this.config.listenPort, remote, remotePort, TCP_SYN_RECEIVED, port, nowNs);
      if (c === NO_CONNECTION) return TCP_TABLE_FULL;
      const { blocks } = this;
      // Answers go the way the SYN came, to whoever sent it on.
      blocks.peerMacHigh[c] = macHigh(bytes, offset + ETH_SRC_BYTE);
      blocks.peerMacLow[c] = macLow(bytes, offset + ETH_SRC_BYTE);
      blocks.synchronise(c, seq, Math.min(tcpMssOption(bytes, tcp), TCP_MSS_BYTES));
      blocks.grant(c, tcpWindow(bytes, tcp), seq, 0);
      this.sender.sendSyn(c, nowNs);
      return TCP_TAKEN;
    }
    const space = ip + ipv4TotalBytes(bytes, ip) - tcp - tcpHeaderBytes(bytes, tcp) + tcpFlagsSpace(flags);
    this.sender.refuse(bytes, offset, tcp, space, port);
    return TCP_NO_SOCKET;
  }

  /** RFC 9293 section 3.10.7.3. */
  private receiveSynSent(c: number, bytes: Uint8Array, tcp: number, nowNs: number): number {
    const { blocks } = this;
    const flags = tcpFlags(bytes, tcp);
    const ack = tcpAck(bytes, tcp);
    if ((flags & TCP_ACK) === 0) return TCP_UNACCEPTABLE;
    if (ack !== ((blocks.iss[c] + 1) | 0)) {
      if ((flags & TCP_RST) === 0) this.sender.refuseAck(c, ack);
      return TCP_UNACCEPTABLE;
    }
    if ((flags & TCP_RST) !== 0) {
      this.release(c, ENDED_RESET, nowNs);
      return TCP_TAKEN;
    }
    if ((flags & TCP_SYN) === 0) return TCP_UNACCEPTABLE;
    const seq = tcpSeq(bytes, tcp);
    blocks.synchronise(c, seq, Math.min(tcpMssOption(bytes, tcp), TCP_MSS_BYTES));
    this.ackOwed = true;
    this.establish(c, ack, seq, tcpWindow(bytes, tcp), nowNs);
    return TCP_TAKEN;
  }

  /** All other states: RFC 9293 section 3.10.7.4, in its order. */
  private receiveSegment(c: number, bytes: Uint8Array, tcp: number, end: number, nowNs: number): number {
    const { blocks } = this;
    const flags = tcpFlags(bytes, tcp);
    const seq = tcpSeq(bytes, tcp);
    const dataAt = tcp + tcpHeaderBytes(bytes, tcp);
    const dataBytes = end - dataAt;
    const space = dataBytes + tcpFlagsSpace(flags);
    const ahead = (seq - blocks.rcvNxt[c]) | 0;
    if (ahead >= RECEIVE_WINDOW_BYTES || ahead + space < 0 || (ahead < 0 && ahead + space === 0)) {
      if ((flags & TCP_RST) !== 0) return TCP_UNACCEPTABLE;
      // A SYN again: our answer was lost.
      if ((flags & TCP_SYN) !== 0 && blocks.state[c] === TCP_SYN_RECEIVED) this.sender.sendSyn(c, nowNs);
      else this.object(c, space, nowNs);
      return ahead < 0 ? TCP_DUPLICATE : TCP_OUT_OF_ORDER;
    }
    if ((flags & TCP_RST) !== 0) return this.receiveReset(c, ahead, nowNs);
    if ((flags & TCP_SYN) !== 0) {
      // A challenge acknowledgement: RFC 5961 section 4.
      this.object(c, 0, nowNs);
      return TCP_UNACCEPTABLE;
    }
    if ((flags & TCP_ACK) === 0) return TCP_UNACCEPTABLE;
    if (!this.receiveAck(c, tcpAck(bytes, tcp), seq, tcpWindow(bytes, tcp), nowNs)) return TCP_UNACCEPTABLE;
    if (blocks.state[c] === TCP_CLOSED || space === 0) return TCP_TAKEN;
    this.ackOwed = true;
    if (ahead > 0) return TCP_OUT_OF_ORDER;
    if (dataBytes > -ahead) this.receiveData(c, bytes, dataAt - ahead, dataBytes + ahead, nowNs);
    if ((flags & TCP_FIN) !== 0 && blocks.state[c] !== TCP_CLOSED) this.receiveFin(c, nowNs);
    return TCP_TAKEN;
  }

  /**
   * Owes an acknowledgement for a segment that cannot be accepted. Two ends that disagree would answer each other for
   * ever, so one without data is answered every so often only (tcp_oow_rate_limited, net/ipv4/tcp_input.c).
   */
  private object(c: number, space: number, nowNs: number): void {
    const { objectedNs } = this.blocks;
    if (space === 0 && nowNs - objectedNs[c] < OBJECTION_GAP_NS) return;
    if (space === 0) objectedNs[c] = nowNs;
    this.ackOwed = true;
  }

  /** RFC 5961 section 3: only the exact sequence number resets. In TIME-WAIT a RST is ignored: RFC 1337. */
  private receiveReset(c: number, ahead: number, nowNs: number): number {
    if (this.blocks.state[c] === TCP_TIME_WAIT) return TCP_UNACCEPTABLE;
    if (ahead !== 0) {
      this.object(c, 0, nowNs);
      return TCP_UNACCEPTABLE;
    }
    this.release(c, ENDED_RESET, nowNs);
    return TCP_TAKEN;
  }

  /** @returns false when it acknowledges what was never sent, or, of a half-open connection, what is not its SYN. */
  private receiveAck(c: number, ack: number, seq: number, window: number, nowNs: number): boolean {
    const { blocks } = this;
    const tooMuch = ((ack - blocks.max[c]) | 0) > 0;
    if (blocks.state[c] === TCP_SYN_RECEIVED) {
      const acceptable = !tooMuch && ((ack - blocks.una[c]) | 0) > 0;
      if (acceptable) this.establish(c, ack, seq, window, nowNs);
      else this.sender.refuseAck(c, ack);
      return acceptable;
    }
    if (tooMuch) {
      this.object(c, 0, nowNs);
      return false;
    }
    blocks.grantNewer(c, window, seq, ack);
    this.advance(c, ack, nowNs);
    const finAcked = blocks.finAsked[c] === 1 && ((ack - blocks.end[c]) | 0) > 0;
    if (!finAcked) return true;
    if (blocks.state[c] === TCP_FIN_WAIT_1) blocks.state[c] = TCP_FIN_WAIT_2;
    else if (blocks.state[c] === TCP_CLOSING) this.wait(c, nowNs);
    else if (blocks.state[c] === TCP_LAST_ACK) this.release(c, ENDED_CLOSED, nowNs);
    return true;
  }

  private establish(c: number, ack: number, seq: number, window: number, nowNs: number): void {
    this.blocks.state[c] = TCP_ESTABLISHED;
    this.blocks.grant(c, window, seq, ack);
    this.advance(c, ack, nowNs);
    this.user.established(c, nowNs);
  }

  /** Moves SND.UNA, and the timers with it: RFC 6298 section 5. */
  private advance(c: number, ack: number, nowNs: number): void {
    const { blocks } = this;
    const bytes = (ack - blocks.una[c]) | 0;
    if (bytes > 0) {
      blocks.acknowledged(c, ack, blocks.una[c] === blocks.iss[c] ? 0 : bytes, nowNs);
      blocks.una[c] = ack;
      if (((ack - blocks.nxt[c]) | 0) > 0) blocks.nxt[c] = ack;
    }
    if (blocks.una[c] === blocks.max[c]) {
      blocks.retransmitting[c] = 0;
      if (blocks.state[c] !== TCP_TIME_WAIT) this.deadlines.set(c, nowNs + this.config.idleNs);
    } else if (bytes > 0) {
      this.deadlines.set(c, nowNs + blocks.rtoNs(c));
    }
  }

  private receiveData(c: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void {
    const { blocks } = this;
    const state = blocks.state[c];
    // After the peer's FIN there is no data: what comes all the same is passed over (RFC 9293, seventh).
    if (state !== TCP_ESTABLISHED && state !== TCP_FIN_WAIT_1 && state !== TCP_FIN_WAIT_2) return;
    blocks.rcvNxt[c] = blocks.rcvNxt[c] + lengthBytes;
    this.user.received(c, bytes, at, lengthBytes, nowNs);
  }

  private receiveFin(c: number, nowNs: number): void {
    const { blocks } = this;
    const state = blocks.state[c];
    if (state === TCP_ESTABLISHED) blocks.state[c] = TCP_CLOSE_WAIT;
    else if (state === TCP_FIN_WAIT_1) blocks.state[c] = TCP_CLOSING;
    else if (state !== TCP_FIN_WAIT_2) return;
    blocks.rcvNxt[c] = blocks.rcvNxt[c] + 1;
    if (state === TCP_FIN_WAIT_2) this.wait(c, nowNs);
    else this.user.peerClosed(c, nowNs);
  }

  /** TIME-WAIT: for the user the connection is over. */
  private wait(c: number, nowNs: number): void {
    this.blocks.state[c] = TCP_TIME_WAIT;
    this.deadlines.set(c, nowNs + this.config.timeWaitNs);
    this.waiting.add(c);
    this.user.ended(c, ENDED_CLOSED, nowNs);
  }

  private release(c: number, reason: number, nowNs: number): void {
    this.forget(c);
    this.user.ended(c, reason, nowNs);
  }

  private forget(c: number): void {
    this.deadlines.cancel(c);
    this.table.remove(c);
    this.blocks.state[c] = TCP_CLOSED;
  }

  private open(
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
    state: number,
    port: number,
    nowNs: number,
  ): number {
    if (this.table.full && this.waiting.count > 0) this.forget(this.waiting.take());
    const c = this.table.add(local, localPort, remote, remotePort);
    if (c === NO_CONNECTION) return c;
    // RFC 9293 section 3.4.1. The function of the addresses is a plain hash: nobody here guesses at sequence numbers.
    const ports = (localPort << 16) | remotePort;
    const iss = (Math.floor(nowNs / ISN_TICK_NS) + hashOf(local ^ this.config.secret, remote, ports)) | 0;
    this.blocks.open(c, state, port, iss);
    return c;
  }
}
