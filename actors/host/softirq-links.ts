/** What a softirq CPU is attached to: the NICs it polls and the sources of its backlog. */
import type { Region } from '../../src/memory/arena.ts';
import type { BridgeInputRef } from '../../src/kernel/bridge-input.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';

/** One receive queue of a NIC, whose interrupt goes to this CPU: a NAPI instance. */
export interface SoftirqNicLink extends BridgeInputRef {
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
}

/**
 * A source of this CPU's backlog: a tap whose transmissions (guest to network) enter it, as netif_rx_ni puts them
 * there, or another CPU that steers frames here.
 */
export interface SoftirqBacklogLink extends BridgeInputRef {
  readonly kind: 'backlog';
  readonly from: RingRef;
}
