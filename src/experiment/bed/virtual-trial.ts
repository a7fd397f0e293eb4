/** One trial on virtual time, on a host of its own: what comes of it depends on what is asked, and on nothing before. */
import type { Plan } from '../../runtime/plan.ts';
import { VirtualHost } from '../../runtime/virtual/virtual-host.ts';
import type { Ledger } from '../run/run-result.ts';
import { SweptHost } from '../sweep/swept-host.ts';
import type { SweepVariant } from '../sweep/variants.ts';
import type { Trial, TrialRequest } from './test-bed.ts';

/** Plain data, so that it crosses to a worker thread. */
export interface VirtualTrialOrder {
  readonly variant: SweepVariant;
  /** Of the variant's scenario. */
  readonly plan: Plan;
  readonly request: TrialRequest;
}

export interface VirtualTrial {
  readonly trial: Trial;
  readonly ledger: Ledger;
}

/** @returns null when it was interrupted. @throws when the guest does not come up, or an actor fails. */
export async function makeVirtualTrial(
  { variant, plan, request }: VirtualTrialOrder,
  signal: AbortSignal,
): Promise<VirtualTrial | null> {
  const host = await SweptHost.start(variant, new VirtualHost(plan, { seed: variant.scenario.seed }), signal);
  try {
    const trial = await host.trial(request, signal);
    return trial === null ? null : { trial, ledger: await host.ledger() };
  } finally {
    await host.stop();
  }
}
