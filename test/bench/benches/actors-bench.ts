import type { VirtualCosts } from '../../../src/runtime/virtual/virtual-costs.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import type { Bench, BenchContext, BenchResult, Row } from '../bench.ts';
import type { Mode } from '../modes.ts';
import { MODES, MODE_SCENARIO } from '../modes.ts';
import type { Measured } from '../rounds.ts';
import { interleaveFigures, measuredOf, rowOf } from '../rounds.ts';
import { COUNTERS_LABEL } from '../tasks/actors-task.ts';
import { BenchMemory, BenchThread } from '../worker-pair.ts';

const OVERRIDES = ['ports.eth0.interruptRate=unlimited', 'ports.eth1.interruptRate=unlimited'];
const CYCLES = 2000;
const CYCLES_QUICK = 500;

/** In the order of the path; on the way past the host those of softirq, bridge and tap are missing. */
export const STATIONS = [
  'generator',
  'nic rx',
  'softirq napi',
  'bridge',
  'tap',
  'vhost rx',
  'vcpu ip-forward',
  'vhost tx',
  'softirq backlog',
  'softirq tx clean',
  'nic tx',
  'sink',
  COUNTERS_LABEL,
] as const;
type Station = (typeof STATIONS)[number];
const PAST_THE_HOST = new Set<Station>(['softirq napi', 'bridge', 'tap', 'softirq backlog', 'softirq tx clean']);
/** A forwarded frame passes both bridges. */
const TWICE = new Set<Station>(['bridge']);
export const WHOLE_PATH = 'whole path';

const FIGURES = ['batch', 'poll', 'frame'] as const;
type Figures = ReadonlyMap<Station, readonly Measured[]>;

/** Each actor by itself: ns a frame in batches of 64, and ns of a poll that finds nothing. */
export const actorsBench: Bench = {
  name: 'actors',
  what: 'each actor alone on one thread, in each mode, 64-byte frames in batches of 64',
  usesBothCores: false,
  run: async (context): Promise<BenchResult> => {
    const stations = MODES.map(({ name, throughHost }) =>
      STATIONS.filter((station) =>
        throughHost ? true : !PAST_THE_HOST.has(station) && !(name === 'direct' && station.startsWith('vhost')),
      ),
    );
    const measured = await interleaveFigures(
      MODES.map((mode, m) => () => measureActors(mode, stations[m], context)),
      STATIONS.length * FIGURES.length,
      context,
      0,
    );
    const byMode = measured.map((figures, m): Figures => {
      const at = (s: number): readonly Measured[] => figures.slice(s * FIGURES.length, (s + 1) * FIGURES.length);
      return new Map(stations[m].map((station, s) => [station, at(s)]));
    });
    return {
      rows: MODES.flatMap(({ name }, m) => rowsOf(name, byMode[m])),
      notes: ['for src/runtime/virtual/virtual-costs.ts:', ...virtualCosts(byMode)],
      skipped: null,
    };
  },
};

/** One round, on a fresh thread: what V8 makes of the actors differs from one start to the next. */
async function measureActors(
  { overrides }: Mode,
  stations: readonly Station[],
  { quick, cores }: BenchContext,
): Promise<number[]> {
  const plan = buildPlan(loadScenario(MODE_SCENARIO, { overrides: [...OVERRIDES, ...overrides] }));
  const thread = await BenchThread.start('actors', cores[1]);
  const memory = new BenchMemory();
  try {
    const task = { kind: 'actors', plan, cycles: quick ? CYCLES_QUICK : CYCLES } as const;
    const { values } = await thread.run(task, memory.buffers, memory.meeting);
    return stations.flatMap((station) => FIGURES.map((figure) => values[`${station}|${figure}`]));
  } finally {
    await thread.end();
  }
}

function rowsOf(mode: string, figures: Figures): Row[] {
  const row = (label: string, measured: Measured): Row =>
    rowOf({ name: `${mode}: ${label}`, unit: 'ns/frame', better: 'lower' }, measured, null);
  const rows = [...figures].map(([station, [batch]]) => row(station, batch));
  return [...rows, row(WHOLE_PATH, pathSum(figures))];
}

function pathSum(figures: Figures): Measured {
  const all = [...figures];
  const rounds = all[0][1][0].rounds.length;
  const sumOf = (round: number): number =>
    all.reduce((sum, [station, [batch]]) => sum + batch.rounds[round].value * (TWICE.has(station) ? 2 : 1), 0);
  return measuredOf(Array.from({ length: rounds }, (_, round) => sumOf(round)));
}

/** Where src/runtime/virtual/virtual-costs.ts charges each station: of the mode with that name, those of its kind. */
const COST_SOURCES: readonly (readonly [keyof VirtualCosts, string, readonly Station[]])[] = [
  ['generator', 'vhost', ['generator']],
  ['sink', 'vhost', ['sink']],
  ['nic', 'vhost', ['nic rx', 'nic tx']],
  ['softirq', 'vhost', ['softirq napi', 'softirq backlog', 'softirq tx clean']],
  ['bridge', 'vhost', ['bridge']],
  ['tap', 'vhost', ['tap']],
  ['vhost', 'vhost', ['vhost rx', 'vhost tx']],
  ['vhost-accelerated', 'accelerated, dpaa', ['vhost rx', 'vhost tx']],
  ['vcpu', 'vhost', ['vcpu ip-forward']],
];

/**
 * Lines of MEASURED_COSTS. Kinds with two stations get the mean of both, since the virtual host charges per frame moved
 * whichever way; cleaning the transmit ring moves nothing and is shared by the frames that move.
 */
function virtualCosts(byMode: readonly Figures[]): string[] {
  return COST_SOURCES.map(([kind, modeName, stations]) => {
    const figures = byMode[MODES.findIndex(({ name }) => name === modeName)];
    const medians = stations.map((station) => figures.get(station)!.map(({ spread }) => spread.median));
    const moving = stations.filter((station) => station !== 'softirq tx clean').length;
    const pollNs = medians.reduce((sum, [, poll]) => sum + poll, 0) / stations.length;
    const frameNs = medians.reduce((sum, [, , frame]) => sum + frame, 0) / moving;
    return `  ${kind}: { pollNs: ${Math.round(pollNs)}, frameNs: ${Math.round(frameNs)} },`;
  });
}
