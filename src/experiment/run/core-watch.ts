import { coreUse, sampleCores } from '../../runtime/os/core-use.ts';
import { formatTime } from '../../text/number-format.ts';
import { cpuQuotaCores, readThrottling } from '../../runtime/os/cgroup.ts';
import type { Throttling } from '../../runtime/os/cgroup.ts';
import type { Host } from '../../runtime/host.ts';
import type { CoreSample } from '../../runtime/os/core-use.ts';
import { measureIdleEntryNs } from '../../runtime/os/idle-cost.ts';
import { threadCores } from '../../runtime/os/os-threads.ts';
import { ScheduleReader } from '../../runtime/os/sched-stats.ts';
import type { CoreResult, PhaseResult } from './run-result.ts';

/**
 * Watches what a run's cores were used for, and who kept the run from them: other programs and interrupts, other
 * machines through the hypervisor (steal), and the quota of its cgroup. Close it when done.
 */
export class CoreWatch {
  /** What going idle takes of a core, as measured on the main thread's at the start; null where that is not known. */
  readonly idleEntryNs: number | null;
  private readonly cores: ReadonlySet<number>;
  /** The path runs in softirqs: their time is the run's own. */
  private readonly ownsSoftirqs: boolean;
  private readonly schedules = new ScheduleReader();

  /**
   * @param mainCore where the calling thread is kept; it sleeps there for some 60 ms to measure what that takes.
   * @param ownsSoftirqs whether the path runs in softirqs.
   */
  constructor(cores: Iterable<number>, mainCore: number | null, ownsSoftirqs: boolean) {
    this.ownsSoftirqs = ownsSoftirqs;
    this.cores = new Set(cores);
    this.idleEntryNs = mainCore === null ? null : measureIdleEntryNs(mainCore, () => this.ranOn(mainCore));
  }

  /** One reading of all cores, of every thread of this process, and of its cgroup. */
  sample(): WatchSample {
    return { ...sampleCores(this.schedules.read()), throttling: readThrottling() };
  }

  /** What others had between two samples between which none of this process's threads ended. */
  between(before: WatchSample, after: WatchSample): Watched {
    return { cores: this.coresBetween(before, after), throttling: throttlingBetween(before, after) };
  }

  private coresBetween(before: WatchSample, after: WatchSample): CoreResult[] {
    const pinned = new Map(after.threads.map(({ tid }) => [tid, onlyCore(tid)] as const));
    return coreUse(before, after, ({ tid }) => pinned.get(tid), this.idleEntryNs ?? 0)
      .filter(({ core }) => this.cores.has(core))
      .map(({ core, foreignNs, softirqNs, excusedNs, stealNs, elapsedNs }) => {
        const ratio = (ns: number): number => Math.min(1, ns / elapsedNs);
        return {
          core,
          foreignRatio: ratio(this.ownsSoftirqs ? Math.max(0, foreignNs - softirqNs) : foreignNs),
          stealRatio: ratio(stealNs),
          excusedRatio: ratio(excusedNs),
        };
      });
  }

  private ranOn(core: number): number {
    return this.schedules.read().reduce((sum, { tid, runNs }) => (onlyCore(tid) === core ? sum + runNs : sum), 0);
  }

  close(): void {
    this.schedules.close();
  }
}

/** Over the cores of a host that has started; null on virtual time, which uses no core of its own. */
export function watchOf({ kind, places }: Pick<Host, 'kind' | 'places'>): CoreWatch | null {
  if (kind === 'virtual') return null;
  const main = places.find(({ name }) => name === 'main');
  return new CoreWatch(
    places.map(({ core }) => core),
    main?.core ?? null,
    kind === 'kernel',
  );
}

/** What a quota did between two samples; null where none is counted. */
function throttlingBetween(before: WatchSample, after: WatchSample): Throttling | null {
  const [from, to] = [before.throttling, after.throttling];
  if (from === null || to === null) return null;
  return {
    periods: to.periods - from.periods,
    throttledPeriods: to.throttledPeriods - from.throttledPeriods,
    throttledNs: to.throttledNs - from.throttledNs,
  };
}

/** What a watch saw of a phase. */
export type Watched = Pick<PhaseResult, 'cores' | 'throttling'>;

/** Of a phase on virtual time, which nobody can take from it. */
export const UNWATCHED: Watched = { cores: null, throttling: null };

export interface WatchSample extends CoreSample {
  readonly throttling: Throttling | null;
}

/** What of the machine decides whether a run is believed, for its header. */
export function describeWatch({ idleEntryNs }: CoreWatch): string[] {
  const quotaCores = cpuQuotaCores();
  const idle =
    idleEntryNs === null
      ? 'not known here: all that nobody of this run used counts as taken by others'
      : `${formatTime(idleEntryNs)}, measured; so much is not held to be taken by others`;
  const quota = quotaCores === null ? [] : [`CPU quota of this process's cgroup: ${quotaCores.toFixed(2)} cores`];
  return [...quota, `going idle and coming back takes of a core: ${idle}`];
}

/** The core a thread of this process is kept on; undefined when it may run on several, or has ended. */
function onlyCore(tid: number): number | undefined {
  try {
    const cores = threadCores(tid);
    return cores.length === 1 ? cores[0] : undefined;
  } catch {
    return undefined;
  }
}
