/**
 * The document a run leaves behind: plain data, written by `--json` and enough to print the summary, judge expectations
 * and compare runs later. Times in ns, rates in frames/s, ratios from 0 to 1, null for what is not defined or not
 * known.
 */
import type { CaptureResult } from './capture-result.ts';
import type { CounterTable } from '../../metrics/derive/counters.ts';
import type { EndPlace, HostKind } from '../../runtime/host.ts';
import type { ConnectionRow } from '../../metrics/text/connection-rows.ts';
import type { DropPlace } from '../../../actors/registry.ts';
import type { LatencySummary } from '../../metrics/derive/latency.ts';
import type { IntervalRecord } from '../../metrics/derive/interval-record.ts';
import type { ProvisioningEvent, VnicFeatures } from '../../metrics/derive/live-run.ts';
import type { ThreadRow } from '../../metrics/derive/thread-shares.ts';
import type { Throttling } from '../../runtime/os/cgroup.ts';
import type { CoreDistance } from '../../runtime/os/core-distance.ts';
import type { ThreadKind } from '../../runtime/os/core-plan.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { ResultHead } from '../result/result-head.ts';

/** Frames that ended at one place for one reason. */
export interface DropCount {
  readonly place: DropPlace;
  readonly actor: string;
  readonly counter: string;
  readonly reason: string;
  readonly frames: number;
}

export interface StreamResult {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** What the phase's rate comes to for this stream. */
  readonly requestedFps: number;
  readonly offeredFrames: number;
  readonly sentFrames: number;
  /** Frames that arrived intact and for the first time, whenever they were sent. */
  readonly deliveredFrames: number;
  /** Zero where nothing was dropped in the phase; otherwise the share of sent frames that did not arrive. */
  readonly lossRatio: number | null;
}

/** What one port's TCP clients did in a phase: counts of connections by what became of them in it. */
export interface ConnectionResult extends Omit<ConnectionRow, 'client'> {
  /** Connections/s asked for. */
  readonly requestedPerSecond: number;
  /** How late connections were started. */
  readonly latenessP999Ns: number | null;
}

/** What real programs at one end of a wire did in a phase; bytes without FCS. */
export interface EndResult {
  readonly port: string;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
}

export interface TotalResult {
  readonly offeredFrames: number;
  readonly sentFrames: number;
  readonly deliveredFrames: number;
  /** Frames that ended in the phase: on the way, and on a wire where they were for nobody. */
  readonly droppedFrames: number;
  readonly foreignFrames: number;
  /** Copies that bridges made by flooding: they end there too, and nobody lacks them. */
  readonly floodedFrames: number;
  /** Frames sent in the phase, of those that ended in it: no copies, and none of before. Never more than were sent. */
  readonly lostFrames: number;
  /** Those as a share of the frames sent. */
  readonly lossRatio: number | null;
}

/** Everything of one stream that arrived. `hdr` is HdrHistogram V2, base64, in ns. */
export interface LatencyResult {
  readonly stream: string;
  readonly summary: LatencySummary | null;
  readonly hdr: string | null;
}

/** How late a generator was, frame by frame, against when it may be. */
export interface LatenessResult {
  readonly generator: string;
  readonly p50Ns: number | null;
  readonly p999Ns: number | null;
  /** What its frames meet and fill first: a ring of the port, or the pool or queue of a vNIC that the card serves. */
  readonly meets: string;
  /** Time in which that fills at the rate asked for when nobody empties it; null at rate zero. */
  readonly limitNs: number | null;
  /** Share of its frames that were later than that; null when there is no such limit, or none was sent. */
  readonly lateRatio: number | null;
  /** Times it did not have its core for longer than a round, and frames sent late after that (see generator.ts). */
  readonly absences: number;
  readonly caughtUpFrames: number;
}

/** Who used a core of the run during a phase. */
export interface CoreResult {
  readonly core: number;
  /** Shares of the phase: taken by other processes and interrupts; by other machines, through the hypervisor. */
  readonly foreignRatio: number;
  readonly stealRatio: number;
  /** What going idle and coming back took, and is held to be nobody's. */
  readonly excusedRatio: number;
}

export interface PhaseResult {
  readonly name: string;
  /** As the scenario writes it. */
  readonly rate: string;
  /** The run's clock at the first of its two snapshots. */
  readonly beganAtNs: number;
  /** What was asked, null in JSON for one that lasts until somebody ends it, and what passed between its two snapshots. */
  readonly durationNs: number;
  readonly elapsedNs: number;
  /** False when the run was interrupted in this phase. */
  readonly complete: boolean;
  readonly streams: readonly StreamResult[];
  readonly connections: readonly ConnectionResult[];
  readonly ends: readonly EndResult[];
  readonly total: TotalResult;
  readonly drops: readonly DropCount[];
  readonly latency: readonly LatencyResult[];
  /** Of all streams together. */
  readonly latencyAll: LatencySummary | null;
  readonly lateness: readonly LatenessResult[];
  readonly threads: readonly ThreadRow[];
  /** Null on the virtual host, which uses no core of its own. */
  readonly cores: readonly CoreResult[] | null;
  /** What the quota of the process's cgroup did meanwhile; null on the virtual host, and where nothing counts it. */
  readonly throttling: Throttling | null;
  readonly counters: CounterTable;
}

/** Frames and buffers at rest, counted one by one. */
export interface Ledger {
  readonly balanced: boolean;
  readonly sentFrames: number;
  /** Copies made by flooding, and frames that guests sent of their own. */
  readonly copiedFrames: number;
  readonly receivedFrames: number;
  /** Taken by guests they were meant for. */
  readonly consumedFrames: number;
  /** Those that no counter of this machine's kernel explains included. */
  readonly droppedFrames: number;
  readonly unexplainedFrames: number;
  readonly inFlightFrames: number;
  /** Where frames in flight were found: rings and wires by name, and what actors hold. */
  readonly inFlight: readonly { readonly where: string; readonly frames: number }[];
  /** Host slots, and buffers of each guest: how many there are and how many were found exactly once. */
  readonly slots: { readonly total: number; readonly foundOnce: number };
  readonly guestBuffers: readonly { readonly vm: string; readonly total: number; readonly foundOnce: number }[];
  /** What does not balance, a sentence each; empty when everything does. */
  readonly faults: readonly string[];
}

/** A virtqueue that its device left alone, because the guest had put something impossible into it. */
export interface VirtqueueFault {
  /** Who served it. */
  readonly actor: string;
  /** Which one, the error by name, and what it means. */
  readonly text: string;
}

/** What the network function of one vCPU has to say, in lines. */
export interface FunctionReport {
  readonly actor: string;
  readonly lines: readonly string[];
}

export interface Validity {
  /** `not judged`: the run has fewer cores than it needs, so its rates say nothing about the scenario. */
  readonly status: 'valid' | 'invalid' | 'not judged';
  readonly reasons: readonly string[];
  /** What the figures leave out, valid or not. */
  readonly notes: readonly string[];
}

export interface ExpectationResult {
  /** The relation with both values in it. */
  readonly text: string;
  readonly why: string;
  /** Null when a phase was cut short, or the run's rates are not judged; false too for what has no value. */
  readonly passed: boolean | null;
  readonly left: number | null;
  readonly right: number | null;
}

/** What arrived at the sinks that should not have, over the whole run. */
export interface IntegrityResult {
  readonly foreignFrames: number;
  readonly corruptFrames: number;
  readonly duplicateFrames: number;
  readonly reorderedFrames: number;
}

export interface RunResult extends ResultHead {
  readonly kind: 'run';
  /** As it was resolved: every key has a value. */
  readonly scenario: Scenario;
  readonly scenarioHash: string;
  readonly seed: number;
  readonly host: {
    readonly kind: HostKind;
    readonly header: readonly string[];
    readonly oversubscribed: readonly string[];
    /** How far apart the hardware's core and the modelled host's were. */
    readonly coreDistance: CoreDistance | null;
    /** Where real programs were, and how they found it; none in a run with traffic of its own. */
    readonly ends: readonly EndPlace[];
  };
  /** Each thread's part in the run, its place, and the actors it ran. */
  readonly threads: readonly {
    readonly name: string;
    readonly kind: ThreadKind;
    readonly core: number;
    readonly policy: string;
    readonly actors: readonly string[];
  }[];
  /** What was replayed; null where traffic was generated. */
  readonly capture: CaptureResult | null;
  /** True when the user ended it before its time. */
  /** What broke the run off, in words; null for one that came to its end. What was measured until then is here. */
  readonly failure: string | null;
  readonly interrupted: boolean;
  /** From the first thread's start to the first frame asked for. */
  readonly readyAfterNs: number;
  /** Each virtio vNIC, with the features that its device offered and its driver settled on when it came up last. */
  readonly vnics: readonly VnicFeatures[];
  readonly phases: readonly PhaseResult[];
  /** VMs that came or went, in the order in which that was done. */
  readonly provisioning: readonly ProvisioningEvent[];
  /** The whole run, warm-up and settling included. */
  readonly drops: readonly DropCount[];
  readonly counters: CounterTable;
  readonly integrity: IntegrityResult;
  readonly ledger: Ledger;
  readonly virtqueueFaults: readonly VirtqueueFault[];
  /** What network functions reported, an exception in one of the user's for example. */
  readonly reports: readonly FunctionReport[];
  readonly validity: Validity;
  readonly expectations: readonly ExpectationResult[];
  /** One paragraph: what limited this run. */
  readonly verdict: string;
  readonly exitCode: number;
  readonly samples: readonly IntervalRecord[];
}
