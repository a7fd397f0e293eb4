/**
 * A variant on virtual time. Every trial has a host and a seed of its own, so that trials can be made in any order and
 * side by side, with the same results to the last byte.
 */
import { setMaxListeners } from 'node:events';
import { buildPlan } from '../../plan/build-plan.ts';
import type { Plan } from '../../runtime/plan.ts';
import { VirtualHost } from '../../runtime/virtual/virtual-host.ts';
import type { Ledger, RunResult } from '../run/run-result.ts';
import { threadPlaces } from '../run/thread-places.ts';
import type { SweepVariant } from '../sweep/variants.ts';
import { addLedgers } from '../judge/add-ledgers.ts';
import type { TestBed, Trial, TrialRequest } from './test-bed.ts';
import type { OrderedTrial, TrialPool } from './trial-pool.ts';

/** No worker waits for the main thread, which hears of results in order and not as they come. */
const AHEAD_PER_JOB = 3;

export class VirtualBed implements TestBed {
  readonly variant: SweepVariant;
  private readonly plan: Plan;
  readonly header: readonly string[];
  readonly oversubscribed: readonly string[] = [];
  readonly coreDistance = null;
  readonly disturbed = false;
  readonly ahead: number;
  private readonly pool: TrialPool;
  private readonly places: RunResult['threads'];
  private readonly abort = new AbortController();
  /** Trials that were foreseen, by what they ask. */
  private readonly ordered = new Map<string, OrderedTrial>();
  private readonly ledgers: Ledger[] = [];

  constructor(variant: SweepVariant, pool: TrialPool) {
    this.variant = variant;
    this.pool = pool;
    this.ahead = pool.jobs === 1 ? 0 : pool.jobs * AHEAD_PER_JOB;
    setMaxListeners(0, this.abort.signal); // Every trial that was begun listens: there is no leak in more than ten.
    this.plan = buildPlan(variant.scenario);
    const host = new VirtualHost(this.plan, { seed: variant.scenario.seed });
    this.header = [...host.header, 'trials: each on a host of its own, seeds counted up from there'];
    this.places = threadPlaces(host);
  }

  /** Virtual time is the same for cold code and warm. */
  warmUp(): Promise<null> {
    return Promise.resolve(null);
  }

  foresee(requests: readonly TrialRequest[]): void {
    const keys = requests.map((request) => JSON.stringify(request));
    for (const [key, ordered] of this.ordered) {
      if (!keys.includes(key) && ordered.withdraw()) this.ordered.delete(key);
    }
    requests.forEach((request, i) => {
      if (this.ordered.has(keys[i])) return;
      const ordered = this.order(request, this.abort.signal);
      ordered.result.catch(() => undefined); // Told to whoever asks for it, if anybody does.
      this.ordered.set(keys[i], ordered);
    });
  }

  async trial(request: TrialRequest, signal: AbortSignal): Promise<Trial | null> {
    const key = JSON.stringify(request);
    const stop = (): void => this.abort.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const ordered = this.ordered.get(key) ?? this.order(request, signal);
      ordered.hasten();
      const made = await ordered.result;
      if (made === null) return null;
      this.ledgers.push(made.ledger);
      return made.trial;
    } finally {
      this.ordered.delete(key);
      signal.removeEventListener('abort', stop);
    }
  }

  ledger(): Promise<Ledger> {
    return Promise.resolve(addLedgers(this.ledgers));
  }

  threads(): RunResult['threads'] {
    return this.places;
  }

  stop(): Promise<void> {
    this.abort.abort();
    return Promise.resolve();
  }

  private order(request: TrialRequest, signal: AbortSignal): OrderedTrial {
    const seed = this.variant.scenario.seed + request.repeat;
    return this.pool.order(() => {
      const variant = { ...this.variant, scenario: { ...this.variant.scenario, seed } };
      // Arrivals are drawn from the seed too: they are part of the plan.
      const plan = request.repeat === 0 ? this.plan : buildPlan(variant.scenario);
      return { variant, plan, request };
    }, signal);
  }
}
