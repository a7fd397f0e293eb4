/** One graph at work, in a process of its own: what it takes to build, and what a frame costs there. One JSON line. */
import { readFileSync } from 'node:fs';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import type { Snapshot } from '../../src/metrics/derive/snapshot.ts';
import type { Host } from '../../src/runtime/host.ts';
import { processTids, setThreadCores } from '../../src/runtime/os/os-threads.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { deliveredFrames, sentFrames } from './delivered.ts';
import { scaleScenario } from './scale-scenario.ts';
import type { ScaleShape } from './scale-scenario.ts';

/** What the child is asked for, as JSON in its first argument. */
export interface ScaleOrder extends ScaleShape {
  readonly host: 'virtual' | 'threads';
  /** Offered frames/s of all streams together. */
  readonly ratePps: number;
  readonly wallMs: number;
  /** Where the virtual host runs. */
  readonly core: number;
}

export interface ScalePoint {
  readonly threads: number;
  readonly planMs: number;
  /** Shared memory of the plan. */
  readonly sharedBytes: number;
  /** From the plan until every vNIC is up, wall clock. */
  readonly startMs: number;
  /** Of the process at the end, and how much of it came after the first half of the traffic. */
  readonly residentBytes: number;
  readonly residentGrowthBytes: number;
  readonly sent: number;
  readonly delivered: number;
  /** Wall clock on the virtual host; CPU time of the modelled host and its guests on the thread host. */
  readonly nsPerFrame: number;
}

const STEP_NS = 5e6;

const order = JSON.parse(process.argv[2]) as ScaleOrder;
if (order.host === 'virtual') for (const tid of processTids()) setThreadCores(tid, [order.core]);
let startedMs = performance.now();
const plan = buildPlan(scaleScenario(order));
const planMs = performance.now() - startedMs;
/** Threads that do not spin. */
const MODELLED = new Set(plan.threads.filter(({ kind }) => kind !== 'hardware').map(({ name }) => name));
startedMs = performance.now();
const host: Host = order.host === 'virtual' ? new VirtualHost(plan) : await ThreadHost.create(plan);
try {
  await host.start();
  await waitUntilReady(host);
  const startMs = performance.now() - startedMs;
  setRates(
    host,
    plan.streams.map(() => order.ratePps / plan.streams.length),
  );
  await pass();
  const residentBefore = residentBytes();
  const { sent, delivered, ns } = await pass();
  const resident = residentBytes();
  const point: ScalePoint = {
    threads: plan.threads.length,
    planMs,
    sharedBytes: plan.buffers.reduce((sum, { bytes }) => sum + bytes, 0),
    startMs,
    residentBytes: resident,
    residentGrowthBytes: resident - residentBefore,
    sent,
    delivered,
    nsPerFrame: ns / delivered,
  };
  console.log(JSON.stringify(point));
} finally {
  await host.stop();
}

async function pass(): Promise<{ sent: number; delivered: number; ns: number }> {
  const before = takeSnapshot(host);
  const beganMs = performance.now();
  do await host.advance(order.host === 'virtual' ? STEP_NS : order.wallMs * 1e6);
  while (performance.now() - beganMs < order.wallMs);
  const wallNs = (performance.now() - beganMs) * 1e6;
  const after = takeSnapshot(host);
  const runNs = (snapshot: Snapshot): number =>
    snapshot.threads.reduce((sum, { name, runNs: ns }) => (MODELLED.has(name) ? sum + ns : sum), 0);
  return {
    sent: sentFrames(plan, after) - sentFrames(plan, before),
    delivered: deliveredFrames(plan, after) - deliveredFrames(plan, before),
    ns: order.host === 'virtual' ? wallNs : runNs(after) - runNs(before),
  };
}

/** VmRSS, proc(5). */
function residentBytes(): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return Number(line![1]) * 1024;
}
