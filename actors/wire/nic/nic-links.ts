/** What a NIC counts, is made of, and is connected to: wire, host driver, and vNICs with queues of their own. */
import type { Region } from '../../../src/memory/arena.ts';
import type { SlotMemoryRef } from '../../../src/memory/frame-pool.ts';
import type { RingRef } from '../../../src/memory/id-ring.ts';
import type { MaskedPortRef } from '../../../src/kernel/port-mask.ts';
import type { WireRef } from '../../../src/memory/wire-ring.ts';
import type { VnicQueuesRef } from '../../host/acceleration/queues.ts';
import type { CounterSpec } from '../../actor.ts';
import { ownCounter, port, portsOf } from '../../component.ts';
import type { OwnCounter } from '../../component.ts';

export const NIC_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that came by the wire' },
  { name: 'rx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  { name: 'rx_to_host', lane: 'rx', role: 'out', meaning: "frames put into the host driver's receive rings" },
  { name: 'rx_to_guest', lane: 'rx', role: 'out', meaning: 'frames put into buffers of a vNIC with queues of its own' },
  { name: 'rx_missed_errors', lane: 'rx', role: 'drop', reason: 'RX ring has no free descriptor' },
  {
    name: 'rx_length_errors',
    lane: 'rx',
    role: 'drop',
    reason: 'frame longer than the MTU, or the buffer of its vNIC, allows',
  },
  { name: 'rx_no_carrier', lane: 'rx', role: 'drop', reason: 'no driver attached' },
  { name: 'rx_pool_depleted', lane: 'rx', role: 'drop', reason: "vNIC's buffer pool empty", place: 'pool' },
  { name: 'tx_from_host', lane: 'tx', role: 'in', meaning: "frames taken from the host driver's transmit ring" },
  { name: 'tx_from_guest', lane: 'tx', role: 'in', meaning: 'frames taken from queues of vNICs in the card' },
  {
    name: 'tx_errors',
    lane: 'tx',
    role: 'drop',
    reason: 'guest frame of impossible length, or too long for the vNIC it was for',
  },
  { name: 'tx_vnic_removed', lane: 'tx', role: 'drop', reason: 'vNIC removed before its frame was sent' },
  { name: 'tx_packets', lane: 'tx', role: 'out', meaning: 'frames sent on the wire' },
  { name: 'tx_switched', lane: 'tx', role: 'out', meaning: 'frames switched to another vNIC of the card' },
  {
    name: 'tx_switched_no_buffer',
    lane: 'tx',
    role: 'drop',
    reason: 'buffer pool of the vNIC it was for empty',
    place: 'pool',
  },
  { name: 'tx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  {
    name: 'interrupts',
    role: 'event',
    meaning: 'interrupts raised towards the host, no more than interruptRate allows',
  },
  {
    name: 'vnic_notifications',
    role: 'event',
    meaning: 'times vhost or a guest was told of frames in the queues of a vNIC',
  },
  {
    name: 'feedback_timeouts',
    role: 'event',
    meaning: 'masks of a tap that the timer ended because nobody else did (feedback.timeout)',
  },
  { name: 'feedback_masked', role: 'event', meaning: 'times the port was masked by one tap or several' },
  { name: 'feedback_masked_ns', role: 'event', meaning: 'time for which it was masked, ns' },
] as const satisfies readonly CounterSpec[];
/** Frames lost for want of a buffer, for each of the vNICs that the card serves, behind all other counters. */
export const vnicNoBufferName = (vnic: number): OwnCounter<'nic'> => ownCounter(`vnic${vnic}_no_buffer`);

/** What a card counts that serves so many vNICs. */
export function nicCounters(vnics: number): CounterSpec[] {
  const meaning = 'frames for this one of its vNICs, numbered from 0, that found no buffer of its guest';
  const own = Array.from({ length: vnics }, (_, i): CounterSpec => {
    return { name: vnicNoBufferName(i), role: 'event', meaning };
  });
  return [...NIC_COUNTERS, ...own];
}

/** vNICs with queues of their own in the card are numbered in the order in which they were planned. */
export const NIC_PORTS = portsOf('nic', {
  wire: port<NicWireLink>({ rx: ({ rx }) => [rx] }),
  host: port<NicHostLink>({ tx: ({ tx }) => [tx] }),
  vnic: port<NicVnicLink>(),
});

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
