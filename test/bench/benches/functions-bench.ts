import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import type { Bench, BenchContext, BenchResult } from '../bench.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
import { BenchMemory, BenchThread } from '../worker-pair.ts';

const FRAMES = 2_000_000;
const FRAMES_QUICK = 500_000;
const STREAM = 'traffic.streams=[{from: eth0, to: eth1, via: vnic0, flows: 1024}]';
const MANY = 'traffic.streams=[{from: eth0, to: eth1, via: vnic0, flows: 1000000}]';
const POOL = 'vms.vm0.nf={kind: nat44, outside: vnic1, external: 198.18.1.64/28}';

/** Share of frames that a function may drop, because that is what its scenario is about. */
const FUNCTIONS = [
  { name: 'ip-forward, 1,024 flows', scenario: 'kvm-forum-2014', overrides: [], mayDrop: 0 },
  { name: 'firewall, 2 rules', scenario: 'firewall', overrides: [], mayDrop: 0.26 },
  { name: 'nat44, 1,024 flows', scenario: 'nat44', overrides: ['expect=[]', STREAM, POOL], mayDrop: 0 },
  { name: 'nat44, 1,000,000 flows', scenario: 'nat44', overrides: ['expect=[]', MANY, POOL], mayDrop: 0 },
  { name: 'load-balancer, 1,024 flows', scenario: 'load-balancer', overrides: [], mayDrop: 0 },
  { name: 'server', scenario: 'server', overrides: [], mayDrop: 0 },
  {
    name: "ip-forward as the user's module",
    scenario: 'my-function',
    overrides: ['expect=[]', 'vms.vm0.nf=test/bench/router-module.ts'],
    mayDrop: 0,
  },
] as const;

/** Each network function by itself: ns a frame, 64-byte frames in batches of 64. */
export const functionsBench: Bench = {
  name: 'functions',
  what: 'each network function alone on one thread, 64-byte frames of many flows',
  usesBothCores: false,
  run: async (context): Promise<BenchResult> => {
    const contenders = FUNCTIONS.map((each) => () => measure(each, context));
    const figures = await interleaveFigures(contenders, 1, context, 0);
    const rows = FUNCTIONS.map(({ name }, i) =>
      rowOf({ name: `function ${name}`, unit: 'ns/frame', better: 'lower' }, figures[i][0], null),
    );
    return { rows, notes: [], skipped: null };
  },
};

async function measure(
  { name, scenario, overrides, mayDrop }: (typeof FUNCTIONS)[number],
  { quick, cores }: BenchContext,
): Promise<number[]> {
  const plan = buildPlan(loadScenario(scenario, { overrides }));
  // A fresh thread each round: what V8 makes of a function differs from one start to the next.
  const thread = await BenchThread.start('functions', cores[1]);
  const memory = new BenchMemory();
  try {
    const task = { kind: 'function', plan, frames: quick ? FRAMES_QUICK : FRAMES } as const;
    const { values } = await thread.run(task, memory.buffers, memory.meeting);
    if (values.dropped > mayDrop)
      throw new Error(`${name} dropped ${(values.dropped * 100).toFixed(1)} % of its frames`);
    return [values.frame];
  } finally {
    await thread.end();
  }
}
