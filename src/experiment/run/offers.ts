/** What is asked of generators and clients, phase by phase and before the first. */
import type { Host } from '../../runtime/host.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import { requestedConnections } from './connection-result.ts';
import { requestedFps } from './phase-result.ts';
import { setConnectionRates, setRates } from './throttle.ts';

/** In the order of the plan's streams and clients. */
export interface Offer {
  readonly framesPerSecond: readonly number[];
  readonly connectionsPerSecond: readonly number[];
}

export function offerOf(scenario: Scenario, phase: PhaseSpec): Offer {
  return {
    framesPerSecond: requestedFps(scenario, phase),
    connectionsPerSecond: requestedConnections(scenario, phase),
  };
}

export function makeOffer(host: Host, { framesPerSecond, connectionsPerSecond }: Offer): void {
  setRates(host, framesPerSecond);
  setConnectionRates(host, connectionsPerSecond);
}

/**
 * What warm-up offers in turn, each for the same time. On threads its middle third is at the highest rate of all
 * phases, so that the code a flood runs is compiled before it is measured; virtual time has no code to warm.
 */
export function warmUpOffers(scenario: Scenario, hostKind: Host['kind']): Offer[] {
  const offers = scenario.run.phases.map((phase) => offerOf(scenario, phase));
  const [first] = offers;
  if (hostKind === 'virtual') return [first];
  const highestOf = (part: keyof Offer): number[] =>
    first[part].map((_, i) => Math.max(...offers.map((offer) => offer[part][i])));
  const highest = {
    framesPerSecond: highestOf('framesPerSecond'),
    connectionsPerSecond: highestOf('connectionsPerSecond'),
  };
  return [first, highest, first];
}
