/** Where a command that makes many trials makes them. */
import { availableParallelism } from 'node:os';
import type { TestBed } from '../experiment/bed/test-bed.ts';
import type { TrialPool } from '../experiment/bed/trial-pool.ts';
import { SweptHost } from '../experiment/sweep/swept-host.ts';
import { loadVariants } from '../experiment/sweep/variants.ts';
import type { SweepVariant, VariantChange } from '../experiment/sweep/variants.ts';
import type { HostKind } from '../runtime/host.ts';
import { cpuQuotaCores } from '../runtime/os/cgroup.ts';
import { refusePipes } from './captures.ts';
import { UsageError } from './errors.ts';
import { openHost, scenarioFor } from './open-host.ts';

/** Unmeasured traffic before each trial: queues fill, governors and schedulers settle. */
export const RUN_IN_NS = 3e8;

/**
 * The variants of a scenario, as the host can run them. @throws ScenarioError, and UsageError for one whose capture
 * cannot be read again.
 */
export function loadVariantsFor(
  kind: HostKind,
  nameOrPath: string,
  settings: readonly string[],
  changes: readonly VariantChange[],
): SweepVariant[] {
  const variants = loadVariants(nameOrPath, settings, changes).map((variant) => {
    return { ...variant, scenario: scenarioFor(kind, variant.scenario) };
  });
  refusePipes(variants.map(({ scenario }) => scenario));
  return variants;
}

export interface Beds {
  readonly open: (variant: SweepVariant, signal: AbortSignal) => Promise<TestBed>;
  /** Ends what beds share; they are stopped by whoever has them. */
  close(): Promise<void>;
}

/**
 * @param jobs trials side by side, null for one a core
 * @throws UsageError where trials cannot be made side by side
 */
export function openBeds(kind: HostKind, jobs: number | null): Beds {
  if (kind === 'virtual') return new VirtualBeds(jobs ?? coresAtHand());
  if (jobs !== null && jobs > 1) {
    const allowed = '1, since trials would take the cores from each other; or --host virtual';
    throw new UsageError(`--jobs: found ${jobs} on --host ${kind}, allowed: ${allowed}`);
  }
  return {
    open: async (variant, signal) => SweptHost.start(variant, await openHost(kind, variant.scenario), signal),
    close: () => Promise.resolve(),
  };
}

class VirtualBeds implements Beds {
  private readonly jobs: number;
  private pool: TrialPool | null = null;

  constructor(jobs: number) {
    this.jobs = jobs;
  }

  readonly open = async (variant: SweepVariant): Promise<TestBed> => {
    const { openTrialPool } = await import('../experiment/bed/trial-pool.ts');
    const { VirtualBed } = await import('../experiment/bed/virtual-bed.ts');
    this.pool ??= await openTrialPool(this.jobs);
    return new VirtualBed(variant, this.pool);
  };

  async close(): Promise<void> {
    await this.pool?.close();
  }
}

/** Cores that this process may use, and a quota lets it use. */
function coresAtHand(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpuQuotaCores() ?? Infinity)));
}
