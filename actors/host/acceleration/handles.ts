/**
 * The network acceleration interface the talk proposes: a driver layer under vhost-net, generic over the hardware. When
 * a vNIC's backend is set, vhost registers four handles with the provider for the port; from then on the provider calls
 * them, and frames pass between guest memory and hardware without softirq, bridge or tap.
 *
 * A buffer is named by the head of its descriptor chain: the number by which it is completed into the virtqueue.
 */

/** What vhost registers. */
export interface AccelerationHandles {
  /** RX function: the hardware has put a header and frame, `lengthBytes` in all, into the buffer of chain `head`. */
  rx(head: number, lengthBytes: number): void;
  /** TX function: offers up to `room` frames from the transmit virtqueue through `AccelerationProvider.send`. */
  tx(room: number): number;
  /** The hardware is done with the frame of chain `head`. */
  txDone(head: number): void;
  /** Congestion handler: the buffer pool fell to its depletion entry threshold, or rose to its exit threshold again. */
  congestion(depleted: boolean): void;
  /** Buffer-pool management: seeds up to `room` buffers that the guest posted, through `AccelerationProvider.seed`. */
  replenish(room: number): number;
}

/** The vhost side of one vNIC's hardware queues. */
export interface AccelerationProvider {
  register(handles: AccelerationHandles): void;
  /** Passes completed frames, sent frames, depletion news and free room to the handles. Returns the frames moved. */
  poll(budget: number): number;
  /** Gives the hardware an empty guest buffer; only from within `replenish`. */
  seed(head: number, addr: number, lengthBytes: number): void;
  /** Gives the hardware a frame (header included) to send; only from within `tx`. */
  send(head: number, addr: number, lengthBytes: number): void;
  /** Frames on their way in these queues, for stock-taking while both sides are parked. */
  framesHeld(): number;
  /** True when `poll` would find frames to complete: the look before sleeping. */
  readonly pending: boolean;
}

/** The hardware side of the same queues. */
export interface AccelerationPort {
  /** True when a buffer is there for a frame that takes `lengthBytes` with its header. */
  accepts(lengthBytes: number): boolean;
  /** A buffer is there, of whatever length: what `accepts` refused was too long for it. */
  readonly hasBuffer: boolean;
  /** Takes the buffer that `accepts` found: its guest address. */
  takeBuffer(): number;
  /** The frame is in that buffer. */
  deliver(lengthBytes: number): void;
  /** Makes delivered frames visible; returns true when the other side is to be told. Once a batch. */
  publishRx(): boolean;
  /** Takes up what the other side changed; returns true when it is to be told what came of it. Once a poll. */
  refresh(): boolean;
  /** Frames that wait to be sent, at most `wanted`. */
  sendable(wanted: number): number;
  /** Guest address and length, header included, of the oldest of them. */
  readonly sendAddr: number;
  readonly sendBytes: number;
  /** Loads the oldest frame into `sendAddr` and `sendBytes`. */
  nextSend(): void;
  /** Hands back the frames taken by `nextSend` so far; returns true when the other side is to be told. Once a batch. */
  publishTx(): boolean;
  /** Frames in the hardware's hands that only it can count, for stock-taking. */
  framesHeld(): number;
}

/** Buffers left at which depletion begins, and at which it ends. */
export interface DepletionThresholds {
  readonly depletionEntry: number;
  readonly depletionExit: number;
}

/** BMan's hysteresis: entered at one threshold, left at a higher one. */
export function isDepleted(before: boolean, left: number, thresholds: DepletionThresholds): boolean {
  return before ? left < thresholds.depletionExit : left <= thresholds.depletionEntry;
}
