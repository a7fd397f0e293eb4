// The sending side of a TCP endpoint: what users wrote, cut into segments as far as the windows allow.
import type { ConnectionTable } from './connection-table.ts';
import type { Deadlines } from './deadlines.ts';
import { ETH_HEADER_BYTES, ETH_SRC_BYTE, macHigh, macLow } from '../wire/ethernet.ts';
import { ipv4Dst, ipv4Src } from '../wire/ipv4.ts';
import type { TcpBlocks } from './tcp-blocks.ts';
import { TCP_SYN_SENT } from './tcp-blocks.ts';
import { SegmentEnds, TCP_FRAME_HEADER_BYTES, finishSegment, writeSegment } from './tcp-segment.ts';
import {
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  tcpAck,
  tcpDstPort,
  tcpFlags,
  tcpSeq,
  tcpSrcPort,
} from './tcp.ts';

/** Window we grant, always: the largest without scaling. */
export const RECEIVE_WINDOW_BYTES = 0xffff;

/** Where segments go. A frame is written at `claim()` and handed over by `send` before the next is claimed. */
export interface TcpOutput {
  readonly bytes: Uint8Array;
  /** First byte of room for one frame, -1 when there is none now. */
  claim(): number;
  send(at: number, lengthBytes: number, port: number): void;
}

export interface TcpSenderConfig {
  readonly connectionsMax: number;
  /** Bytes a connection can hold that are written and not acknowledged; a power of two. */
  readonly sendBytesMax: number;
  /** Our own address on each network port. */
  readonly macs: readonly { readonly macHigh: number; readonly macLow: number }[];
}

export class TcpSender {
  /** Times a segment could not leave for want of room; its timer tries again. */
  blocked = 0;
  private readonly config: TcpSenderConfig;
  private readonly table: ConnectionTable;
  private readonly blocks: TcpBlocks;
  private readonly deadlines: Deadlines;
  private readonly output: TcpOutput;
  private readonly ends = new SegmentEnds();
  /** What users wrote, a ring for each connection: sequence s lies at (s - iss - 1) modulo the ring. */
  private readonly rings: Uint8Array;
  private readonly ringMask: number;

  constructor(
    config: TcpSenderConfig,
    table: ConnectionTable,
    blocks: TcpBlocks,
    deadlines: Deadlines,
    output: TcpOutput,
  ) {
    this.config = config;
    this.table = table;
    this.blocks = blocks;
    this.deadlines = deadlines;
    this.output = output;
    this.rings = new Uint8Array(config.connectionsMax * config.sendBytesMax);
    this.ringMask = config.sendBytesMax - 1;
  }

  /** Room for `write`, bytes. */
  writable(c: number): number {
    return this.config.sendBytesMax - ((this.blocks.end[c] - this.blocks.una[c]) | 0);
  }

  /** Takes over bytes to be sent; the caller has looked at `writable`. */
  write(c: number, bytes: Uint8Array, at: number, lengthBytes: number): void {
    const { blocks, rings, ringMask } = this;
    const ring = c * (ringMask + 1);
    let place = (blocks.end[c] - blocks.iss[c] - 1) & ringMask;
    for (let i = 0; i < lengthBytes; i++) {
      rings[ring + place] = bytes[at + i];
      place = (place + 1) & ringMask;
    }
    blocks.end[c] = blocks.end[c] + lengthBytes;
  }

  /** SYN, or SYN and ACK: the first time, or again. */
  sendSyn(c: number, nowNs: number): void {
    const { blocks } = this;
    const isFirst = blocks.state[c] === TCP_SYN_SENT;
    this.aim(c);
    this.emitBare(isFirst ? TCP_SYN : TCP_SYN | TCP_ACK, blocks.iss[c], blocks.rcvNxt[c], blocks.port[c]);
    if (blocks.max[c] === blocks.iss[c]) {
      blocks.max[c] = blocks.iss[c] + 1;
      blocks.time(c, blocks.max[c], nowNs);
    }
    blocks.nxt[c] = blocks.max[c];
    this.awaitAck(c, nowNs);
  }

  /**
   * Sends as much as the windows allow, and a FIN after the last byte once the user has closed.
   * @param again the timer ran out: it is set anew, and a closed window is probed with one byte (RFC 9293 section
   * 3.8.6.1).
   * @returns segments sent.
   */
  sendData(c: number, again: boolean, nowNs: number): number {
    const { blocks } = this;
    const end = blocks.end[c];
    const allowance = Math.max(blocks.allowance(c), again ? 1 : 0);
    const closing = blocks.finAsked[c] === 1;
    let sent = 0;
    for (;;) {
      const nxt = blocks.nxt[c];
      const unsent = (end - nxt) | 0;
      const room = allowance - ((nxt - blocks.una[c]) | 0);
      const data = Math.max(0, Math.min(unsent, room, blocks.peerMss[c]));
      // A FIN needs no room of its own; behind it nothing is left (unsent is -1).
      const fin = closing && data === unsent;
      if (data === 0 && !fin) break;
      // Rather less than a whole segment later than now (RFC 9293 section 3.8.6.2.1).
      if (data < unsent && data < blocks.peerMss[c] && nxt !== blocks.una[c]) break;
      if (!this.emit(c, nxt, data, fin)) break;
      const next = (nxt + data + (fin ? 1 : 0)) | 0;
      blocks.nxt[c] = next;
      // Only what is sent for the first time is timed (Karn's algorithm, RFC 6298 section 3).
      if (((next - blocks.max[c]) | 0) > 0) {
        blocks.max[c] = next;
        blocks.time(c, next, nowNs);
      }
      sent++;
    }
    const outstanding = blocks.max[c] !== blocks.una[c] || ((end - blocks.nxt[c]) | 0) > 0;
    if (outstanding && (again || blocks.retransmitting[c] === 0)) this.awaitAck(c, nowNs);
    return sent;
  }

  sendAck(c: number): void {
    const { blocks } = this;
    this.aim(c);
    this.emitBare(TCP_ACK, blocks.max[c], blocks.rcvNxt[c], blocks.port[c]);
  }

  sendReset(c: number): void {
    const { blocks } = this;
    this.aim(c);
    this.emitBare(TCP_RST | TCP_ACK, blocks.max[c], blocks.rcvNxt[c], blocks.port[c]);
  }

  /** RST for an acknowledgement of what was never sent, before the connection is established. */
  refuseAck(c: number, ack: number): void {
    this.aim(c);
    this.emitBare(TCP_RST, ack, 0, this.blocks.port[c]);
  }

  /**
   * RST for a segment of no connection (RFC 9293 section 3.10.7.1). `space` is what it takes of sequence space.
   */
  refuse(bytes: Uint8Array, offset: number, tcp: number, space: number, port: number): void {
    const { ends } = this;
    const ip = offset + ETH_HEADER_BYTES;
    ends.srcMacHigh = this.config.macs[port].macHigh;
    ends.srcMacLow = this.config.macs[port].macLow;
    ends.dstMacHigh = macHigh(bytes, offset + ETH_SRC_BYTE);
    ends.dstMacLow = macLow(bytes, offset + ETH_SRC_BYTE);
    ends.srcAddress = ipv4Dst(bytes, ip);
    ends.dstAddress = ipv4Src(bytes, ip);
    ends.srcPort = tcpDstPort(bytes, tcp);
    ends.dstPort = tcpSrcPort(bytes, tcp);
    const acknowledges = (tcpFlags(bytes, tcp) & TCP_ACK) !== 0;
    if (acknowledges) this.emitBare(TCP_RST, tcpAck(bytes, tcp), 0, port);
    else this.emitBare(TCP_RST | TCP_ACK, 0, (tcpSeq(bytes, tcp) + space) | 0, port);
  }

  private awaitAck(c: number, nowNs: number): void {
    this.blocks.retransmitting[c] = 1;
    this.deadlines.set(c, nowNs + this.blocks.rtoNs(c));
  }

  /** One segment with data from the ring; false when there is no room for it now. */
  private emit(c: number, seq: number, dataBytes: number, fin: boolean): boolean {
    const { blocks, output, rings, ringMask } = this;
    const at = output.claim();
    if (at < 0) {
      this.blocked++;
      return false;
    }
    this.aim(c);
    const last = ((seq + dataBytes - blocks.end[c]) | 0) === 0;
    const flags = TCP_ACK | (last && dataBytes > 0 ? TCP_PSH : 0) | (fin ? TCP_FIN : 0);
    const { bytes } = output;
    writeSegment(bytes, at, this.ends, flags, seq, blocks.rcvNxt[c], RECEIVE_WINDOW_BYTES);
    const ring = c * (ringMask + 1);
    let place = (seq - blocks.iss[c] - 1) & ringMask;
    const data = at + TCP_FRAME_HEADER_BYTES;
    for (let i = 0; i < dataBytes; i++) {
      bytes[data + i] = rings[ring + place];
      place = (place + 1) & ringMask;
    }
    output.send(at, finishSegment(bytes, at, dataBytes), blocks.port[c]);
    return true;
  }

  /** One segment without data, between the ends set before. */
  private emitBare(flags: number, seq: number, ack: number, port: number): void {
    const { output } = this;
    const at = output.claim();
    if (at < 0) {
      this.blocked++;
      return;
    }
    writeSegment(output.bytes, at, this.ends, flags, seq, ack, RECEIVE_WINDOW_BYTES);
    output.send(at, finishSegment(output.bytes, at, 0), port);
  }

  /** The ends of a connection's segments. */
  private aim(c: number): void {
    const { ends, blocks, table } = this;
    const own = this.config.macs[blocks.port[c]];
    ends.srcMacHigh = own.macHigh;
    ends.srcMacLow = own.macLow;
    ends.dstMacHigh = blocks.peerMacHigh[c];
    ends.dstMacLow = blocks.peerMacLow[c];
    ends.srcAddress = table.localAddress(c);
    ends.dstAddress = table.remoteAddress(c);
    ends.srcPort = table.localPort(c);
    ends.dstPort = table.remotePort(c);
  }
}
