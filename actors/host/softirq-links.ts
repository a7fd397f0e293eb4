/** What a softirq CPU is attached to: the NICs it polls and the sources of its backlog. */
import type { Region } from '../../src/memory/arena.ts';
import type { BridgeInputRef } from '../../src/kernel/bridge-input.ts';
import type { PoolRef, SlotMemoryRef } from '../../src/memory/frame-pool.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import type { CounterSpec } from '../actor.ts';
import { port, portsOf } from '../component.ts';

export const SOFTIRQ_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that NIC drivers received' },
  {
    name: 'rx_to_bridge',
    lane: 'rx',
    role: 'out',
    meaning: "frames handed to the bridge, or to the backlog of the bridge's CPU",
  },
  { name: 'rx_bridge_queue_full', lane: 'rx', role: 'drop', reason: 'bridge on a thread of its own did not keep up' },
  {
    name: 'rx_backlog_dropped',
    lane: 'rx',
    role: 'drop',
    reason: "backlog of the bridge's CPU full (softnet_stat dropped)",
  },
  { name: 'backlog_packets', lane: 'backlog', role: 'in', meaning: "frames taken from the CPU's backlog" },
  { name: 'backlog_to_bridge', lane: 'backlog', role: 'out', meaning: 'frames of the backlog handed to the bridge' },
  { name: 'tx_cleaned', role: 'event', meaning: 'sent frames whose descriptors the driver took back' },
  {
    name: 'interrupts',
    role: 'event',
    meaning: 'hardware interrupts taken: each masks its device and schedules its NAPI instance',
  },
  { name: 'napi_polls', role: 'event', meaning: 'polls of a NAPI instance, NIC or backlog' },
  {
    name: 'napi_completions',
    role: 'event',
    meaning: 'polls that found less than the weight and left the poll list (napi_complete_done)',
  },
  {
    name: 'rx_no_buffer',
    role: 'event',
    meaning: 'receive descriptors that could not be refilled for want of a host buffer',
  },
  {
    name: 'masked_completions',
    role: 'event',
    meaning: 'polls that ended with the interrupt left masked, because a tap holds the port (feedback)',
  },
  {
    name: 'time_squeeze',
    role: 'event',
    meaning: 'net_rx_action passes that ended with work left, by budget or time (third column of softnet_stat)',
  },
  { name: 'ksoftirqd_wakeups', role: 'event', meaning: 'inline visits that handed what was left to ksoftirqd' },
  {
    name: 'ksoftirqd_guard_refusals',
    role: 'event',
    meaning: 'inline visits skipped while ksoftirqd was runnable (Linux 4.9 to 6.4)',
  },
  {
    name: 'interrupt_visits',
    role: 'event',
    meaning: 'visits of softirq work that ran on the exit of an interrupt or a tick, above every thread of the CPU',
  },
  {
    name: 'interrupt_packets',
    role: 'event',
    meaning:
      'frames that NAPI polls moved of softirq work that ran on the exit of an interrupt or a tick, above every thread of the CPU',
  },
  {
    name: 'interrupt_ns',
    role: 'event',
    meaning: 'time of softirq work that ran on the exit of an interrupt or a tick, above every thread of the CPU',
  },
  {
    name: 'bh_enable_visits',
    role: 'event',
    meaning: 'visits of softirq work that ran when vhost enabled bottom halves again, on its time',
  },
  {
    name: 'bh_enable_packets',
    role: 'event',
    meaning:
      'frames that NAPI polls moved of softirq work that ran when vhost enabled bottom halves again, on its time',
  },
  {
    name: 'bh_enable_ns',
    role: 'event',
    meaning: 'time of softirq work that ran when vhost enabled bottom halves again, on its time',
  },
  {
    name: 'ksoftirqd_visits',
    role: 'event',
    meaning: 'visits of softirq work that ran in ksoftirqd, one fair thread among others',
  },
  {
    name: 'ksoftirqd_packets',
    role: 'event',
    meaning: 'frames that NAPI polls moved of softirq work that ran in ksoftirqd, one fair thread among others',
  },
  {
    name: 'ksoftirqd_ns',
    role: 'event',
    meaning: 'time of softirq work that ran in ksoftirqd, one fair thread among others',
  },
] as const satisfies readonly CounterSpec[];

/** Its ports are numbered through, whatever they lead to. */
export const SOFTIRQ_PORTS = portsOf('softirq', {
  nic: port<SoftirqNicLink>({ rx: ({ rxDone }) => [rxDone] }),
  source: port<SoftirqBacklogLink>({ backlog: ({ from }) => [from] }),
});

/** What one context of softirq processing was used for: three counters, in this order. */
export interface ContextUse {
  readonly visits: number;
  readonly frames: number;
  readonly ns: number;
}

/** What the host's policy has counted: see src/runtime/softirq-policy.ts. */
export interface SoftirqContexts {
  readonly timeSqueeze: number;
  readonly handovers: number;
  readonly refusals: number;
  readonly use: Readonly<Record<'interrupt' | 'bh-enable' | 'ksoftirqd', ContextUse>>;
}

export interface SoftirqConfig {
  readonly name: string;
  readonly counters: Region;
  readonly slots: SlotMemoryRef;
  /** Receive buffers of this CPU's drivers. */
  readonly pool: PoolRef;
  /** Where the sources of the backlog announce themselves. */
  readonly backlogPending: Region;
  /** And how many frames lie in them. */
  readonly backlogLength: Region;
  /** Frames per NAPI poll (NAPI_POLL_WEIGHT, include/linux/netdevice.h). */
  readonly weight: number;
  readonly costs: { readonly nicRxNs: number; readonly backlogNs: number; readonly irqNs: number };
}

/** One receive queue of a NIC, whose interrupt goes to this CPU: a NAPI instance. */
export interface SoftirqNicLink extends BridgeInputRef {
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
  readonly from: RingRef;
}
