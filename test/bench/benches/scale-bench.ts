import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Bench, BenchContext, BenchResult, Row } from '../bench.ts';
import { interleaveFigures, measuredOf, rowOf } from '../rounds.ts';
import type { ScaleOrder, ScalePoint } from '../scale-child.ts';
import { numberText } from '../table.ts';
import { BenchMemory, BenchThread } from '../worker-pair.ts';

const CHILD = fileURLToPath(new URL('../scale-child.ts', import.meta.url));
const WALL_MS = 1000;
const SOAK_MS = 8000;
const SOAK_MS_FULL = 150_000;
const BASE = {
  host: 'virtual',
  vms: 1,
  nicsPerVm: 2,
  mode: 'vhost',
  frameSize: 64,
  flows: 16,
  ratePps: 200e3,
} as const;
/** Offered to each VM where the load grows with the graph: batches stay as they are, and all that grows is the graph. */
const VM_PPS = 20e3;
/** Two thirds of what a 10 Gbit/s port carries of them. */
const JUMBO_PPS = 180e3;
/** Offered on real threads: each frame wakes three of them, and two cores are all there are. */
const THREADS_PPS = 60e3;

type Shape = Omit<ScaleOrder, 'wallMs' | 'core'>;

const GRAPHS: readonly Shape[] = [
  ...[1, 4, 16, 64].map((vms) => ({ ...BASE, vms })),
  ...[1, 4, 16, 64].map((vms) => ({ ...BASE, vms, ratePps: VM_PPS * vms })),
  { ...BASE, vms: 64, nicsPerVm: 4 },
  ...['accelerated', 'direct'].flatMap((mode) => [1, 64].map((vms) => ({ ...BASE, vms, mode }))),
  ...[1, 4, 8].map((vms) => ({ ...BASE, host: 'threads' as const, vms, ratePps: THREADS_PPS })),
];
const LOADS: readonly Shape[] = [
  ...[512, 1518].map((frameSize) => ({ ...BASE, frameSize })),
  { ...BASE, frameSize: 9000, ratePps: JUMBO_PPS },
  ...[1024, 1_000_000].map((flows) => ({ ...BASE, flows })),
];
const TABLE_ENTRIES = [1000, 1_000_000];
const LOOKUPS = 2_000_000;

const run = promisify(execFile);

/** What grows with the graph, the frames, the flows and the time. */
export const scaleBench: Bench = {
  name: 'scale',
  what: '1 to 64 VMs and 2 to 256 vNICs, frames of 64 to 9,000 bytes, a million flows, and a long run',
  usesBothCores: true,
  onDemand: true,
  run: async (context): Promise<BenchResult> => {
    const rows: Row[] = [];
    const notes: string[] = [];
    for (const shape of [...GRAPHS, ...LOADS]) {
      context.progress(`  ${nameOf(shape)}`);
      const point = await measure(shape, WALL_MS, context);
      rows.push(rowFor(shape, point));
      notes.push(`${nameOf(shape)}: ${graphText(shape, point)}`);
    }
    for (const entries of TABLE_ENTRIES) rows.push(...(await measureTables(entries, context)));
    for (const host of ['virtual', 'threads'] as const) {
      const wallMs = context.quick ? SOAK_MS : SOAK_MS_FULL;
      context.progress(`  two times ${wallMs / 1000} s, ${host}`);
      const point = await measure({ ...BASE, host, flows: 1024 }, wallMs, context);
      const grown = `${numberText(point.residentGrowthBytes / 2 ** 20)} MiB resident`;
      const frames = `${numberText(point.delivered / 1e6)} M frames`;
      notes.push(`long run, ${host}: ${grown} came with ${frames} after as many; at the end ${mib(point)}`);
    }
    return { rows, notes, skipped: null };
  },
};

async function measure(shape: Shape, wallMs: number, { cores }: BenchContext): Promise<ScalePoint> {
  const order: ScaleOrder = { ...shape, wallMs, core: cores[1] };
  const { stdout } = await run(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(order)]);
  return JSON.parse(stdout) as ScalePoint;
}

function nameOf({ host, vms, nicsPerVm, mode, frameSize, flows, ratePps }: Shape): string {
  const load = `${numberText(ratePps / 1e3)} kpps, ${frameSize} bytes, ${flows} flows a stream`;
  return `${host}, ${mode}, ${vms} VMs of ${nicsPerVm} vNICs, ${load}`;
}

function rowFor(shape: Shape, { nsPerFrame }: ScalePoint): Row {
  return rowOf({ name: nameOf(shape), unit: 'ns/frame', better: 'lower' }, measuredOf([nsPerFrame]), null);
}

function graphText({ vms }: Shape, point: ScalePoint): string {
  const { threads, planMs, startMs, sharedBytes, sent, delivered } = point;
  const each = sharedBytes / 2 ** 20 / vms;
  return (
    `${threads} threads, planned in ${numberText(planMs)} ms, up in ${numberText(startMs)} ms, ${numberText(each)} MiB ` +
    `shared a VM, ${mib(point)}, ${numberText((delivered / sent) * 100)} % delivered`
  );
}

function mib({ residentBytes }: ScalePoint): string {
  return `${numberText(residentBytes / 2 ** 20)} MiB resident`;
}

async function measureTables(entries: number, context: BenchContext): Promise<Row[]> {
  const look = async (): Promise<number[]> => {
    const thread = await BenchThread.start('tables', context.cores[1]);
    const memory = new BenchMemory();
    try {
      const task = { kind: 'tables', entries, lookups: LOOKUPS } as const;
      const { values } = await thread.run(task, memory.buffers, memory.meeting);
      return [values.fdbNs, values.flowNs];
    } finally {
      await thread.end();
    }
  };
  const [[fdb, flow]] = await interleaveFigures([look], 2, context, 0);
  const meaning = (name: string) => ({ name: `${name}, ${entries} entries`, unit: 'ns', better: 'lower' }) as const;
  return [rowOf(meaning('FDB look-up'), fdb, null), rowOf(meaning('flow table look-up'), flow, null)];
}
