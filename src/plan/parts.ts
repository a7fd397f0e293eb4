/**
 * What the planners of one stage hand to those of the next. In the order they come to be: hosts, port hardware, domains
 * of bridges with what serves each vNIC, crossings and backlogs between CPUs, guests, and all of a host together.
 */
import type { TapFeedbackConfig } from '../../actors/host/tap.ts';
import type { NicRxQueueLink } from '../../actors/wire/nic/nic-links.ts';
import type { DriverRingRef, DriverTxRingRef } from '../e1000/driver/driver-rings.ts';
import type { Arena, Region } from '../memory/arena.ts';
import type { PoolRef, SlotMemoryRef } from '../memory/frame-pool.ts';
import type { RingRef } from '../memory/id-ring.ts';
import type { ModeBy } from '../scenario/modes.ts';
import type { BridgeSpec, HostSpec, PortSpec, VmSpec, VnicSpec } from '../scenario/scenario.ts';
import type { CpuSeat, DraftActor, DraftThread, PlanDraft } from './draft.ts';

/** One host of a run: its memory, and a softirq thread for each of its CPUs that take interrupts. */
export interface HostDraft {
  readonly spec: HostSpec;
  /** Frames and rings of this host; its NICs reach it by DMA, and nothing of another host does. */
  readonly arena: Arena;
  /** By CPU. */
  readonly softirqs: readonly DraftActor[];
  /** By CPU: where a thread is that runs on it. */
  readonly seats: readonly CpuSeat[];
  /** Where its threads are that are bound to no CPU. */
  readonly seat: CpuSeat;
}

/** One receive queue: its descriptor rings and vector, and the driver's frames on their way into the bridge. */
export interface RxQueueHardware extends Omit<NicRxQueueLink, 'level'> {
  /** Softirq CPU of its host that its vector interrupts. */
  readonly cpu: number;
  readonly toBridge: RingRef;
}

/** One port's rings as its driver and its bridge will be connected to them. */
export interface PortHardware {
  readonly spec: PortSpec;
  readonly nic: DraftActor;
  readonly rxQueues: readonly RxQueueHardware[];
  readonly tx: RingRef;
  readonly txDone: RingRef;
  /** Taps with feedback hold the port masked here. */
  readonly mask: Region;
  /** The thread that transmit rings are polled by, to wake it where it may sleep. */
  readonly nicDoorbell: Region;
  /** Whether a tap with feedback stands behind the port, which then interrupts by level. */
  readonly level: boolean;
}

/** A vNIC behind a tap. */
export type TapVnicSpec = VnicSpec & { readonly mode: ModeBy<'tap'> };

/** A vNIC with queues in a NIC port. */
export type HardwareVnicSpec = VnicSpec & { readonly mode: ModeBy<'nic'> };

/** What of the host serves a vNIC whose frames go past its bridge: workers above queues in the NIC, or a controller. */
export interface HardwareVnic {
  readonly vm: VmSpec;
  readonly nic: HardwareVnicSpec;
  /** By queue pair; one and the same where it only controls. */
  readonly vhosts: readonly DraftActor[];
}

/** What of the host kernel serves a vNIC behind a tap. */
export interface VnicKernel {
  readonly vm: VmSpec;
  readonly nic: TapVnicSpec;
  readonly tap: DraftActor;
  readonly bridgeToTap: RingRef;
  readonly pairs: readonly PairKernel[];
}

/** One queue pair of such a vNIC: who moves its frames, and one queue of the tap. */
export interface PairKernel {
  /** A vhost worker, or the device that the VMM serves. */
  readonly backend: DraftActor;
  /** Slots for what the guest sends. */
  readonly pool: PoolRef;
  /** Where its free slots lie while the VM is not there; null for one that never leaves. */
  readonly poolHome: RingRef | null;
  /** Softirq CPU of its host that the backend's frames are for. */
  readonly cpu: number;
  /** Guest to network: from the backend to that CPU's backlog. */
  readonly backlog: RingRef;
  readonly backlogToBridge: RingRef;
  /** The tap queue's hold on the NIC ports of its bridge; null without feedback. */
  readonly feedback: TapFeedbackConfig | null;
}

/** What one bridge connects, and the pools whose slots travel there. */
export interface BridgeDomain {
  readonly spec: BridgeSpec;
  readonly bridge: DraftActor;
  readonly clonePool: PoolRef;
  /** Where the inputs of its ports announce themselves. */
  readonly pending: Region;
  readonly ports: readonly PortHardware[];
  readonly vnics: readonly VnicKernel[];
  readonly hardwareVnics: readonly HardwareVnic[];
}

/** The way of frames that come in on one CPU to a bridge that another works on: through the backlog of that one. */
export interface Crossing {
  /** The CPU of the bridge. */
  readonly to: number;
  readonly ring: RingRef;
  /** The VM whose frames these are; null for a NIC's. */
  readonly vm: string | null;
  /** The bridge port's input, where the frames belong in the end. */
  readonly toBridge: RingRef;
  readonly bridge: DraftActor;
}

/** The backlog of one CPU, whose sources announce themselves. */
export interface Backlog {
  readonly pending: Region;
  readonly length: Region;
}

/** One queue pair of a guest as the host reaches it. */
export interface GuestPairPlan {
  /** Kick eventfds: receive, transmit. */
  readonly kicks: readonly Region[];
  readonly mailbox: Region;
  /** Serves the receive queue. */
  readonly receiver: DraftActor;
  /** Send by the transmit queue. */
  readonly senders: readonly DraftActor[];
}

/** What an e1000 and its driver share: rings and driver state in the guest's memory, a trap mailbox for each vCPU. */
export interface EmulatedNicPlan {
  readonly rx: DriverRingRef;
  readonly tx: DriverTxRingRef;
  readonly published: Region;
  readonly interrupt: Region;
  readonly traps: readonly Region[];
}

export interface GuestNicPlan {
  readonly pci: Region;
  readonly activePairs: Region;
  readonly pairs: readonly GuestPairPlan[];
  /** Of a vNIC that is an e1000, else null. */
  readonly emulated: EmulatedNicPlan | null;
}

export interface GuestPlan {
  readonly spec: VmSpec;
  readonly vmm: DraftActor;
  readonly vcpus: readonly DraftActor[];
  readonly memoryBytes: number;
  readonly nics: readonly GuestNicPlan[];
  /** vCPUs whose network function keeps time. */
  readonly sleepers: readonly Sleeper[];
}

/** Who has deadlines in a guest's time, and where it writes the next: a vCPU, or a device that spaces its interrupts. */
export interface Sleeper {
  readonly vm: VmSpec;
  readonly deadline: Region;
  readonly thread: DraftThread;
}

/** All parts of one host, laid out and with their slots reserved: what connecting them needs. */
export interface Parts {
  readonly draft: PlanDraft;
  readonly host: HostDraft;
  readonly slots: SlotMemoryRef;
  /** By CPU: the slots its drivers receive into. */
  readonly cpuPools: readonly PoolRef[];
  readonly domains: readonly BridgeDomain[];
  readonly crossings: readonly Crossing[];
  /** By CPU. */
  readonly backlogs: readonly Backlog[];
  readonly guests: readonly GuestPlan[];
}

/** The guest of a VM, and its side of one of its vNICs. */
export function guestNicOf(
  { guests }: Parts,
  { vm, nic }: { readonly vm: VmSpec; readonly nic: VnicSpec },
): { guest: GuestPlan; plan: GuestNicPlan } {
  const guest = guests.find(({ spec }) => spec === vm)!;
  return { guest, plan: guest.nics[vm.nics.indexOf(nic)] };
}
