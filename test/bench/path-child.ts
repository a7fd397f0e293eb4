/**
 * One run of a whole scenario on the thread host, in a process of its own: the host takes the process's threads and
 * moves them to its cores. Prints one JSON line for each load asked for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import type { Snapshot } from '../../src/metrics/derive/snapshot.ts';
import type { Host } from '../../src/runtime/host.ts';
import type { Plan } from '../../src/runtime/plan.ts';
import { sampleCores } from '../../src/runtime/os/core-use.ts';
import type { CoreSample } from '../../src/runtime/os/core-use.ts';
import { ScheduleReader } from '../../src/runtime/os/sched-stats.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { deliveredFrames, sentFrames } from './delivered.ts';

/** What the child is asked for, as JSON in its first argument. */
export interface PathOrder {
  readonly scenario: string;
  readonly overrides: readonly string[];
  /** Offered frames/s of each stream, one load after another. */
  readonly ratesPps: readonly number[];
  /** Go no higher once two loads in a row delivered less than this part of the best. */
  readonly giveUpBelow: number;
  readonly warmUpMs: number;
  readonly pointMs: number;
}

/** What one load gave. */
export interface PathPoint {
  readonly ratePps: number;
  /** Sums over all streams, frames/s. */
  readonly sentPps: number;
  readonly deliveredPps: number;
  /** Share of the cores' time that went to other processes: above a few per cent the point says little. */
  readonly foreignShare: number;
  readonly threads: readonly { readonly name: string; readonly runShare: number; readonly waitShare: number }[];
}

/** Between two loads: what the higher one left in the queues leaves the path. */
const SETTLE_MS = 200;

const order = JSON.parse(process.argv[2]) as PathOrder;
const host = await ThreadHost.create(buildPlan(loadScenario(order.scenario, { overrides: order.overrides })));
const schedules = new ScheduleReader();
try {
  await host.start();
  offer(order.ratesPps[order.ratesPps.length >> 1]);
  await delay(order.warmUpMs);
  let best = 0;
  let worse = 0;
  for (const ratePps of order.ratesPps) {
    offer(ratePps);
    await delay(SETTLE_MS);
    const coresBefore = sampleCores(schedules.read());
    const before = takeSnapshot(host);
    await delay(order.pointMs);
    const after = takeSnapshot(host);
    const foreignShare = foreignShareOf(coresBefore, sampleCores(schedules.read()));
    const point = { ...pointOf(host, ratePps, before, after), foreignShare } satisfies PathPoint;
    console.log(JSON.stringify(point));
    best = Math.max(best, point.deliveredPps);
    worse = point.deliveredPps < best * order.giveUpBelow ? worse + 1 : 0;
    if (worse === 2) break;
  }
} finally {
  schedules.close();
  await host.stop();
}

function offer(ratePps: number): void {
  setRates(
    host,
    host.plan.streams.map(() => ratePps),
  );
}

/** What the cores did beyond this process's threads. */
function foreignShareOf(before: CoreSample, after: CoreSample): number {
  const idleNs = ({ cores }: CoreSample): number => cores.reduce((sum, core) => sum + core.idleNs, 0);
  const ownNs = ({ threads }: CoreSample): number => threads.reduce((sum, { runNs }) => sum + runNs, 0);
  const elapsedNs = (after.atNs - before.atNs) * after.cores.length;
  const foreignNs = elapsedNs - (idleNs(after) - idleNs(before)) - (ownNs(after) - ownNs(before));
  return Math.max(0, foreignNs) / elapsedNs;
}

function pointOf(running: Host, ratePps: number, before: Snapshot, after: Snapshot): Omit<PathPoint, 'foreignShare'> {
  const elapsedNs = after.atNs - before.atNs;
  const perSecond = (framesUntil: (plan: Plan, snapshot: Snapshot) => number): number =>
    ((framesUntil(running.plan, after) - framesUntil(running.plan, before)) * 1e9) / elapsedNs;
  return {
    ratePps,
    sentPps: perSecond(sentFrames),
    deliveredPps: perSecond(deliveredFrames),
    threads: after.threads.map(({ name, runNs, waitNs }) => {
      const start = before.threads.find((thread) => thread.name === name);
      return {
        name,
        runShare: (runNs - (start?.runNs ?? 0)) / elapsedNs,
        waitShare: ((waitNs ?? 0) - (start?.waitNs ?? 0)) / elapsedNs,
      };
    }),
  };
}
