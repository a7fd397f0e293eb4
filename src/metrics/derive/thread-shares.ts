import type { ThreadPlace } from '../../runtime/host.ts';
import type { Snapshot } from './snapshot.ts';

/** How one thread spent the time between two snapshots. Ratios are of that time: 1 is all of it. */
export interface ThreadRow {
  readonly name: string;
  readonly core: number;
  /** Scheduling class as obtained. */
  readonly policy: string;
  readonly runningRatio: number;
  /** Runnable and not running. Null, with the two below, where the kernel keeps no schedstat. */
  readonly waitingRatio: number | null;
  readonly asleepRatio: number | null;
  /** Times a second it was put on a core. */
  readonly switchesPerSecond: number | null;
}

/**
 * One row for each thread of the run. A running thread's account is up to one tick (4 ms at HZ 250) behind
 * (update_curr, kernel/sched/fair.c), so shares of short intervals are cut to what time there was.
 */
export function threadShares(places: readonly ThreadPlace[], before: Snapshot, after: Snapshot): ThreadRow[] {
  // Of no time nothing is used.
  const elapsedNs = Math.max(1, after.atNs - before.atNs);
  return places.map(({ name, core, policy }) => {
    const start = before.threads.find((thread) => thread.name === name);
    const end = after.threads.find((thread) => thread.name === name);
    const share = (from: number | undefined, to: number | undefined): number =>
      Math.min(1, Math.max(0, ((to ?? 0) - (from ?? 0)) / elapsedNs));
    const runningRatio = share(start?.runNs, end?.runNs);
    if (end === undefined || end.waitNs === null || end.switches === null) {
      return { name, core, policy, runningRatio, waitingRatio: null, asleepRatio: null, switchesPerSecond: null };
    }
    const waitingRatio = Math.min(1 - runningRatio, share(start?.waitNs ?? 0, end.waitNs));
    return {
      name,
      core,
      policy,
      runningRatio,
      waitingRatio,
      asleepRatio: 1 - runningRatio - waitingRatio,
      switchesPerSecond: ((end.switches - (start?.switches ?? 0)) * 1e9) / elapsedNs,
    };
  });
}
