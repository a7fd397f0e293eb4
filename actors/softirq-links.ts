/** What a softirq CPU is attached to: the NICs it polls and the sources of its backlog. */
import type { Region } from '../src/memory/arena.ts';
import type { RingRef } from '../src/memory/id-ring.ts';

/** A NIC whose interrupt goes to this CPU. */
export interface SoftirqNicLink {
  readonly kind: 'nic';
  readonly rxFree: RingRef;
  readonly rxDone: RingRef;
  readonly txDone: RingRef;
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
