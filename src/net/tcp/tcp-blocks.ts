// The transmission control blocks of an endpoint (RFC 9293 section 3.3.1), as columns of typed arrays: one row for each
// connection of its table.
import { TCP_MSS_DEFAULT } from './tcp.ts';

export const TCP_CLOSED = 0;
export const TCP_SYN_SENT = 1;
export const TCP_SYN_RECEIVED = 2;
export const TCP_ESTABLISHED = 3;
export const TCP_FIN_WAIT_1 = 4;
export const TCP_FIN_WAIT_2 = 5;
export const TCP_CLOSE_WAIT = 6;
export const TCP_CLOSING = 7;
export const TCP_LAST_ACK = 8;
export const TCP_TIME_WAIT = 9;

/** RFC 6298 section 2: RTO before the first measurement. */
const RTO_INITIAL_NS = 1e9;
/** TCP_RTO_MIN of Linux (include/net/tcp.h); RFC 6298 section 2.4 asks for 1 s, which no host of today keeps to. */
const RTO_MIN_NS = 2e8;
/** RFC 6298 section 2.5. */
const RTO_MAX_NS = 60e9;
/** Initial window of ten segments: RFC 6928. */
const INITIAL_WINDOW_SEGMENTS = 10;
const NOT_TIMED = -1;

/**
 * Sequence numbers are signed int32 and wrap: compare them by the sign of a difference. `nxt` is what is sent next;
 * after a timeout it goes back to `una`, and `max` keeps the highest ever sent, which is the SND.NXT of the RFC.
 */
export class TcpBlocks {
  readonly state: Uint8Array;
  /** vNIC, and the address of the neighbour that frames are sent to. */
  readonly port: Uint8Array;
  readonly peerMacHigh: Int32Array;
  readonly peerMacLow: Int32Array;
  readonly iss: Int32Array;
  readonly una: Int32Array;
  readonly nxt: Int32Array;
  readonly max: Int32Array;
  /** After the last byte the user has written. */
  readonly end: Int32Array;
  /** 1 once the user has closed: a FIN follows `end`. */
  readonly finAsked: Uint8Array;
  /** Window the peer grants, and the segment that last told it (SND.WND, SND.WL1, SND.WL2). */
  readonly window: Int32Array;
  readonly windowSeq: Int32Array;
  readonly windowAck: Int32Array;
  readonly irs: Int32Array;
  readonly rcvNxt: Int32Array;
  readonly peerMss: Int32Array;
  readonly retries: Uint8Array;
  /** 1 while the deadline is a retransmission's and not that of an idle connection. */
  readonly retransmitting: Uint8Array;
  /** When a segment without data that could not be accepted was last answered. */
  readonly objectedNs: Float64Array;
  private readonly congestionWindow: Int32Array;
  private readonly slowStartThreshold: Int32Array;
  private readonly smoothedNs: Float64Array;
  private readonly variationNs: Float64Array;
  private readonly timeoutNs: Float64Array;
  private readonly timedSeq: Int32Array;
  private readonly timedSinceNs: Float64Array;

  constructor(max: number) {
    const int32 = (): Int32Array => new Int32Array(max);
    const flags = (): Uint8Array => new Uint8Array(max);
    const float64 = (): Float64Array => new Float64Array(max);
    this.state = flags();
    this.port = flags();
    this.peerMacHigh = int32();
    this.peerMacLow = int32();
    this.iss = int32();
    this.una = int32();
    this.nxt = int32();
    this.max = int32();
    this.end = int32();
    this.finAsked = flags();
    this.window = int32();
    this.windowSeq = int32();
    this.windowAck = int32();
    this.irs = int32();
    this.rcvNxt = int32();
    this.peerMss = int32();
    this.retries = flags();
    this.retransmitting = flags();
    this.objectedNs = float64();
    this.congestionWindow = int32();
    this.slowStartThreshold = int32();
    this.smoothedNs = float64();
    this.variationNs = float64();
    this.timeoutNs = float64();
    this.timedSeq = int32();
    this.timedSinceNs = float64();
  }

  /** A new connection, before its first segment. */
  open(c: number, state: number, port: number, iss: number): void {
    this.state[c] = state;
    this.port[c] = port;
    this.iss[c] = iss;
    this.una[c] = iss;
    this.nxt[c] = iss;
    this.max[c] = iss;
    this.end[c] = iss + 1;
    this.finAsked[c] = 0;
    this.window[c] = 0;
    this.rcvNxt[c] = 0;
    this.peerMss[c] = TCP_MSS_DEFAULT;
    this.retries[c] = 0;
    this.retransmitting[c] = 0;
    this.objectedNs[c] = -Infinity;
    this.congestionWindow[c] = 0;
    this.slowStartThreshold[c] = 0x7fff_ffff;
    this.smoothedNs[c] = 0;
    this.timeoutNs[c] = RTO_INITIAL_NS;
    this.timedSinceNs[c] = NOT_TIMED;
  }

  /** The peer's SYN. */
  synchronise(c: number, irs: number, mss: number): void {
    this.irs[c] = irs;
    this.rcvNxt[c] = irs + 1;
    this.peerMss[c] = mss;
    // One segment if the SYN was lost: RFC 5681 section 3.1.
    this.congestionWindow[c] = (this.retries[c] === 0 ? INITIAL_WINDOW_SEGMENTS : 1) * mss;
  }

  /** The window that a segment grants. */
  grant(c: number, window: number, seq: number, ack: number): void {
    this.window[c] = window;
    this.windowSeq[c] = seq;
    this.windowAck[c] = ack;
  }

  /** The same, unless the segment is older than the one that told the window last. */
  grantNewer(c: number, window: number, seq: number, ack: number): void {
    const newer = (seq - this.windowSeq[c]) | 0;
    if (newer > 0 || (newer === 0 && ((ack - this.windowAck[c]) | 0) >= 0)) this.grant(c, window, seq, ack);
  }

  rtoNs(c: number): number {
    return this.timeoutNs[c];
  }

  /** What may be on its way: the lesser of the peer's window and the congestion window (RFC 5681 section 2). */
  allowance(c: number): number {
    return Math.min(this.window[c], this.congestionWindow[c]);
  }

  /** Times one segment a round trip, unless one is being timed (RFC 6298 section 3). `seq`: after its last byte. */
  time(c: number, seq: number, nowNs: number): void {
    if (this.timedSinceNs[c] >= 0) return;
    this.timedSeq[c] = seq;
    this.timedSinceNs[c] = nowNs;
  }

  /** Something new was acknowledged: a round-trip time, and for data more congestion window (RFC 5681 section 3.1). */
  acknowledged(c: number, ack: number, bytes: number, nowNs: number): void {
    this.retries[c] = 0;
    if (this.timedSinceNs[c] >= 0 && ((ack - this.timedSeq[c]) | 0) >= 0) this.measure(c, nowNs);
    const window = this.congestionWindow[c];
    const mss = this.peerMss[c];
    if (bytes === 0) return;
    const more = window < this.slowStartThreshold[c] ? Math.min(bytes, mss) : Math.ceil((mss * mss) / window);
    // No window is scaled here, so that more than this is never granted.
    this.congestionWindow[c] = Math.min(window + more, 0xffff);
  }

  private measure(c: number, nowNs: number): void {
    const roundTripNs = nowNs - this.timedSinceNs[c];
    this.timedSinceNs[c] = NOT_TIMED;
    if (this.smoothedNs[c] === 0) {
      this.smoothedNs[c] = roundTripNs;
      this.variationNs[c] = roundTripNs / 2;
    } else {
      // RFC 6298 section 2.3: beta 1/4, alpha 1/8.
      this.variationNs[c] = 0.75 * this.variationNs[c] + 0.25 * Math.abs(this.smoothedNs[c] - roundTripNs);
      this.smoothedNs[c] = 0.875 * this.smoothedNs[c] + 0.125 * roundTripNs;
    }
    this.timeoutNs[c] = Math.max(RTO_MIN_NS, this.smoothedNs[c] + 4 * this.variationNs[c]);
  }

  /** The retransmission timer ran out: go back, take no measurement (Karn), wait twice as long, start slowly again. */
  backOff(c: number): void {
    const mss = this.peerMss[c];
    const inFlight = (this.max[c] - this.una[c]) | 0;
    this.retries[c]++;
    this.nxt[c] = this.una[c];
    this.timedSinceNs[c] = NOT_TIMED;
    this.timeoutNs[c] = Math.min(2 * this.timeoutNs[c], RTO_MAX_NS);
    this.slowStartThreshold[c] = Math.max(inFlight >> 1, 2 * mss);
    this.congestionWindow[c] = mss;
  }
}
