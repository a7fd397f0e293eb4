/** What a softirq CPU is attached to: the NICs it polls and the sources of its backlog. */
import type { Region } from '../src/memory/arena.ts';
import type { RingRef } from '../src/memory/id-ring.ts';

/** One receive queue of a NIC, whose interrupt goes to this CPU: a NAPI instance. */
export interface SoftirqNicLink {
  readonly kind: 'nic';
  readonly rxFree: RingRef;
  readonly rxDone: RingRef;
  /** The card's transmit completions, which the instance of the first queue cleans; none on the others. */
  readonly txDone: RingRef | null;
  /** Descriptors in the receive ring. */
  readonly rxRing: number;
  readonly interrupt: Region;
  /** Taps with feedback behind this port hold it masked here. */
  readonly mask: Region;
  readonly toBridge: RingRef;
  /** Rung when the bridge has a thread of its own. */
  readonly bridgeDoorbell: Region | null;
}

/** A tap whose transmissions (guest to network) enter this CPU's backlog, as netif_rx_ni puts them there. */
export interface SoftirqBacklogLink {
  readonly kind: 'backlog';
  readonly from: RingRef;
  readonly toBridge: RingRef;
  readonly bridgeDoorbell: Region | null;
}
