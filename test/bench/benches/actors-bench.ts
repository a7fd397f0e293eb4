import { buildPlan } from '../../../src/topology/build-plan.ts';
import { loadScenario } from '../../../src/topology/scenario-file.ts';
import type { Bench, BenchResult, Row } from '../bench.ts';
import type { Measured } from '../rounds.ts';
import { interleaveFigures, measuredOf, rowOf } from '../rounds.ts';
import { BenchMemory, BenchThread } from '../worker-pair.ts';

const SCENARIO = 'kvm-forum-2014-fast';
const OVERRIDES = ['ports.eth0.interruptRate=unlimited', 'ports.eth1.interruptRate=unlimited'];
const CYCLES = 2000;
const CYCLES_QUICK = 500;

/** In the order of the path, and under which kind of actor src/runtime/virtual-costs.ts charges each. */
const STATIONS = [
  { label: 'generator', kind: 'generator' },
  { label: 'nic rx', kind: 'nic' },
  { label: 'softirq napi', kind: 'softirq' },
  { label: 'bridge', kind: 'bridge' },
  { label: 'tap', kind: 'tap' },
  { label: 'vhost rx', kind: 'vhost' },
  { label: 'vcpu ip-forward', kind: 'vcpu' },
  { label: 'vhost tx', kind: 'vhost' },
  { label: 'softirq backlog', kind: 'softirq' },
  { label: 'softirq tx clean', kind: 'softirq' },
  { label: 'nic tx', kind: 'nic' },
  { label: 'sink', kind: 'sink' },
] as const;
const FIGURES = ['batch', 'poll', 'frame'] as const;
const BATCH = 0;
const POLL = 1;
const FRAME = 2;
/** Stations that a forwarded frame passes twice. */
const TWICE = new Set<string>(['bridge']);

/** Each actor by itself: ns a frame in batches of 64, and ns of a poll that finds nothing. */
export const actorsBench: Bench = {
  name: 'actors',
  what: `each actor of ${SCENARIO} alone on one thread, 64-byte frames in batches of 64`,
  usesBothCores: false,
  run: async (context): Promise<BenchResult> => {
    const plan = buildPlan(loadScenario(SCENARIO, { overrides: OVERRIDES }));
    const cycles = context.quick ? CYCLES_QUICK : CYCLES;
    const measure = async (): Promise<number[]> => {
      // A fresh thread each round: what V8 makes of the actors differs from one start to the next.
      const thread = await BenchThread.start('actors', context.cores[1]);
      const memory = new BenchMemory();
      try {
        const { values } = await thread.run({ kind: 'actors', plan, cycles }, memory.buffers, memory.meeting);
        return STATIONS.flatMap(({ label }) => FIGURES.map((figure) => values[`${label}|${figure}`]));
      } finally {
        await thread.end();
      }
    };
    const [figures] = await interleaveFigures([measure], STATIONS.length * FIGURES.length, context, 0);
    const at = (station: number, figure: number): Measured => figures[station * FIGURES.length + figure];
    const rows = STATIONS.map(({ label }, s) => row(label, at(s, BATCH)));
    return {
      rows: [...rows, row('whole path, both bridges', pathSum(STATIONS.map((_, s) => at(s, BATCH))))],
      notes: ['for src/runtime/virtual-costs.ts:', ...virtualCosts((s, figure) => at(s, figure).spread.median)],
      skipped: null,
    };
  },
};

function row(label: string, measured: Measured): Row {
  return rowOf({ name: `actor ${label}`, unit: 'ns/frame', better: 'lower' }, measured, null);
}

function pathSum(stations: readonly Measured[]): Measured {
  const sums = stations[0].rounds.map((_, round) =>
    stations.reduce((sum, { rounds }, s) => sum + rounds[round].value * (TWICE.has(STATIONS[s].label) ? 2 : 1), 0),
  );
  return measuredOf(sums);
}

/**
 * Lines of MEASURED_COSTS. Kinds with two stations get the mean of both, since the virtual host charges per frame moved
 * whichever way; cleaning the transmit ring moves nothing and is shared by the frames that move.
 */
function virtualCosts(median: (station: number, figure: number) => number): string[] {
  const kinds = [...new Set(STATIONS.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = STATIONS.flatMap((station, s) => (station.kind === kind ? [{ ...station, s }] : []));
    const moving = own.filter(({ label }) => label !== 'softirq tx clean').length;
    const pollNs = own.reduce((sum, { s }) => sum + median(s, POLL), 0) / own.length;
    const frameNs = own.reduce((sum, { s }) => sum + median(s, FRAME), 0) / moving;
    return `  ${kind}: { pollNs: ${Math.round(pollNs)}, frameNs: ${Math.round(frameNs)} },`;
  });
}
