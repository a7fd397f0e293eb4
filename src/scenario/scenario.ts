/**
 * A scenario with nothing left open: every default filled in, every name resolved, units in the names. Plain frozen
 * data, safe to print as JSON. Rates stay as they were asked for; stream-rates.ts makes them frames/s.
 */
import type { CostTableNs } from './profiles/cost-profiles.ts';
import type { KernelName } from './profiles/kernel-profiles.ts';
import type { Rate } from './text/quantities.ts';
import type { NfSpec } from './functions.ts';
import type { StreamProtocol } from '../net/choices.ts';
import type { VnicMode } from './modes.ts';
import type { ReplaySplit } from '../net/choices.ts';
import type {
  AccelerationProviderName,
  DropPlace,
  Metric,
  Relation,
  ScalingMetric,
  SweepMetric,
  SweptThread,
  PlacementKind,
  VnicFeature,
} from './words.ts';

export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  readonly virtual: VirtualSpec;
  /** One at least; every port, bridge and VM is on one of them. */
  readonly hosts: readonly HostSpec[];
  readonly ports: readonly PortSpec[];
  readonly bridges: readonly BridgeSpec[];
  readonly vms: readonly VmSpec[];
  readonly traffic: TrafficSpec;
  readonly placement: PlacementSpec;
  readonly run: RunSpec;
  readonly expect: readonly Expectation[];
  readonly sweep: SweepSpec;
}

/** How the virtual host polls hardware, which takes no CPU there. */
export interface VirtualSpec {
  readonly hardwarePollNs: number;
  readonly hardwareIdlePollNs: number;
}

export interface HostSpec {
  readonly name: string;
  /** CPUs that take interrupts and run softirqs. */
  readonly softirqCpus: number;
  readonly kernel: KernelName;
  readonly hz: number;
  readonly threadedNapi: boolean;
  readonly tunReceive: 'backlog' | 'direct';
  readonly softirq: {
    readonly weight: number;
    readonly budget: number;
    readonly budgetTimeNs: number;
    readonly maxRestart: number;
    readonly maxTimeNs: number;
    readonly repollList: boolean;
    readonly ksoftirqdGuard: boolean;
    readonly backlogFrames: number;
  };
  readonly scheduler: {
    readonly sliceNs: number;
    readonly wakeupGranularityNs: number;
    readonly wakeupCreditNs: number;
    readonly switchNs: number;
    readonly wakeLocalNs: number;
    readonly wakeRemoteNs: number;
  };
  /** `inherit` names the profile the table began as; `table` is what is charged. */
  readonly costs: { readonly inherit: string; readonly table: CostTableNs };
  /** Slots for reception of each softirq CPU. */
  readonly poolFrames: number;
}

export interface PortSpec {
  readonly name: string;
  readonly host: string;
  /** Softirq CPU of its host that takes its interrupt. */
  readonly cpu: number;
  readonly speedBps: number;
  /** Bytes of network-layer data in a frame, at most. */
  readonly mtuBytes: number;
  readonly rxRing: number;
  readonly txRing: number;
  /** Receive rings, each with an interrupt of its own; the NIC distributes flows over them. */
  readonly rxQueues: number;
  /** Most interrupts a second. */
  readonly interruptRate: number | 'unlimited';
  /** Port at the other end of the wire; null where a generator and a sink are there. */
  readonly peer: string | null;
  /** Station on the far end of the wire: source of what the generator sends, next hop towards the sink. */
  readonly mac: string;
  /** Prefix whose hosts the stations on the wire stand for, such as `198.18.0.0/24`. */
  readonly network: string;
}

export interface BridgeSpec {
  readonly name: string;
  readonly host: string;
  /** Softirq CPU that it and its taps are worked on: that of its first port. */
  readonly cpu: number;
  /** Names of ports. */
  readonly ports: readonly string[];
  /** Names of taps. */
  readonly taps: readonly string[];
  readonly ageingNs: number;
}

export interface VmSpec {
  readonly name: string;
  readonly host: string;
  /** Whether it is there when the run begins. */
  readonly present: boolean;
  /** Longest that load balancers' connections to it are waited for when it is to leave. */
  readonly drainNs: number;
  readonly vcpus: number;
  readonly memoryBytes: number | 'auto';
  readonly nics: readonly VnicSpec[];
  readonly nf: NfSpec;
}

export interface VnicSpec {
  readonly name: string;
  readonly mode: VnicMode;
  readonly mac: string;
  /** VLAN in the NIC, 1..4094; VLAN_NONE for frames without a tag. */
  readonly vlan: number;
  /** Address with prefix length. */
  readonly ip: string;
  /** Index of the vCPU that serves it. */
  readonly vcpu: number;
  readonly queueSize: number;
  /** Frames that wait in the guest for each transmit queue, at most. */
  readonly txQueueFrames: number;
  /** Of the vNIC and its tap. */
  readonly mtuBytes: number;
  /** Queue pairs; the first is served by vCPU `vcpu`, each other by the next one. */
  readonly queues: number;
  /** Bridge that its tap is a port of; also tells vNICs past the tap their NIC port. */
  readonly bridge: string;
  /** `queueFrames` is the limit of each of its queues, of which there are `queues`. */
  readonly tap: { readonly name: string; readonly queueFrames: number };
  readonly vhost: {
    /** Softirq CPU that it runs on, and whose backlog takes what it sends. */
    readonly cpu: number;
    readonly byteWeight: number;
    readonly packetWeight: number | 'none';
    readonly batch: number;
    readonly busyLoopNs: number;
  };
  /** Frames of one callback of the main loop, where the VMM serves it. */
  readonly qemu: { readonly rxBurst: number | 'none'; readonly txBurst: number };
  /** Marks in frames of the tap queue. */
  readonly feedback: { readonly highMark: number; readonly lowMark: number; readonly timeoutNs: number | 'none' };
  readonly acceleration: {
    readonly provider: AccelerationProviderName;
    /** Buffers left in hardware at which depletion begins and ends. */
    readonly depletionEntry: number;
    readonly depletionExit: number;
  };
  readonly features: readonly VnicFeature[];
}

export interface TrafficSpec {
  readonly rate: Rate;
  readonly pattern: 'constant' | 'poisson';
  /** Frames sent back to back. */
  readonly burst: number;
  /** Absolute path of a capture, or `none`. */
  readonly pcap: string;
  /** How it is replayed. */
  readonly replay: ReplaySpec;
  readonly streams: readonly StreamSpec[];
  /** One for each port that has clients in the place of generator and sink. */
  readonly connections: readonly ConnectionsSpec[];
}

export interface ReplaySpec {
  /** How much of the capture is read: its first frames, and those of its first nanoseconds. */
  readonly frames: number | 'all';
  readonly timeNs: number | 'all';
  /** A longer pause in the capture's own times is cut to this. */
  readonly longestPauseNs: number;
  /** By what the directions of the capture are told apart, one for the streams of each port; none: all replay all. */
  readonly split: ReplaySplit;
  /** Prefix of the addresses that are clients, for that split; or none. */
  readonly clients: string;
}

export interface StreamSpec {
  readonly name: string;
  /** Port whose generator sends. */
  readonly from: string;
  /** Port whose sink receives. */
  readonly to: string;
  /** vNIC the frames are addressed to. */
  readonly via: string;
  /** VLAN its frames are sent in, that of the vNIC; VLAN_NONE for frames without a tag. */
  readonly vlan: number;
  /** Address and port they are sent to; auto is the station on the wire of port `to`. */
  readonly destination: string;
  /** Its own rate in every phase, or its part of what the phase offers. */
  readonly rate: Rate | 'shared';
  /** Sizes with FCS, without tag, sent in turn, round and round; of a replayed capture the mean alone, which need not be whole. */
  readonly frameBytes: readonly number[];
  /** What generated frames are. */
  readonly protocol: StreamProtocol;
  readonly flows: number;
  readonly ttl: number;
  /** Frames/s of what it replays, by the capture's own times; null where there is none, or it has no times. */
  readonly capturedFps: number | null;
}

export interface PlacementSpec {
  readonly cores: 'auto' | { readonly hardware: readonly number[]; readonly host: readonly number[] };
  /** In the order of the file; threadSettings in thread-names.ts says what holds for one thread. */
  readonly threads: readonly ThreadSpec[];
}

export interface ThreadSpec {
  /** A kind of thread, or the name of one. */
  readonly match: PlacementKind | (string & {});
  readonly own: boolean;
  readonly core: number | null;
  readonly policy: 'other' | 'batch' | 'idle' | 'fifo' | null;
  readonly nice: number | null;
}

export interface RunSpec {
  readonly warmupNs: number;
  readonly settleNs: number;
  readonly sampleIntervalNs: number;
  readonly phases: readonly PhaseSpec[];
  /** In the order of their time. */
  readonly timeline: readonly TimelineSpec[];
  readonly autoscale: readonly AutoscaleSpec[];
}

/** An order to a VM, at a time after the first phase has begun. */
export interface TimelineSpec {
  readonly atNs: number;
  readonly order: ProvisioningOrder;
  readonly vm: string;
}

export type ProvisioningOrder = 'add' | 'remove';

/** Adds a VM while a measurement is above one value for a while, and removes it while it is below another. */
export interface AutoscaleSpec {
  readonly vm: string;
  readonly metric: ScalingMetric;
  readonly stream: string | null;
  readonly place: DropPlace | null;
  readonly thread: string | null;
  /** In the unit of the metric: frames/s, connections/s, or a ratio. */
  readonly above: number;
  readonly below: number;
  readonly forNs: number;
  /** Least time between two orders. */
  readonly cooldownNs: number;
}

export interface PhaseSpec {
  readonly name: string;
  readonly rate: Rate;
  /** Connections/s of every client; null where each has its own. */
  readonly connectionsPerSecond: number | null;
  readonly durationNs: number;
  /** VMs whose vCPUs do not run meanwhile. */
  readonly stoppedVms: readonly string[];
  /** Endpoints of backends that take no new connections meanwhile. */
  readonly drainedBackends: readonly string[];
}

/** What the TCP clients on one port do. Message sizes and TLS are those of the server. */
export interface ConnectionsSpec {
  readonly name: string;
  readonly port: string;
  /** vNIC of the server. */
  readonly to: string;
  /** Connections/s, where a phase does not say. */
  readonly perSecond: number;
  /** Open at once, at most. */
  readonly max: number;
  readonly timeoutNs: number;
}

/** One number of a finished run. `stream` null stands for all streams together. */
export interface Measurement {
  readonly metric: Metric;
  readonly phase: string;
  readonly stream: string | null;
  readonly place: DropPlace | null;
  readonly thread: string | null;
  /** `component:counter`. */
  readonly counter: string | null;
}

export interface Expectation {
  readonly left: Measurement;
  readonly relation: Relation;
  /** A value is in the unit of the metric: frames/s, ratio (1 is 100 %), ns or a count. */
  readonly right:
    | { readonly kind: 'value'; readonly value: number }
    | { readonly kind: 'measurement'; readonly measurement: Measurement; readonly times: number };
  readonly why: string;
}

/** A place on the curve of a variant. */
export type SweepAt =
  | { readonly kind: 'peak' | 'floor' }
  | { readonly kind: 'multiple'; readonly multiple: number }
  | { readonly kind: 'rate'; readonly perSecond: number };

/** One number of a finished sweep. `at` is null for what the whole curve has. */
export interface SweepMeasurement {
  readonly metric: SweepMetric;
  readonly variant: string;
  readonly at: SweepAt | null;
  readonly place: DropPlace | null;
  readonly threads: SweptThread | null;
}

export interface SweepExpectation {
  readonly left: SweepMeasurement;
  readonly relation: Relation;
  /** A value is in the unit of the metric: per second, ratio (1 is 100 %), or ns. */
  readonly right:
    | { readonly kind: 'value'; readonly value: number }
    | { readonly kind: 'measurement'; readonly measurement: SweepMeasurement; readonly times: number };
  readonly why: string;
}

export interface SweepSpec {
  readonly modes: readonly VnicMode[];
  /** `dotted.path=value` each. */
  readonly variants: readonly { readonly name: string; readonly overrides: readonly string[] }[];
  readonly expect: readonly SweepExpectation[];
}
