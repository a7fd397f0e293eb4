/** What the TCP clients of a run did between two snapshots of it. */
import { CLIENT_FAILURES } from '../../../actors/wire/client-links.ts';
import type { CounterName } from '../../../actors/component.ts';
import { CLIENT } from '../../../actors/wire/client.ts';
import { pageOf, placeOfCounter } from '../../metrics/derive/counters.ts';
import { connectionRows, planConnectionMeters } from '../../metrics/text/connection-rows.ts';
import { histogramGrowth, summariseHistogram } from '../../metrics/derive/latency.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import type { Plan } from '../../runtime/plan.ts';
import type { PhaseSpec, Scenario } from '../../scenario/scenario.ts';
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
  return connectionRows(planConnectionMeters(plan), before, after).map(({ client, ...row }, i) => {
    const late = histogramGrowth(before.lateness.get(client)!, after.lateness.get(client)!);
    return { ...row, requestedPerSecond: rates[i], latenessP999Ns: summariseHistogram(late)?.p999Ns ?? null };
  });
}

/** Connections that clients have begun and neither completed nor given up. */
export function openConnections({ threads, clients }: Plan, snapshot: Snapshot): number {
  const actors = threads.flatMap((thread) => thread.actors);
  return clients.reduce((open, { client }) => {
    const page = pageOf(snapshot, client);
    const actor = actors.find(({ name }) => name === client)!;
    const count = (counter: CounterName<typeof CLIENT>): number => page[placeOfCounter(CLIENT, actor, counter)];
    // One that the limit refuses was never started.
    const failed = CLIENT_FAILURES.filter(({ counter }) => counter !== 'failed_limit').map(({ counter }) =>
      count(counter),
    );
    const ended = failed.reduce((sum, connections) => sum + connections, count('connections_completed'));
    return open + count('connections_started') - ended;
  }, 0);
}
