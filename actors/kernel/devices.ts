/**
 * Devices of this machine's own kernel that stand in a run's path: ports, bridges, taps. Nothing here moves their frames;
 * the kernel does, in softirq. Their counter pages are filled by the host out of the kernel's own accounts.
 */
import type { Region } from '../../src/memory/arena.ts';
import type { Actor, Census, CounterSpec, Joint, Socket } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, NOT_IN_VIRTUAL_TIME } from '../component.ts';

/** A veth pair: the inner end is the port, the outer end the wire. */
export const KERNEL_PORT_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that the generator gave to the socket' },
  { name: 'rx_to_bridge', lane: 'rx', role: 'out', meaning: 'frames that the backlog took' },
  { name: 'rx_backlog_dropped', lane: 'rx', role: 'drop', reason: 'per-CPU backlog full (netdev_max_backlog)' },
  { name: 'rx_device_dropped', lane: 'rx', role: 'drop', reason: 'the port took no frame: its own receive ring full' },
  { name: 'rx_refused', lane: 'rx', role: 'drop', reason: 'the kernel refused the frame' },
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames that the bridge handed over' },
  { name: 'tx_to_wire', lane: 'tx', role: 'out', meaning: 'frames that the socket at the far end gave to the sink' },
  { name: 'tx_backlog_dropped', lane: 'tx', role: 'drop', reason: "backlog of the wire's CPU full" },
  { name: 'tx_device_dropped', lane: 'tx', role: 'drop', reason: "the wire's end took no frame of the port" },
  { name: 'tx_socket_dropped', lane: 'tx', role: 'drop', reason: "receive buffer of the sink's socket full" },
] as const satisfies readonly CounterSpec[];

/** The counter of frames that went into the kernel and that nothing in it has counted since. */
export const UNEXPLAINED = 'unexplained';

/** What went in and out of a bridge's devices: the kernel keeps no account of what a bridge itself drops or copies. */
export const KERNEL_BRIDGE_COUNTERS = [
  { name: 'rx_packets', lane: 'forward', role: 'in', meaning: 'frames of its ports and taps' },
  { name: 'tx_packets', lane: 'forward', role: 'out', meaning: 'frames for its ports and taps' },
  { name: UNEXPLAINED, lane: 'forward', role: 'drop', reason: 'frames that no device behind the bridge has counted' },
  { name: 'copies', lane: 'forward', role: 'clone', meaning: 'frames that came out more often than in: flooding' },
] as const satisfies readonly CounterSpec[];

export const KERNEL_TAP_COUNTERS = [
  { name: 'tx_packets', lane: 'xmit', role: 'in', meaning: 'frames that the bridge handed over' },
  { name: 'tx_read', lane: 'xmit', role: 'out', meaning: 'frames that were read' },
  { name: 'tx_dropped', lane: 'xmit', role: 'drop', reason: 'tap queue full' },
  { name: 'rx_packets', lane: 'receive', role: 'in', meaning: 'frames that were written' },
  { name: 'rx_to_bridge', lane: 'receive', role: 'out', meaning: 'frames that entered the stack' },
  { name: 'rx_dropped', lane: 'receive', role: 'drop', reason: 'the tap refused a frame of the guest' },
] as const satisfies readonly CounterSpec[];

/**
 * The far end of a port's wire in a namespace where programs are: a tap, or the outer end of the port's veth pair. The
 * kernel counts there what they send; where the port is a veth pair as well, what its backlog has dropped counts there.
 */
export const KERNEL_END_COUNTERS = [
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames that programs sent' },
  { name: 'tx_to_wire', lane: 'tx', role: 'out', meaning: 'those that went on the wire' },
  { name: 'tx_dropped', lane: 'tx', role: 'drop', reason: "queue of the end's device full" },
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that came by the wire' },
  { name: 'rx_to_programs', lane: 'rx', role: 'out', meaning: 'those that the stack of the namespace was given' },
  { name: 'rx_refused', lane: 'rx', role: 'drop', reason: "the end's device refused the frame" },
  { name: 'tx_bytes', role: 'event', meaning: 'bytes of the frames that went on the wire, without FCS' },
  { name: 'rx_bytes', role: 'event', meaning: 'bytes of the frames that programs were given, without FCS' },
] as const satisfies readonly CounterSpec[];

export const PORT_COUNTER = indexCounters(KERNEL_PORT_COUNTERS);
export const BRIDGE_COUNTER = indexCounters(KERNEL_BRIDGE_COUNTERS);
export const TAP_COUNTER = indexCounters(KERNEL_TAP_COUNTERS);
export const END_COUNTER = indexCounters(KERNEL_END_COUNTERS);

export interface KernelDeviceConfig {
  readonly name: string;
  /** Filled by the host. */
  readonly counters: Region;
}

export class KernelDevice implements Actor {
  readonly name: string;
  debtNs = 0;

  constructor(config: KernelDeviceConfig) {
    this.name = config.name;
  }

  poll(_budget: number, _nowNs: number): number {
    return 0;
  }

  arm(): boolean {
    return true;
  }

  attach(_joint: Joint): void {}
  detach(_socket: Socket): void {}
  commit(): void {}
  census(_out: Census): void {}
}

const COMMON = { thread: 'hardware', ports: {}, measuredCost: NOT_IN_VIRTUAL_TIME } as const;
const create = (_memory: unknown, config: KernelDeviceConfig): KernelDevice => new KernelDevice(config);

export const KERNEL_PORT = component({
  ...COMMON,
  kind: 'kernel-port',
  place: 'nic',
  drawn: { label: 'NIC ring', colour: 'sky' },
  lanes: { rx: 1, tx: 9 },
  counters: KERNEL_PORT_COUNTERS,
  create,
});

export const KERNEL_BRIDGE = component({
  ...COMMON,
  kind: 'kernel-bridge',
  place: 'bridge',
  drawn: { label: 'bridge', colour: 'grey' },
  lanes: { forward: 3 },
  counters: KERNEL_BRIDGE_COUNTERS,
  create,
});

export const KERNEL_TAP = component({
  ...COMMON,
  kind: 'kernel-tap',
  place: 'tap',
  drawn: { label: 'tap', colour: 'vermillion' },
  lanes: { xmit: 4, receive: 8 },
  counters: KERNEL_TAP_COUNTERS,
  create,
});

export const KERNEL_END = component({
  ...COMMON,
  kind: 'kernel-end',
  place: 'end',
  drawn: { label: 'end', colour: 'light grey' },
  lanes: { tx: 0, rx: 10 },
  counters: KERNEL_END_COUNTERS,
  create,
});
