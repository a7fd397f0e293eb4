import type { Actor } from '../../../actors/actor.ts';
import type { RoundAccounts } from '../poll-round.ts';
import type { CpuBurner } from './cpu-burn.ts';

/** A real thread pays at once: it burns what an actor declared, and publishes what a poll that moved frames counted. */
export class ThreadAccounts implements RoundAccounts {
  private readonly burner: CpuBurner;

  constructor(burner: CpuBurner) {
    this.burner = burner;
  }

  polled(actor: Actor, _index: number, frames: number): void {
    if (actor.debtNs > 0) this.settle(actor);
    if (frames > 0) actor.commit();
  }

  armed(actor: Actor): void {
    if (actor.debtNs > 0) this.settle(actor);
  }

  private settle(actor: Actor): void {
    const ns = actor.debtNs;
    actor.debtNs = 0;
    this.burner.burn(ns);
  }
}
