/** Who makes the trials of virtual time: this thread, one after another, or workers side by side. */
import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { ensureWorkerBundle } from '../../runtime/threads/worker-bundle.ts';
import { makeVirtualTrial } from './virtual-trial.ts';
import type { VirtualTrial, VirtualTrialOrder } from './virtual-trial.ts';

/** A trial that was ordered and perhaps begun. */
export interface OrderedTrial {
  /** Null when it was interrupted or withdrawn. */
  readonly result: Promise<VirtualTrial | null>;
  /** Puts it before all that have not begun. */
  hasten(): void;
  /** Gives it up unless it has begun. @returns whether it was given up. */
  withdraw(): boolean;
}

export interface TrialPool {
  /** Trials that can be under way at once. */
  readonly jobs: number;
  /** @param order is called when the trial begins. */
  order(order: () => VirtualTrialOrder, signal: AbortSignal): OrderedTrial;
  /** Ends those under way. */
  close(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL('./trial-worker.ts', import.meta.url));

/** @param jobs at least 1. */
export async function openTrialPool(jobs: number): Promise<TrialPool> {
  return jobs === 1 ? HERE : new WorkerPool(jobs, await ensureWorkerBundle({ entry: ENTRY }));
}

const HERE: TrialPool = {
  jobs: 1,
  order: (order, signal) => {
    return { result: makeVirtualTrial(order(), signal), hasten: () => undefined, withdraw: () => false };
  },
  close: () => Promise.resolve(),
};

/** A trial that waits for a worker. */
interface Waiting {
  readonly begin: () => Promise<VirtualTrial>;
  readonly settle: (result: VirtualTrial | null | Promise<VirtualTrial | null>) => void;
}

class WorkerPool implements TrialPool {
  readonly jobs: number;
  private readonly pool: Piscina;
  private readonly closing = new AbortController();
  /** In the order in which they will begin. */
  private waiting: Waiting[] = [];
  private underWay = 0;

  constructor(jobs: number, bundle: URL) {
    this.jobs = jobs;
    setMaxListeners(0, this.closing.signal); // Every trial under way listens: there is no leak in more than ten.
    this.pool = new Piscina({
      filename: bundle.href,
      minThreads: jobs,
      maxThreads: jobs,
      concurrentTasksPerWorker: 1,
      idleTimeout: Infinity,
      execArgv: [],
    });
    this.pool.setMaxListeners(0);
  }

  order(order: () => VirtualTrialOrder, signal: AbortSignal): OrderedTrial {
    let settle: Waiting['settle'] = () => undefined;
    const result = new Promise<VirtualTrial | null>((resolve) => (settle = resolve));
    const begin = (): Promise<VirtualTrial> =>
      this.pool.run(order(), { signal: AbortSignal.any([signal, this.closing.signal]) });
    const own: Waiting = { begin, settle };
    this.waiting.push(own);
    this.fill();
    return {
      result,
      hasten: () => {
        if (this.remove(own)) this.waiting.unshift(own);
      },
      withdraw: () => {
        const waited = this.remove(own);
        if (waited) settle(null);
        return waited;
      },
    };
  }

  async close(): Promise<void> {
    for (const { settle } of this.waiting.splice(0)) settle(null);
    this.closing.abort();
    await this.pool.destroy();
  }

  private remove(own: Waiting): boolean {
    const at = this.waiting.indexOf(own);
    if (at >= 0) this.waiting.splice(at, 1);
    return at >= 0;
  }

  /** Begins as many as there are workers for. */
  private fill(): void {
    while (this.underWay < this.jobs && this.waiting.length > 0) {
      const { begin, settle } = this.waiting.shift()!;
      this.underWay++;
      settle(this.finish(begin()));
    }
  }

  private async finish(begun: Promise<VirtualTrial>): Promise<VirtualTrial | null> {
    try {
      return await begun;
    } catch (error) {
      if ((error as Error).name === 'AbortError') return null;
      throw error;
    } finally {
      this.underWay--;
      this.fill();
    }
  }
}
