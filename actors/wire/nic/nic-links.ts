/** What a NIC counts, is made of, and is connected to: wire, host driver, and vNICs with queues of their own. */
import type { Region } from '../../../src/memory/arena.ts';
import type { SlotMemoryRef } from '../../../src/memory/frame-pool.ts';
import type { RingRef } from '../../../src/memory/id-ring.ts';
import type { MaskedPortRef } from '../../../src/kernel/port-mask.ts';
import type { WireRef } from '../../../src/memory/wire-ring.ts';
import type { VnicQueuesRef } from '../../host/acceleration/queues.ts';
import type { CounterSpec } from '../../actor.ts';

export const NIC_COUNTERS = [
  { name: 'rx_packets', role: 'in' },
  { name: 'rx_bytes', role: 'event' },
  { name: 'rx_to_host', role: 'out' },
  { name: 'rx_to_guest', role: 'out' },
  { name: 'rx_missed_errors', role: 'drop', reason: 'RX ring has no free descriptor' },
  { name: 'rx_length_errors', role: 'drop', reason: 'frame longer than the MTU, or the buffer of its vNIC, allows' },
  { name: 'rx_no_carrier', role: 'drop', reason: 'no driver attached' },
  { name: 'rx_pool_depleted', role: 'drop', reason: "vNIC's buffer pool empty" },
  { name: 'tx_from_host', role: 'in' },
  { name: 'tx_from_guest', role: 'in' },
  { name: 'tx_errors', role: 'drop', reason: 'guest frame of impossible length, or too long for the vNIC it was for' },
  { name: 'tx_vnic_removed', role: 'drop', reason: 'vNIC removed before its frame was sent' },
  { name: 'tx_packets', role: 'out' },
  { name: 'tx_switched', role: 'out' },
  { name: 'tx_switched_no_buffer', role: 'drop', reason: 'buffer pool of the vNIC it was for empty' },
  { name: 'tx_bytes', role: 'event' },
  { name: 'interrupts', role: 'event' },
  { name: 'vnic_notifications', role: 'event' },
  { name: 'feedback_timeouts', role: 'event' },
  { name: 'feedback_masked', role: 'event' },
  { name: 'feedback_masked_ns', role: 'event' },
] as const satisfies readonly CounterSpec[];
/** Frames lost for want of a buffer, for each of the vNICs that the card serves, behind all other counters. */
export const vnicNoBufferName = (vnic: number): string => `vnic${vnic}_no_buffer`;

/** What a card counts that serves so many vNICs. */
export function nicCounters(vnics: number): CounterSpec[] {
  const own = Array.from({ length: vnics }, (_, i): CounterSpec => ({ name: vnicNoBufferName(i), role: 'event' }));
  return [...NIC_COUNTERS, ...own];
}

export const NIC_WIRE_PORT = 0;
export const NIC_HOST_PORT = 1;
/** Ports from here on are vNICs with queues of their own in this NIC. */
export const NIC_VNIC_PORT = 2;

export interface NicConfig {
  readonly name: string;
  readonly counters: Region;
  /** Bits per second on the wire. */
  readonly speedBps: number;
  /** The longest frame it receives into the host, without FCS: from the MTU. */
  readonly frameBytesMax: number;
  /** Least time between two interrupts, ns; 0 for no moderation. */
  readonly interruptGapNs: number;
}

/** The cable: frames in from the generator, out to the sink. */
export interface NicWireLink {
  readonly rx: WireRef;
  readonly tx: WireRef;
}

/** One receive descriptor ring of the host's driver: empty buffers in, filled ones out, and its interrupt vector. */
export interface NicRxQueueLink {
  readonly free: RingRef;
  readonly done: RingRef;
  readonly interrupt: Region;
  /** The CPU that takes the interrupt. */
  readonly cpuDoorbell: Region;
  /**
   * The vector is asserted as long as the ring holds frames, as a QMan portal's is (DQRI). Needed where taps may mask
   * the port: they let go of a ring with frames in it, while a driver empties it before it unmasks.
   */
  readonly level: boolean;
}

/** The host driver's descriptor rings: for each receive queue a pair; frames to send in, sent ones out. */
export interface NicHostLink {
  readonly slots: SlotMemoryRef;
  /** With several, each frame's flow decides. Transmission interrupts by the vector of the first. */
  readonly rxQueues: readonly NicRxQueueLink[];
  readonly tx: RingRef;
  readonly txDone: RingRef;
  /** How many taps mask this port now; null where none may. */
  readonly mask: Region | null;
  /** Taps that may mask this port, and for how long at most. */
  readonly feedback: readonly FeedbackTimer[];
}

/** The timer that ends a tap's mask whatever its reader does, so that a stopped guest cannot mask a port for ever. */
export interface FeedbackTimer {
  readonly own: Region;
  readonly ports: readonly MaskedPortRef[];
  readonly timeoutNs: number;
}

/** A vNIC with queues of its own in this NIC. */
export interface NicVnicLink {
  /** The window on the guest's memory that the IOMMU grants while the vNIC is attached. */
  readonly guestMemory: string;
  readonly macHigh: number;
  readonly macLow: number;
  /** Its VLAN on the wire, which the guest does not see; VLAN_NONE for frames without a tag. */
  readonly vlan: number;
  /** How many of the pairs are in use. */
  readonly activePairs: Region;
  readonly pairs: readonly NicVnicPairLink[];
}

/** The queues of one of a vNIC's queue pairs. */
export interface NicVnicPairLink {
  readonly queues: VnicQueuesRef;
  /** vhost's event word; none where the guest's own rings are served. */
  readonly event: Region | null;
  /** Whom to wake for received frames and for sent ones: vhost, or the guest's vCPUs themselves. */
  readonly rxDoorbells: readonly Region[];
  readonly txDoorbells: readonly Region[];
}
