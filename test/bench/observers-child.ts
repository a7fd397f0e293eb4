/**
 * One scenario on the thread host, watched and unwatched in turn, in a process of its own. Watched: once a second, as
 * `run` does, a sample of every counter, ring, histogram and thread, the console's picture and an NDJSON record of it.
 * Prints one JSON line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EMPTY, Subject, map, share } from 'rxjs';
import { describeHeading } from '../../src/experiment/tell/run-heading.ts';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { ConsoleView } from '../../src/metrics/sinks/console-view.ts';
import { createRecorder } from '../../src/metrics/derive/interval-record.ts';
import { streamIntervals } from '../../src/metrics/sinks/ndjson.ts';
import { createSampler } from '../../src/metrics/derive/sampler.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { paintFor } from '../../src/metrics/text/text-table.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { deliveredFrames } from './delivered.ts';

/** What the child is asked for, as JSON in its first argument. */
export interface ObserversOrder {
  readonly scenario: string;
  readonly overrides: readonly string[];
  /** Offered frames/s of each stream. */
  readonly ratePps: number;
  readonly warmUpMs: number;
  readonly pairs: number;
}

/** Delivered frames/s of each pair of seconds. */
export interface ObserversPoint {
  readonly watched: readonly number[];
  readonly unwatched: readonly number[];
  /** What the sinks wrote, so that nobody takes an idle sink for a cheap one. */
  readonly bytesShown: number;
}

const SECOND_MS = 1000;
/** Enough for V8 to compile what a sample runs; as often as run.ts does it. */
const REHEARSALS = 60;

const order = JSON.parse(process.argv[2]) as ObserversOrder;
const scenario = loadScenario(order.scenario, { overrides: order.overrides });
const host = await ThreadHost.create(buildPlan(scenario));
let bytesShown = 0;
try {
  await host.start();
  const tick = watchHost();
  setRates(
    host,
    host.plan.streams.map(() => order.ratePps),
  );
  await delay(order.warmUpMs);
  for (let i = 0; i < REHEARSALS; i++) tick();
  const watched: number[] = [];
  const unwatched: number[] = [];
  for (let pair = 0; pair < order.pairs; pair++) {
    // In turn the one first and the other: a drift of the machine favours neither.
    const first = pair % 2 === 0;
    for (const on of [first, !first]) (on ? watched : unwatched).push(await deliveredInASecond(on ? tick : null));
  }
  console.log(JSON.stringify({ watched, unwatched, bytesShown } satisfies ObserversPoint));
} finally {
  await host.stop();
}

/** Subscribes every sink of a run. @returns takes a sample and shows it. */
function watchHost(): () => void {
  const ticks = new Subject<string>();
  const startNs = host.nowNs();
  const sampler = createSampler(ticks, () => takeSnapshot(host));
  const intervals = sampler.intervals.pipe(map(createRecorder(host.plan, host.places, startNs)), share());
  const live = { heading: describeHeading(scenario, host), startNs, intervals, provisioning: EMPTY };
  const write = (text: string): boolean => {
    bytesShown += text.length;
    return true;
  };
  const screen = { columns: 120, rows: 50, write, on: () => undefined, off: () => undefined };
  new ConsoleView(live, screen, paintFor(true));
  streamIntervals(live, write);
  ticks.next('bench');
  return () => ticks.next('bench');
}

/** @param tick called in the middle of the second. */
async function deliveredInASecond(tick: (() => void) | null): Promise<number> {
  const before = takeSnapshot(host);
  await delay(SECOND_MS / 2);
  tick?.();
  await delay(SECOND_MS / 2);
  const after = takeSnapshot(host);
  const frames = deliveredFrames(host.plan, after) - deliveredFrames(host.plan, before);
  return (frames * 1e9) / (after.atNs - before.atNs);
}
