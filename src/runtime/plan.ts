/**
 * A run laid out in full before anything starts: which memory there is, what lies where, which threads there are, which
 * actors each runs and what each actor's ports are connected to. Plain data, so that it can cross to worker threads and
 * be printed. Built from a scenario by src/plan; executed by either host.
 */
import type { CounterSpec, Joint, Socket } from '../../actors/actor.ts';
import type { Port } from '../../actors/component.ts';
import type { ActorSpec } from '../../actors/registry.ts';
import type { Region } from '../memory/arena.ts';
import type { PoolHome, PoolRef, SlotMemoryRef } from '../memory/frame-pool.ts';
import type { RingRef } from '../memory/id-ring.ts';
import type { WireRef } from '../memory/wire-ring.ts';
import type { ThreadKind, ThreadNeed } from './os/core-plan.ts';
import type { ThreadPolicy } from './os/os-threads.ts';
import type { SchedulerLimits } from './scheduler-limits.ts';
import type { SoftirqLimits } from './softirq-policy.ts';

/** One connection of an actor. */
export interface Attachment extends Joint {
  /** The VM whose coming and going this connection follows, on a thread that is not the VM's own. */
  readonly vm?: string;
}

export interface ActorPlan {
  readonly spec: ActorSpec;
  readonly name: string;
  /** Names, in the order of the actor's counter page; empty for actors that count nothing. */
  readonly counters: readonly CounterSpec[];
  readonly counterRegion: Region | null;
  readonly attachments: readonly Attachment[];
  /** The number by which its input announces frames to its thread; null for one that is polled in every round. */
  readonly announced: number | null;
}

/** What makes a thread a softirq CPU. */
export interface SoftirqThreadPlan {
  readonly limits: SoftirqLimits;
  /** How long a thread of its CPU may run while another waits. */
  readonly sliceNs: number;
  /** Threaded NAPI: an ordinary thread polls, and no policy applies. */
  readonly threaded: boolean;
}

/** The timer interrupts that a hardware thread carries. */
export interface TickPlan {
  readonly tickNs: number;
  /** Softirq lines of the CPUs it ticks for. */
  readonly lines: readonly Region[];
}

export interface ThreadPlan {
  readonly name: string;
  readonly kind: ThreadKind;
  /** The VM it belongs to, for vCPUs and VMMs. */
  readonly vm: string | null;
  readonly actors: readonly ActorPlan[];
  /** Names of the buffers this thread is given; it can reach no other. */
  readonly buffers: readonly string[];
  /** For a softirq thread, its softirq line. */
  readonly doorbell: Region;
  /** Where the inputs of its actors announce themselves; null where none does. */
  readonly pending: Region | null;
  readonly softirq: SoftirqThreadPlan | null;
  /** One for each host whose CPUs it ticks for. */
  readonly ticks: readonly TickPlan[];
  /** The control word: see thread-control.ts. */
  readonly control: Region;
  /** Which of several modelled hosts it belongs to; null where there is one, and for the hardware of all. */
  readonly host: string | null;
  /** Its CPU among those of the modelled hosts, and the CPUs of its host; null and none where placement is free. */
  readonly cpu: number | null;
  readonly cpus: readonly number[];
  /** What the scenario insists on. */
  readonly core: number | null;
  readonly policy: ThreadPolicy | null;
}

/** A ring as the ledger and the screen see it. */
export interface RingPlan {
  /** `tap0.queue`, `eth0.tx`: the actor it stands before, and which of its inputs. */
  readonly name: string;
  readonly ring: RingRef;
  /** Slots with frames in them, or empty buffers on their way home or to a device. */
  readonly carries: 'frames' | 'buffers';
  /** Most ids it is allowed to hold, for display. */
  readonly limit: number;
}

export interface WirePlan {
  readonly name: string;
  readonly wire: WireRef;
}

/** What a guest's buffers are, for stock-taking. */
export interface GuestBuffersPlan {
  readonly vm: string;
  readonly depot: Region;
  /** Guest address of each buffer. */
  readonly addresses: readonly number[];
}

/** One stream, for control and reports. */
export interface StreamPlan {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Names of the actors at its two ends, and its number among the generator's streams. */
  readonly generator: string;
  readonly index: number;
  readonly sink: string;
  /** What its frames took, at the sink. */
  readonly latency: Region;
}

/** The far end of a port's wire in a namespace where real programs are. */
export interface EndPlan {
  readonly name: string;
  /** Its device has the port's name. */
  readonly port: string;
  readonly mac: string;
  readonly mtuBytes: number;
  /** With prefix length. */
  readonly address: string;
  readonly gateway: string;
  readonly neighbours: readonly { readonly address: string; readonly mac: string }[];
  /** Whom to send to, and the end that is there, if one is. */
  readonly target: { readonly address: string; readonly port: string | null } | null;
  /** Filled by the host. */
  readonly counters: Region;
  /** The tap that is its device, and what is counted of it; null where the device is the outer end of a veth pair. */
  readonly tap: { readonly descriptor: string; readonly counters: Region } | null;
}

/** One generator's controls and measurements, and one sink's, by port. */
export interface PortPlan {
  readonly name: string;
  readonly generator: string;
  readonly throttle: Region;
  readonly lateness: Region;
  readonly sink: string;
}

/** One client's controls and measurements. */
export interface ClientPlan {
  /** What the scenario calls its connections. */
  readonly name: string;
  readonly client: string;
  readonly throttle: Region;
  readonly lateness: Region;
  readonly latency: Region;
}

/** One modelled host. */
export interface HostPlan {
  /** As its threads name it: null where there is one. */
  readonly name: string | null;
  readonly scheduler: SchedulerLimits;
}

/** How the virtual host polls hardware. */
export interface HardwarePolls {
  /** Mean time until a hardware thread is polled again after it moved frames, or the cost of the poll if that is longer. */
  readonly hardwarePollNs: number;
  /** And after it moved none. Hardware that polls rarely is late by as much. */
  readonly hardwareIdlePollNs: number;
}

export interface Plan {
  readonly polls: HardwarePolls;
  readonly hosts: readonly HostPlan[];
  readonly buffers: readonly { readonly name: string; readonly bytes: number }[];
  readonly threads: readonly ThreadPlan[];
  readonly rings: readonly RingPlan[];
  readonly wires: readonly WirePlan[];
  readonly pools: readonly PoolRef[];
  /** One for each host. */
  readonly slotMemories: readonly SlotMemoryRef[];
  /** Pools of actors that come and go with their VM. */
  readonly homes: readonly PoolHome[];
  /** VMs that are not there when the run begins: their threads do not run, and nothing is connected to them. */
  readonly absent: readonly string[];
  readonly guests: readonly GuestBuffersPlan[];
  /** Ports with generator and sink; those of clients are not among them. */
  readonly ports: readonly PortPlan[];
  readonly clients: readonly ClientPlan[];
  readonly streams: readonly StreamPlan[];
  /** Where real programs take the place of generators, clients and sinks; none in a run with traffic of its own. */
  readonly ends: readonly EndPlan[];
  /** A word in `signals` by which the distance of two cores is measured: see core-distance.ts. */
  readonly bounce: Region;
}

/** Buffers that a thread may see while all but the absent VMs are there: a window on a VM's memory closes with it. */
export function buffersSeen({ vm, buffers }: ThreadPlan, absent: (vm: string) => boolean): string[] {
  return buffers.filter((name) => {
    const owner = /^guest:(.*)$/.exec(name)?.[1];
    return owner === undefined || owner === vm || !absent(owner);
  });
}

/** The window that a link opens on a VM's memory, if it does. */
export function windowOf(link: object): string | null {
  return 'guestMemory' in link && typeof link.guestMemory === 'string' ? link.guestMemory : null;
}

/** What an actor has in one kind of port; nothing for an actor of another kind. */
export function jointsAt<Name extends string, Link extends object>(
  { spec, attachments }: Pick<ActorPlan, 'spec' | 'attachments'>,
  port: Port<Name, Link>,
): Joint<Name, Link>[] {
  // The one place that believes what the compiler checked where the plan was made: see `connect`, src/plan/draft.ts.
  return spec.kind === port.component
    ? (attachments.filter((each) => each.port === port.name) as unknown[] as Joint<Name, Link>[])
    : [];
}

/** The window on a VM's memory that what stands in a socket opens. */
export function windowIn({ attachments }: Pick<ActorPlan, 'attachments'>, { port, index }: Socket): string | null {
  const there = attachments.find((each) => each.port === port && each.index === index);
  return there === undefined ? null : windowOf(there.link);
}

/** The thread that runs an actor. */
export function threadOf(plan: Plan, actor: string): ThreadPlan {
  const thread = plan.threads.find(({ actors }) => actors.some(({ name }) => name === actor));
  if (thread === undefined) throw new Error(`no actor "${actor}" in this run`);
  return thread;
}

/** What a thread asks of placement. */
export function needOf({ name, kind, vm, cpu, cpus, core }: ThreadPlan): ThreadNeed {
  return {
    name,
    kind,
    ...(vm === null ? {} : { vm }),
    ...(cpu === null ? {} : { cpu }),
    ...(cpus.length === 0 ? {} : { cpus }),
    ...(core === null ? {} : { core }),
  };
}
