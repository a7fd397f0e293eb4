/**
 * How a vCPU works with a vNIC, whatever device the VMM shows for it. One class a device: a run whose vNICs are all of
 * one kind has call sites that see one class.
 */
import type { Region } from '../../../src/memory/arena.ts';
import type { Census } from '../../actor.ts';

/** A vNIC as this vCPU reaches it, whatever its driver. */
export interface NicIdentity {
  /** This vCPU probes it and announces its address. */
  readonly owner: boolean;
  readonly macHigh: number;
  readonly macLow: number;
  /** Its IPv4 address. */
  readonly address: number;
  /** Its first word is 1 once the owner has brought it up. */
  readonly published: Region;
}

/** What a driver did since its vCPU last looked: the vCPU takes it over into its counters and its debt. */
export class DriverAccounts {
  /** Frames handed to the device. */
  sent = 0;
  /** Times the transmit lock was found taken. */
  contended = 0;
  /** Doorbell writes, for receive buffers and for frames. */
  rxKicks = 0;
  txKicks = 0;
  /** Times the guest was left: doorbell writes and all other register accesses. */
  exits = 0;
  /** Interrupts taken, where the driver takes them itself. */
  interrupts = 0;
}

export interface NicDriver {
  readonly accounts: DriverAccounts;
  /** CPU time of one exit, ns. */
  readonly exitNs: number;
  /** Probed, here or by the vCPU that owns it: frames can be sent. */
  readonly up: boolean;
  /** One step of the probe: a register access that traps to the VMM, or news from the vCPU that probes. */
  bringUp(): void;
  /** While down: true when `bringUp` would find nothing new. */
  quiet(): boolean;

  /** A register access is with the VMM, and the vCPU stands still until `resume` answers true. */
  readonly trapped: boolean;
  /** The answer is there: the look before sleeping. */
  readonly answered: boolean;
  /** Takes the answer, and goes on to the next access if the driver makes one right away; true when there is none. */
  resume(): boolean;

  /** Received frames to `take` now, at most `budget` and maybe fewer; 0 on vCPUs that serve no receive queue of it. */
  receive(budget: number): number;
  /**
   * The next received frame, in a guest buffer: it lies NET_HEADER_BYTES into it, `frameBytes` long, which may be
   * any number. @returns the buffer's address, or -1 when there is none or the device broke the ring.
   */
  take(): number;
  readonly frameBytes: number;
  /** Posts receive buffers if enough are missing. */
  refill(): void;
  /** Few receive buffers are posted for want of free ones; meaningful after `refill`. */
  readonly starved: boolean;

  /** Queues a frame for transmission; false when the queue discipline is full and the caller must drop it. */
  enqueue(addr: number, bytes: number): boolean;
  /** Frames that wait in the queue discipline. */
  readonly backlog: number;
  /** Moves frames from the queue discipline to the device, as far as it goes at once. */
  transmit(): void;

  /** Asks for an interrupt on reception, then looks again; false when there is something to do now. */
  armReceive(): boolean;
  /** Asks for one when transmission gives descriptors and buffers back; false when some are there now. */
  armTransmit(): boolean;

  /** Frames and buffers in this vCPU's part of the queues. */
  census(out: Census): void;
}
