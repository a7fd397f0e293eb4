import type { Region } from '../../memory/arena.ts';
import { ringDepth } from '../../memory/id-ring.ts';
import { wireDepth } from '../../memory/wire-ring.ts';
import type { Host, ThreadUse } from '../../runtime/host.ts';

/** Everything that can be read of a run from outside at one moment, while it goes on. */
export interface Snapshot {
  /** The run's clock, ns. */
  readonly atNs: number;
  /** Counter values by actor, in the order of the actor's `counters` in the plan. */
  readonly counters: ReadonlyMap<string, Float64Array>;
  /** Ids in each ring and frames on each wire, by name. */
  readonly depths: ReadonlyMap<string, number>;
  readonly threads: readonly ThreadUse[];
  /** Counts of the lateness of each generator and client, by actor, in the buckets of memory/histogram.ts. */
  readonly lateness: ReadonlyMap<string, Float64Array>;
  /** Counts of the latency of each stream, by its name, and of each client, by actor, in the same buckets. */
  readonly latency: ReadonlyMap<string, Float64Array>;
}

/** Reads all counters, depths and thread times. Counters of one actor are of one commit or two adjacent ones. */
export function takeSnapshot(host: Host): Snapshot {
  host.refreshCounters?.();
  const counters = new Map<string, Float64Array>();
  for (const thread of host.plan.threads) {
    for (const { name, counterRegion } of thread.actors) {
      if (counterRegion !== null) counters.set(name, copyDoubles(host, counterRegion));
    }
  }
  const depths = new Map<string, number>();
  for (const { name, ring, carries } of host.plan.rings) {
    if (carries === 'frames') depths.set(name, ringDepth(host.memory, ring));
  }
  for (const { name, wire } of host.plan.wires) depths.set(name, wireDepth(host.memory, wire));
  const { ports, streams, clients } = host.plan;
  const lateness = new Map([
    ...ports.map((port) => [port.generator, copyDoubles(host, port.lateness)] as const),
    ...clients.map((each) => [each.client, copyDoubles(host, each.lateness)] as const),
  ]);
  const latency = new Map([
    ...streams.map((stream) => [stream.name, copyDoubles(host, stream.latency)] as const),
    ...clients.map((each) => [each.client, copyDoubles(host, each.latency)] as const),
  ]);
  return { atNs: host.nowNs(), counters, depths, threads: host.threadUse(), lateness, latency };
}

/** A copy of 64-bit floats in shared memory: a counter page or a histogram's counts. */
export function copyDoubles(host: Host, region: Region): Float64Array {
  return host.memory.doubles(region).slice();
}
