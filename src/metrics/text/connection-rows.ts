import { CLIENT_FAILURES } from '../../../actors/wire/client-links.ts';
import type { ClientFailure } from '../../../actors/wire/client-links.ts';
import type { CounterName } from '../../../actors/component.ts';
import { CLIENT } from '../../../actors/wire/client.ts';
import { placeOfCounter } from '../derive/counters.ts';
import type { ActorPlan, Plan } from '../../runtime/plan.ts';
import { counterGrowth } from '../derive/hops.ts';
import { histogramGrowth, summariseHistogram } from '../derive/latency.ts';
import type { LatencySummary } from '../derive/latency.ts';
import type { Snapshot } from '../derive/snapshot.ts';

/** TCP connections of one port's clients between two snapshots, by what became of them meanwhile. */
export interface ConnectionRow {
  readonly name: string;
  /** The actor that opens them. */
  readonly client: string;
  readonly offered: number;
  readonly started: number;
  readonly established: number;
  /** Response checked byte by byte, and closed by both sides. */
  readonly completed: number;
  readonly failures: readonly {
    readonly counter: ClientFailure;
    readonly reason: string;
    readonly connections: number;
  }[];
  /** Of completed connections, from the intended start to the close. */
  readonly latency: LatencySummary | null;
  readonly sentFrames: number;
  readonly receivedFrames: number;
}

/** Where a client's counters lie. */
interface ConnectionMeter {
  readonly name: string;
  readonly client: string;
  readonly actor: ActorPlan;
}

/** Finds the counters of every client of a plan. */
export function planConnectionMeters(plan: Plan): ConnectionMeter[] {
  const actors = new Map(plan.threads.flatMap(({ actors }) => actors.map((actor) => [actor.name, actor] as const)));
  return plan.clients.map(({ name, client }) => {
    return { name, client, actor: actors.get(client)! };
  });
}

export function connectionRows(meters: readonly ConnectionMeter[], before: Snapshot, after: Snapshot): ConnectionRow[] {
  return meters.map(({ name, client, actor }) => {
    const grown = counterGrowth(client, before, after);
    const count = (counter: CounterName<typeof CLIENT>): number => grown[placeOfCounter(CLIENT, actor, counter)];
    return {
      name,
      client,
      offered: count('connections_offered'),
      started: count('connections_started'),
      established: count('connections_established'),
      completed: count('connections_completed'),
      failures: CLIENT_FAILURES.map(({ counter, reason }) => ({ counter, reason, connections: count(counter) })),
      latency: summariseHistogram(histogramGrowth(before.latency.get(client)!, after.latency.get(client)!)),
      sentFrames: count('tx_packets'),
      receivedFrames: count('rx_packets'),
    };
  });
}
