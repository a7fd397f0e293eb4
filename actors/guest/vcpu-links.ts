/** What a vCPU counts, is made of, and is connected to: the vNICs of its guest, each by the driver of its device. */
import type { Region } from '../../src/memory/arena.ts';
import type { CounterSpec } from '../actor.ts';
import { port, portsOf } from '../component.ts';
import type { E1000NicLink } from './drivers/e1000.ts';
import type { VirtioNicLink } from './drivers/virtio-net.ts';
import type { NetworkFunctionConfig } from './network-functions/functions.ts';
import type { FunctionCounters } from './network-functions/network-function.ts';

export const VCPU_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames taken from receive queues' },
  { name: 'rx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  { name: 'tx_packets', lane: 'rx', role: 'out', meaning: 'frames put into transmit queues' },
  { name: 'tx_qdisc_dropped', lane: 'rx', role: 'drop', reason: 'guest transmit queue discipline full' },
  { name: 'rx_length_errors', lane: 'rx', role: 'drop', reason: 'device returned an impossible length' },
  {
    name: 'announcements',
    lane: 'rx',
    role: 'clone',
    meaning: 'gratuitous ARP frames, by which bridges learn where the guest is',
  },
  { name: 'rx_kicks', role: 'event', meaning: 'notifications that receive buffers were posted; each is a VM exit' },
  { name: 'tx_kicks', role: 'event', meaning: 'notifications that frames wait to be sent; each is a VM exit' },
  { name: 'tx_lock_contended', role: 'event', meaning: 'transmissions that met another vCPU at the queue lock' },
  { name: 'register_exits', role: 'event', meaning: 'register accesses that left the guest for the VMM' },
  { name: 'interrupts', role: 'event', meaning: 'interrupts that the driver took itself' },
  { name: 'nf_errors', lane: 'rx', role: 'drop', reason: 'network function answered with a port that is not there' },
  {
    name: 'nf_consumed',
    lane: 'rx',
    role: 'consume',
    meaning: 'frames that ended here as they should: the guest was their receiver',
  },
  { name: 'nf_frames', lane: 'rx', role: 'clone', meaning: 'frames that the network function sent of its own' },
  { name: 'removed', lane: 'rx', role: 'drop', reason: 'virtual machine removed with the frame inside' },
] as const satisfies readonly CounterSpec[];

/** The driver's counters, then one for each reason the network function drops for, then what else it counts. */
export function vcpuCounters({ drops, events = [] }: FunctionCounters): readonly CounterSpec[] {
  return [
    ...VCPU_COUNTERS,
    ...drops.map(({ name, reason }): CounterSpec => ({ name, lane: 'rx', role: 'drop', reason })),
    ...events.map(({ name, meaning }): CounterSpec => ({ name, role: 'event', meaning })),
  ];
}

/** vNICs in the order of the guest's configuration. */
export const VCPU_PORTS = portsOf('vcpu', { nic: port<GuestVcpuNicLink>() });

export interface GuestVcpuConfig {
  readonly name: string;
  readonly counters: Region;
  readonly guestMemory: string;
  /** The guest's free buffers, shared by its vCPUs. */
  readonly depot: Region;
  /** The longest frame a buffer holds behind its header, without FCS. */
  readonly frameBytesMax: number;
  /** Where it tells its timer when to wake it. */
  readonly timer: Region;
  /** The function that its guest runs. */
  readonly nf: NetworkFunctionConfig;
  readonly costs: {
    readonly guestRxNs: number;
    /** What the network function stands for, each frame. */
    readonly functionNs: number;
    readonly guestTxNs: number;
    readonly irqNs: number;
    readonly hltNs: number;
  };
}

/** A vNIC, with what the driver of its device needs. */
export type GuestVcpuNicLink = VirtioNicLink | E1000NicLink;

/** Whether the vCPU takes frames from the vNIC. */
export function receives(link: GuestVcpuNicLink): boolean {
  return link.kind === 'virtio' ? link.share.receives : link.owner;
}
