import type { ActorSpec } from './plan.ts';

/** What an actor's own code costs, without what the scenario declares. */
export interface ActorCost {
  /** A poll, whether it finds anything or not. */
  readonly pollNs: number;
  /** Each frame that the poll says it moved. */
  readonly frameNs: number;
}

export type VirtualCosts = Readonly<Record<ActorSpec['kind'], ActorCost>>;

/**
 * CPU time of the actors' own code on the thread host, 64-byte frames, measured by `npm run bench`. The virtual host
 * charges it in place of the time that it cannot let pass.
 */
export const MEASURED_COSTS: VirtualCosts = {
  generator: { pollNs: 60, frameNs: 35 },
  sink: { pollNs: 60, frameNs: 60 },
  nic: { pollNs: 80, frameNs: 45 },
  softirq: { pollNs: 100, frameNs: 35 },
  bridge: { pollNs: 60, frameNs: 45 },
  tap: { pollNs: 60, frameNs: 20 },
  vhost: { pollNs: 100, frameNs: 80 },
  'vhost-accelerated': { pollNs: 120, frameNs: 40 },
  'vhost-control': { pollNs: 60, frameNs: 1000 },
  vcpu: { pollNs: 100, frameNs: 130 },
  vmm: { pollNs: 100, frameNs: 1000 },
};
