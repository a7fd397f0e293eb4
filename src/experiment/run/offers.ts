/** What is asked of generators and clients, phase by phase and before the first. */
import type { Host } from '../../runtime/host.ts';
import {
  PACED_BY_BYTES,
  PACED_BY_CAPTURE,
  PACED_BY_FRAMES,
  PACED_BY_WIRE_BYTES,
} from '../../net/traffic/frame-schedule.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
import type { Rate } from '../../scenario/text/quantities.ts';
import { requestedConnections } from './connection-result.ts';
import { requestedFps } from './phase-result.ts';
import { setConnectionRates, setRates } from './throttle.ts';

/** In the order of the plan's streams and clients. */
export interface Offer {
  readonly framesPerSecond: readonly number[];
  /** What each stream is paced by: PACED_BY_ values. */
  readonly paces: readonly number[];
  readonly connectionsPerSecond: readonly number[];
}

export function offerOf(scenario: Scenario, phase: PhaseSpec): Offer {
  return {
    framesPerSecond: requestedFps(scenario, phase),
    paces: streamPaces(scenario, phase.rate),
    connectionsPerSecond: requestedConnections(scenario, phase),
  };
}

/**
 * What each stream is paced by at that rate, one of the PACED_BY_ values: shares of the line and bit/s by bytes as they
 * come, so that large frames one after another do not exceed them.
 */
export function streamPaces({ traffic }: Scenario, rate: Rate): number[] {
  return traffic.streams.map((stream) => paceOf(stream.rate === 'shared' ? rate : stream.rate));
}

function paceOf(rate: Rate): number {
  switch (rate.kind) {
    case 'frames':
      return PACED_BY_FRAMES;
    case 'bits':
      return rate.layer === 1 ? PACED_BY_WIRE_BYTES : PACED_BY_BYTES;
    case 'lineRate':
      return PACED_BY_WIRE_BYTES;
    case 'captured':
      return PACED_BY_CAPTURE;
  }
}

export function makeOffer(host: Host, { framesPerSecond, paces, connectionsPerSecond }: Offer): void {
  setRates(host, framesPerSecond, paces);
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
  const highestOf = (part: 'framesPerSecond' | 'connectionsPerSecond'): number[] =>
    first[part].map((_, i) => Math.max(...offers.map((offer) => offer[part][i])));
  const highest = {
    framesPerSecond: highestOf('framesPerSecond'),
    paces: first.paces,
    connectionsPerSecond: highestOf('connectionsPerSecond'),
  };
  return [first, highest, first];
}
