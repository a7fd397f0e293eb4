/** What a vhost worker counts, is made of, and is connected to: the tap's side and the guest's side. */
import type { Region } from '../../src/memory/arena.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import type { CounterSpec } from '../actor.ts';
import { port, portsOf } from '../component.ts';
import type { StackEntryLink } from './stack-entry.ts';
import type { TapFeedbackConfig } from './tap.ts';

export const VHOST_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: "frames taken from the tap's queue" },
  { name: 'rx_to_guest', lane: 'rx', role: 'out', meaning: 'frames put into the receive virtqueue' },
  { name: 'rx_truncated', lane: 'rx', role: 'drop', reason: 'frame longer than the buffer the guest posted' },
  { name: 'rx_purged', lane: 'rx', role: 'drop', reason: 'tap closed with frames in its queue' },
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames of the guest taken from its transmit queue' },
  { name: 'tx_to_stack', lane: 'tx', role: 'out', meaning: "frames put into the CPU's backlog" },
  { name: 'tx_errors', lane: 'tx', role: 'drop', reason: 'guest sent a frame of impossible length' },
  { name: 'tx_no_buffer', lane: 'tx', role: 'drop', reason: 'no host buffer for a frame from the guest' },
  { name: 'backlog_dropped', lane: 'tx', role: 'drop', reason: 'per-CPU backlog full (softnet_stat dropped)' },
  { name: 'tx_abandoned', lane: 'tx', role: 'drop', reason: 'virtual machine removed before its frame was taken' },
  { name: 'rx_passes', role: 'event', meaning: 'passes of handle_rx: tap queue to receive virtqueue' },
  {
    name: 'rx_no_buffer_passes',
    role: 'event',
    meaning: 'passes that found no receive buffer posted by the guest: the guest is slow or starved',
  },
  {
    name: 'rx_requeues',
    role: 'event',
    meaning: 'receive passes that spent their weight and went to the tail of the work list',
  },
  { name: 'tx_passes', role: 'event', meaning: 'passes of handle_tx: transmit virtqueue to the host' },
  {
    name: 'tx_requeues',
    role: 'event',
    meaning: 'transmit passes that spent their weight and went to the tail of the work list',
  },
  { name: 'calls', role: 'event', meaning: 'interrupts injected into the guest' },
  {
    name: 'calls_suppressed',
    role: 'event',
    meaning: 'completions that the guest had asked not to be interrupted for',
  },
  {
    name: 'virtqueue_errors',
    role: 'event',
    meaning: 'virtqueues stopped because the guest put something impossible into them',
  },
  {
    name: 'feedback_unmasks',
    role: 'event',
    meaning: 'times the queue fell to its low mark and the port was unmasked',
  },
] as const satisfies readonly CounterSpec[];

export const VHOST_PORTS = portsOf('vhost', {
  tap: port<VhostTapLink>({ rx: ({ queue }) => [queue] }),
  guest: port<VhostGuestLink>(),
});

export interface VhostWorkerConfig {
  readonly name: string;
  readonly counters: Region;
  readonly slots: SlotMemoryRef;
  /** Host slots for frames the guest sends (the skbs of tun_get_user). */
  readonly pool: PoolRef;
  /** Where the pool's free slots lie while this vNIC's VM is not there; null for one that never leaves. */
  readonly poolHome: RingRef | null;
  /** Bytes one pass may carry: VHOST_NET_WEIGHT, drivers/vhost/net.c. */
  readonly byteWeight: number;
  /** Packets one pass may carry: VHOST_NET_PKT_WEIGHT since db688c24eada; Infinity before. */
  readonly packetWeight: number;
  /** Packets completed and signalled at a time: 1 in v3.13, VHOST_NET_BATCH (64) later. */
  readonly batch: number;
  /** Time to go on polling before sleeping (vhost_net_busy_poll), ns; 0 is off. */
  readonly busyLoopNs: number;
  /** Frames a CPU's backlog holds: netdev_max_backlog, net/core/dev.c. */
  readonly backlogFrames: number;
  readonly costs: {
    readonly vhostRxNs: number;
    readonly vhostTxNs: number;
    readonly callInjectNs: number;
    readonly wakeupNs: number;
  };
}

/** The tap: its queue to read, and the backlog that takes what the guest sends. */
export interface VhostTapLink extends StackEntryLink {
  readonly queue: RingRef;
  readonly event: Region;
  /** The table in which a tap of several queues finds where a flow came from, and the number of this queue. */
  readonly flows: { readonly table: Region; readonly queue: number } | null;
  /** Mode vhost-feedback: what to unmask at the low mark. */
  readonly feedback: TapFeedbackConfig | null;
}

/** The guest's side: its memory, the ioctl mailbox, kick eventfds in, call eventfds out (by vring index). */
export interface VhostGuestLink {
  readonly guestMemory: string;
  readonly mailbox: Region;
  readonly kicks: readonly Region[];
  /** By vring index: whom a call wakes. Every vCPU may wait for transmission, one takes the receive interrupts. */
  readonly callDoorbells: readonly (readonly Region[])[];
  /** Rung when an ioctl is answered. */
  readonly vmmDoorbell: Region;
}
