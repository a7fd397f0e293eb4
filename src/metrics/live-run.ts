import type { Observable } from 'rxjs';
import type { ThreadPlace } from '../runtime/host.ts';
import type { IntervalRecord } from './interval-record.ts';

/** What is known of a run when its traffic begins. */
export interface RunHeading {
  readonly scenario: string;
  readonly hostKind: 'threads' | 'virtual';
  readonly seed: number;
  /** Lines on what the results depend on: machine, placement, scheduling classes, costs. */
  readonly lines: readonly string[];
  /** The run's parts in order, warm-up and settling included. */
  readonly parts: readonly { readonly name: string; readonly rate: string; readonly durationNs: number }[];
  readonly threads: readonly ThreadPlace[];
}

/** A run as its sinks see it: they subscribe, and change nothing. Completes when traffic has come to rest. */
export interface LiveRun {
  readonly heading: RunHeading;
  /** The run's clock when traffic begins, ns. */
  readonly startNs: number;
  readonly intervals: Observable<IntervalRecord>;
}
