import { coreUse, sampleCores } from '../../runtime/os/core-use.ts';
import type { CoreSample } from '../../runtime/os/core-use.ts';
import { threadCores } from '../../runtime/os/os-threads.ts';
import { ScheduleReader } from '../../runtime/os/sched-stats.ts';
import type { CoreResult } from './run-result.ts';

/**
 * Watches the cores a run uses for others that take them: processes, interrupts, and other machines through the
 * hypervisor. Close it when done.
 */
export class CoreWatch {
  private readonly cores: ReadonlySet<number>;
  private readonly schedules = new ScheduleReader();

  constructor(cores: Iterable<number>) {
    this.cores = new Set(cores);
  }

  /** One reading of all cores and of every thread of this process. */
  sample(): CoreSample {
    return sampleCores(this.schedules.read());
  }

  /** Each core's foreign use between two samples between which none of this process's threads ended. */
  between(before: CoreSample, after: CoreSample): CoreResult[] {
    const pinned = new Map(after.threads.map(({ tid }) => [tid, onlyCore(tid)] as const));
    return coreUse(before, after, ({ tid }) => pinned.get(tid))
      .filter(({ core }) => this.cores.has(core))
      .map(({ core, foreignNs, stealNs, elapsedNs }) => {
        return { core, foreignRatio: Math.min(1, (foreignNs + stealNs) / elapsedNs) };
      });
  }

  close(): void {
    this.schedules.close();
  }
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
