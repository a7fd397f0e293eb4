/** The virtual host at work on one core, in a process of its own. Prints one JSON line. */
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { takeSnapshot } from '../../src/metrics/derive/snapshot.ts';
import { processTids, setThreadCores } from '../../src/runtime/os/os-threads.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { deliveredFrames } from './delivered.ts';

/** What the child is asked for, as JSON in its first argument. */
export interface VirtualOrder {
  readonly scenario: string;
  readonly overrides: readonly string[];
  /** Offered frames/s of each stream, in virtual time. */
  readonly ratePps: number;
  /** How long to simulate, after as long a warm-up. */
  readonly wallMs: number;
  readonly core: number;
}

export interface VirtualPoint {
  readonly deliveredPerSecond: number;
  readonly virtualSeconds: number;
  readonly wallSeconds: number;
}

const STEP_NS = 2e7;

const order = JSON.parse(process.argv[2]) as VirtualOrder;
for (const tid of processTids()) setThreadCores(tid, [order.core]);
const host = new VirtualHost(buildPlan(loadScenario(order.scenario, { overrides: order.overrides })));
await host.start();
await waitUntilReady(host);
setRates(
  host,
  host.plan.streams.map(() => order.ratePps),
);
await simulate();
console.log(JSON.stringify(await simulate()));
await host.stop();

async function simulate(): Promise<VirtualPoint> {
  const before = takeSnapshot(host);
  const startMs = performance.now();
  do await host.advance(STEP_NS);
  while (performance.now() - startMs < order.wallMs);
  const wallSeconds = (performance.now() - startMs) / 1e3;
  const after = takeSnapshot(host);
  return {
    deliveredPerSecond: (deliveredFrames(host.plan, after) - deliveredFrames(host.plan, before)) / wallSeconds,
    virtualSeconds: (after.atNs - before.atNs) / 1e9,
    wallSeconds,
  };
}
