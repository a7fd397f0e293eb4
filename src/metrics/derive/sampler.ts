import { filter, map, pairwise, share } from 'rxjs';
import type { Observable } from 'rxjs';
import type { Snapshot } from './snapshot.ts';

/** A snapshot, and the part of the run that ended with it. */
export interface Sample {
  readonly phase: string;
  readonly snapshot: Snapshot;
}

/** Two adjacent snapshots; the time between them is what passed, not what was asked for. */
export interface Interval {
  readonly phase: string;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** One stream of samples for everybody who looks: a snapshot is taken once a tick however many subscribe. */
export interface Sampler {
  readonly samples: Observable<Sample>;
  readonly intervals: Observable<Interval>;
}

/**
 * Takes a snapshot at every tick. A tick names the phase that has just been passed through; whoever drives the run
 * ticks at phase boundaries too, so that no interval belongs to two phases.
 */
export function createSampler(ticks: Observable<string>, take: () => Snapshot): Sampler {
  const samples = ticks.pipe(
    map((phase): Sample => ({ phase, snapshot: take() })),
    share(),
  );
  const intervals = samples.pipe(
    pairwise(),
    filter(([before, after]) => after.snapshot.atNs > before.snapshot.atNs),
    map(([before, after]): Interval => ({ phase: after.phase, before: before.snapshot, after: after.snapshot })),
    share(),
  );
  return { samples, intervals };
}
