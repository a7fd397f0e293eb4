import type { Observable } from 'rxjs';
import type { EndPlace, HostKind, ThreadPlace } from '../../runtime/host.ts';
import type { IntervalRecord } from './interval-record.ts';

/** What is known of a run when its traffic begins. */
export interface RunHeading {
  readonly scenario: string;
  readonly hostKind: HostKind;
  readonly seed: number;
  /** Lines on what the results depend on: machine, placement, scheduling classes, costs. */
  readonly lines: readonly string[];
  /** What is replayed, in lines; empty where traffic is generated. */
  readonly capture: readonly string[];
  /** The run's parts in order, warm-up and settling included. */
  readonly parts: readonly { readonly name: string; readonly rate: string; readonly durationNs: number }[];
  readonly threads: readonly ThreadPlace[];
  /** Where real programs are; none in a run with traffic of its own. */
  readonly ends: readonly EndPlace[];
  /** What to type in other terminals to use them. */
  readonly commands: readonly string[];
}

/** What device and driver of a virtio vNIC have come to. */
export interface VnicFeatures {
  readonly vm: string;
  readonly vnic: string;
  readonly mode: string;
  readonly mtuBytes: number;
  /** Whether its VM is there. */
  readonly isPresent: boolean;
  /** Names of features (VIRTIO 1.x section 5.1.3 and chapter 6); null as long as the driver has not come up. */
  readonly offered: readonly string[] | null;
  readonly negotiated: readonly string[] | null;
}

/** A VM that came or went. Times in ns. */
export interface ProvisioningEvent {
  readonly vm: string;
  readonly order: 'add' | 'remove';
  /** `timeline`, or the rule and what it saw. */
  readonly cause: string;
  /** When it was ordered, since traffic began. */
  readonly orderedNs: number;
  /**
   * From the order to the first frame that an added VM forwarded, or to the moment nothing was left of a removed one;
   * null when the run ended before.
   */
  readonly tookNs: number | null;
  /** The run's clock at that moment, or at the run's end. */
  readonly doneAtNs: number;
  /** Of an added VM: its virtio vNICs once they are up, or when it is given up. */
  readonly vnics: readonly VnicFeatures[];
  /**
   * Of a removed VM that load balancers or proxies sent to: how long its connections were waited for, and how many were
   * left then. A load balancer moves them to other backends; a request that a proxy has sent is lost. Null for others.
   */
  readonly drain: { readonly tookNs: number; readonly connectionsLeft: number } | null;
  /** Frames dropped by the VM's own threads and taps meanwhile. */
  readonly droppedFrames: number;
}

/** A run as its sinks see it: they subscribe, and change nothing. Completes when traffic has come to rest. */
export interface LiveRun {
  readonly heading: RunHeading;
  /** The run's clock when traffic begins, ns. */
  readonly startNs: number;
  readonly intervals: Observable<IntervalRecord>;
  /** VMs that came or went, when they have. */
  readonly provisioning: Observable<ProvisioningEvent>;
}
