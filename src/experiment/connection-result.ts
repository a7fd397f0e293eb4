/** What the TCP clients of a run did between two snapshots of it. */
import { CLIENT_FAILURES } from '../../actors/client-links.ts';
import { counterGrowth } from '../metrics/hops.ts';
import { histogramGrowth, summariseHistogram } from '../metrics/latency.ts';
import type { Snapshot } from '../metrics/snapshot.ts';
import type { Plan } from '../runtime/plan.ts';
import type { PhaseSpec, Scenario } from '../topology/scenario.ts';
import type { ConnectionResult } from './run-result.ts';

/** Connections/s of each client in a phase, in the order of the plan's clients. */
export function requestedConnections(
  { traffic }: Scenario,
  { connectionsPerSecond }: Pick<PhaseSpec, 'connectionsPerSecond'>,
): number[] {
  return traffic.connections.map(({ perSecond }) => connectionsPerSecond ?? perSecond);
}

export function describeConnections(
  plan: Plan,
  scenario: Scenario,
  phase: PhaseSpec,
  before: Snapshot,
  after: Snapshot,
): ConnectionResult[] {
  const rates = requestedConnections(scenario, phase);
  const actors = plan.threads.flatMap((thread) => thread.actors);
  return plan.clients.map(({ name, client }, i) => {
    const grown = counterGrowth(client, before, after);
    const names = actors.find((actor) => actor.name === client)!.counters.map((counter) => counter.name);
    const count = (counter: string): number => grown[names.indexOf(counter)];
    const late = histogramGrowth(before.lateness.get(client)!, after.lateness.get(client)!);
    return {
      name,
      requestedPerSecond: rates[i],
      offered: count('connections_offered'),
      started: count('connections_started'),
      established: count('connections_established'),
      completed: count('connections_completed'),
      failures: CLIENT_FAILURES.map(({ counter, reason }) => ({ counter, reason, connections: count(counter) })),
      latency: summariseHistogram(histogramGrowth(before.latency.get(client)!, after.latency.get(client)!)),
      sentFrames: count('tx_packets'),
      receivedFrames: count('rx_packets'),
      latenessP999Ns: summariseHistogram(late)?.p999Ns ?? null,
    };
  });
}
