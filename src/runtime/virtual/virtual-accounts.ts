import type { Actor } from '../../../actors/actor.ts';
import type { ThreadPlan } from '../plan.ts';
import type { RoundAccounts } from '../poll-round.ts';
import { costOf } from './virtual-costs.ts';
import type { VirtualCosts } from './virtual-costs.ts';

/** A virtual thread pays by being busy: what its actors' own code costs, and what they declare, adds up to a turn's time. */
export class VirtualAccounts implements RoundAccounts {
  private readonly pollNs: Float64Array;
  private readonly frameNs: Float64Array;
  private ownNs = 0;
  private declaredNs = 0;

  constructor({ actors }: ThreadPlan, costs: VirtualCosts) {
    this.pollNs = Float64Array.from(actors, ({ spec }) => costOf(spec, costs).pollNs);
    this.frameNs = Float64Array.from(actors, ({ spec }) => costOf(spec, costs).frameNs);
  }

  polled(actor: Actor, index: number, frames: number): void {
    this.ownNs += this.pollNs[index] + frames * this.frameNs[index];
    this.armed(actor);
  }

  armed(actor: Actor): void {
    this.declaredNs += actor.debtNs;
    actor.debtNs = 0;
  }

  /** @returns what has come together since the last call, ns. */
  takeNs(): number {
    const ns = this.ownNs + this.declaredNs;
    this.ownNs = this.declaredNs = 0;
    return ns;
  }
}
