/**
 * How a vCPU works with a vNIC, whatever device the VMM shows for it. One class a device: a run whose vNICs are all of
 * one kind has call sites that see one class.
 */
import type { Census } from '../actor.ts';

/** A vNIC as this vCPU reaches it, whatever its driver. `owner`: this vCPU probes it and announces its address. */
export interface NicIdentity {
  readonly owner: boolean;
  readonly macHigh: number;
  readonly macLow: number;
  /** Its IPv4 address. */
  readonly address: number;
}

export interface NicDriver {
  /** Probed, here or by the vCPU that owns it: frames can be sent. */
  readonly up: boolean;
  /** CPU time of the exit that a doorbell write is, ns. */
  readonly exitNs: number;
  /** One step of the probe: a register access that traps to the VMM, or news from the vCPU that probes. */
  bringUp(): void;
  /** While down: true when `bringUp` would find nothing new. */
  quiet(): boolean;

  /** Received frames to `take` now, at most `budget` and maybe fewer; 0 on vCPUs that serve no receive queue of it. */
  receive(budget: number): number;
  /**
   * The next received frame, in a guest buffer: it lies NET_HEADER_BYTES into it, `frameBytes` long, which may be
   * any number. @returns the buffer's address, or -1 when there is none or the device broke the ring.
   */
  take(): number;
  readonly frameBytes: number;
  /** Posts receive buffers if enough are missing. @returns whether that took a doorbell write. */
  refill(): boolean;
  /** Few receive buffers are posted for want of free ones; meaningful after `refill`. */
  readonly starved: boolean;

  /** Queues a frame for transmission; false when the queue discipline is full and the caller must drop it. */
  enqueue(addr: number, bytes: number): boolean;
  /** Frames that wait in the queue discipline. */
  readonly backlog: number;
  /** Moves frames from the queue discipline to the device. @returns whether that took a doorbell write. */
  transmit(): boolean;
  /** Frames handed to the device, and times the transmit lock was found taken, since the vCPU last set them to 0. */
  sent: number;
  contended: number;

  /** Asks for an interrupt on reception, then looks again; false when there is something to do now. */
  armReceive(): boolean;
  /** Asks for one when transmission gives descriptors and buffers back; false when some are there now. */
  armTransmit(): boolean;

  /** Frames and buffers in this vCPU's part of the queues. */
  census(out: Census): void;
}
