import { coreUse, sampleCores } from '../../runtime/os/core-use.ts';
import { cpuQuotaCores, readThrottling } from '../../runtime/os/cgroup.ts';
import type { Throttling } from '../../runtime/os/cgroup.ts';
import type { Host } from '../../runtime/host.ts';
import type { CoreSample } from '../../runtime/os/core-use.ts';
import { threadCores } from '../../runtime/os/os-threads.ts';
import { ScheduleReader } from '../../runtime/os/sched-stats.ts';
import type { CoreResult, PhaseResult } from './run-result.ts';

/**
 * Watches what a run's cores were used for, and who kept the run from them: other programs and interrupts, other
 * machines through the hypervisor (steal), and the quota of its cgroup. Close it when done.
 */
export class CoreWatch {
  private readonly cores: ReadonlySet<number>;
  /** The path runs in softirqs: their time is the run's own. */
  private readonly ownsSoftirqs: boolean;
  private readonly schedules = new ScheduleReader();
  private readonly kernelThreads: readonly number[];
  private readonly kernelSchedules = new ScheduleReader('/proc');

  /**
   * @param ownsSoftirqs whether the path runs in softirqs.
   * @param kernelThreads numbers of the kernel's threads that work for the run.
   */
  constructor(cores: Iterable<number>, ownsSoftirqs: boolean, kernelThreads: readonly number[]) {
    this.ownsSoftirqs = ownsSoftirqs;
    this.cores = new Set(cores);
    this.kernelThreads = kernelThreads;
  }

  /** One reading of all cores, of every thread of this process and the kernel's own for it, and of its cgroup. */
  sample(): WatchSample {
    const ofKernel = this.kernelSchedules.readThreads(this.kernelThreads);
    return { ...sampleCores([...this.schedules.read(), ...ofKernel]), throttling: readThrottling() };
  }

  /** What others had between two samples between which none of this process's threads ended. */
  between(before: WatchSample, after: WatchSample): Watched {
    return { cores: this.coresBetween(before, after), throttling: throttlingBetween(before, after) };
  }

  private coresBetween(before: WatchSample, after: WatchSample): CoreResult[] {
    const pinned = new Map(after.threads.map(({ tid }) => [tid, onlyCore(tid)] as const));
    return coreUse(before, after, ({ tid }) => pinned.get(tid))
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

  close(): void {
    this.schedules.close();
    this.kernelSchedules.close();
  }
}

/** Over the cores of a host that has started; null on virtual time, which uses no core of its own. */
export function watchOf({
  kind,
  places,
  kernelThreads,
}: Pick<Host, 'kind' | 'places' | 'kernelThreads'>): CoreWatch | null {
  if (kind === 'virtual') return null;
  return new CoreWatch(
    places.map(({ core }) => core),
    kind === 'kernel',
    kernelThreads ?? [],
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
export function describeQuota(): string[] {
  const quotaCores = cpuQuotaCores();
  return quotaCores === null ? [] : [`CPU quota of this process's cgroup: ${quotaCores.toFixed(2)} cores`];
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
