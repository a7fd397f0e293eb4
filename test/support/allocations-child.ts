/**
 * A scenario on the thread host, in a process of its own: what each of its threads allocates while frames pass. Prints
 * one JSON line, an AllocationsPoint for each load.
 */
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { deliveredFrames } from '../bench/delivered.ts';
import { ALLOCATION_CHANNEL } from './sampled-thread.ts';
import type { AllocationAnswer, AllocationQuestion } from './sampled-thread.ts';

/** What the child is asked for, as JSON in its first argument. */
export interface AllocationsOrder {
  readonly scenario: string;
  readonly overrides: readonly string[];
  /** Offered frames/s of each stream, one load after another. */
  readonly ratesPps: readonly number[];
  readonly warmUpMs: number;
  readonly loadMs: number;
  /** Whether each vCPU leaves an object for each frame. */
  readonly litter: boolean;
}

export interface AllocationsPoint {
  /** Delivered while the threads were watched. */
  readonly frames: number;
  /** Bytes by thread and function. */
  readonly threads: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const order = JSON.parse(process.argv[2]) as AllocationsOrder;
const entry = fileURLToPath(new URL('sampled-thread.ts', import.meta.url));
const plan = buildPlan(loadScenario(order.scenario, { overrides: order.overrides }));
const host = await ThreadHost.create(plan, { entry });
try {
  await host.start();
  await waitUntilReady(host);
  // The last load warms up: what it runs is optimised by then. And once before, so that the litter is optimised too.
  await ask();
  await host.resume();
  offer(order.ratesPps[order.ratesPps.length - 1]);
  await host.advance(order.warmUpMs * 1e6);
  const points: AllocationsPoint[] = [];
  for (const ratePps of order.ratesPps) {
    offer(ratePps);
    await ask();
    const before = deliveredFrames(plan, takeSnapshot(host));
    await host.resume();
    await host.advance(order.loadMs * 1e6);
    const threads = await ask();
    points.push({ frames: deliveredFrames(plan, takeSnapshot(host)) - before, threads });
    await host.resume();
  }
  console.log(JSON.stringify(points));
} finally {
  await host.stop();
}

function offer(ratePps: number): void {
  setRates(
    host,
    plan.streams.map(() => ratePps),
  );
}

/** Pauses the run and asks every thread what it has allocated since the last time. */
async function ask(): Promise<AllocationsPoint['threads']> {
  await host.pause();
  const channel = new BroadcastChannel(ALLOCATION_CHANNEL);
  const threads: Record<string, Readonly<Record<string, number>>> = {};
  const answered = new Promise<void>((resolve) => {
    channel.onmessage = (message): void => {
      const { answer, thread, bytes } = (message as { data: Partial<AllocationAnswer> }).data;
      if (answer === undefined) return;
      threads[thread!] = bytes!;
      if (Object.keys(threads).length === plan.threads.length) resolve();
    };
  });
  channel.postMessage({ question: 1, litter: order.litter } satisfies AllocationQuestion);
  await answered;
  channel.close();
  return threads;
}
