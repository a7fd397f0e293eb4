import type { ActorCost } from '../../../actors/component.ts';
import { COMPONENTS, componentOf } from '../../../actors/registry.ts';
import type { ActorSpec, Kind } from '../../../actors/registry.ts';

export type VirtualCosts = Readonly<Record<Kind, ActorCost>>;

/**
 * CPU time of the actors' own code on the thread host, as each component states it. The virtual host charges it in place
 * of the time that it cannot let pass.
 */
export const MEASURED_COSTS = Object.fromEntries(
  COMPONENTS.map(({ kind, measuredCost }) => [kind, measuredCost]),
) as VirtualCosts;

/** The cost of an actor as it is configured. */
export function costOf({ kind, config }: ActorSpec, costs: VirtualCosts): ActorCost {
  const { pollNs, frameNs } = costs[kind];
  return { pollNs, frameNs: frameNs + (componentOf(kind).moreFrameNs?.(config) ?? 0) };
}
