import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from 'simple-statistics';
import type { Bench, BenchResult } from '../bench.ts';
import { MODES, MODE_SCENARIO } from '../modes.ts';
import { openTestpmd, TESTPMD_RINGS } from '../native/testpmd.ts';
import type { PathOrder, PathPoint } from '../path-child.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
import { numberText } from '../table.ts';

const CHILD = fileURLToPath(new URL('../path-child.ts', import.meta.url));
const FLOOR_MPPS = 1.2;

/** Interrupts as rare as the slowest class of e1000_set_itr allows, and no guard against softirq. */
const TUNED = ['host.kernel=linux-6.5', 'ports.eth0.interruptRate=4000', 'ports.eth1.interruptRate=4000'];

interface Variant {
  readonly name: string;
  readonly overrides: readonly string[];
}

/** Each mode with virtqueues of 1,024. */
const VARIANTS: readonly Variant[] = MODES.map(({ name, overrides }) => ({
  name,
  overrides: [...TUNED, ...overrides],
}));
const AS_SHIPPED: Variant = { name: 'vhost, as shipped', overrides: [] };
/** Offered frames/s of each of the two streams: half as much again each time, to find where to look closer. */
const WIDE_FACTOR = 1.5;
const WIDE_RATES_PPS = ladder(7, 250e3, WIDE_FACTOR);
/** And then a twentieth more each time, between the neighbours of the best. */
const CLOSE_FACTOR = 1.05;
const CLOSE_STEPS = Math.ceil((2 * Math.log(WIDE_FACTOR)) / Math.log(CLOSE_FACTOR));
const GIVE_UP_BELOW = 0.6;
/** V8 compiles the host's threads for this long; until then the path carries half. */
const WARM_UP_MS = 4000;
const SEARCH_MS = 800;
const POINT_MS = 2000;
const POINT_MS_QUICK = 1000;
const SEARCH_MS_QUICK = 300;
const FOREIGN_SHARE_MAX = 0.05;
const ATTEMPTS = 2;
const TESTPMD_VM = 'DPDK testpmd, forwarding VM';
/** Processes of their own, seconds each. */
const ROUNDS_QUICK_MAX = 2;

const run = promisify(execFile);

function ladder(steps: number, firstPps: number, factor: number): number[] {
  return Array.from({ length: steps }, (_, i) => Math.round((firstPps * factor ** i) / 1e3) * 1e3);
}

function bestOf(points: readonly PathPoint[]): PathPoint {
  return points.reduce((a, b) => (b.deliveredPps > a.deliveredPps ? b : a));
}

/** The whole path at the load it carries best. */
export const pathBench: Bench = {
  name: 'path',
  what: `${MODE_SCENARIO} on the thread host in each mode, both directions summed, at its best load`,
  usesBothCores: true,
  run: async (context): Promise<BenchResult> => {
    const best: PathPoint[] = [];
    const notes: string[] = [];
    const [searchMs, pointMs] = context.quick ? [SEARCH_MS_QUICK, POINT_MS_QUICK] : [SEARCH_MS, POINT_MS];
    const variants = context.quick ? VARIANTS : [...VARIANTS, AS_SHIPPED];
    for (const { name, overrides } of variants) {
      context.progress(`  ${name}: looking for the best load`);
      const wide = await measure({ overrides, ratesPps: WIDE_RATES_PPS, pointMs: searchMs });
      const firstPps = bestOf(wide).ratePps / WIDE_FACTOR;
      const close = ladder(CLOSE_STEPS, firstPps * CLOSE_FACTOR, CLOSE_FACTOR);
      const points = [...wide, ...(await measure({ overrides, ratesPps: close, pointMs: searchMs }))];
      points.sort((a, b) => a.ratePps - b.ratePps);
      const found = bestOf(points);
      best.push(found);
      notes.push(`${name}: offered 2 x kpps to delivered kpps: ${points.map(pointText).join(', ')}`);
      notes.push(`${name}, at 2 x ${found.ratePps / 1e3} kpps: ${sharesText(found)}`);
    }
    const foreign: number[][] = variants.map(() => []);
    const dpdk = await openTestpmd(context.cores, 'forward');
    const peer = typeof dpdk === 'string' ? null : dpdk;
    const ours = variants.map(({ overrides }, v) => async () => {
      const point = await undisturbedPoint({ overrides, ratesPps: [best[v].ratePps], pointMs });
      foreign[v].push(point.foreignShare);
      return [point.deliveredPps / 1e6];
    });
    const peers = peer === null ? [] : TESTPMD_RINGS.map((ring) => async () => [(await peer.measure(ring)) / 1e6]);
    const rounds = context.quick ? Math.min(context.rounds, ROUNDS_QUICK_MAX) : context.rounds;
    const measured = await interleaveFigures([...ours, ...peers], 1, { ...context, rounds }, 0).finally(() =>
      peer?.close(),
    );
    const [split, packed] = measured.slice(variants.length).map(([figure]) => figure);
    const rows = variants.map(({ name }, v) =>
      rowOf(
        { name: `path, ${name}`, unit: 'Mpps', better: 'higher', floor: FLOOR_MPPS, peerName: TESTPMD_VM },
        { ...measured[v][0], waitShare: median(foreign[v]) },
        peer === null ? null : split,
      ),
    );
    if (peer === null) notes.push(`without DPDK: ${dpdk as string}`);
    else {
      rows.push(rowOf({ name: `${TESTPMD_VM}, packed`, unit: 'Mpps', better: 'higher' }, packed, null));
      notes.push('DPDK: host and guest only, a core each, frames going round; no NIC, generator, bridge or check');
    }
    notes.push('waiting, for these rows: share of the cores that other processes took');
    return { rows, notes, skipped: null };
  },
};

type Load = Pick<PathOrder, 'overrides' | 'ratesPps' | 'pointMs'>;

/** One load, again when other processes had more of the cores than they may; else the least disturbed attempt. */
async function undisturbedPoint(load: Load): Promise<PathPoint> {
  let [best] = await measure(load);
  for (let attempt = 1; attempt < ATTEMPTS && best.foreignShare > FOREIGN_SHARE_MAX; attempt++) {
    const [point] = await measure(load);
    if (point.foreignShare < best.foreignShare) best = point;
  }
  return best;
}

async function measure({ overrides, ratesPps, pointMs }: Load): Promise<PathPoint[]> {
  const order: PathOrder = {
    scenario: MODE_SCENARIO,
    overrides,
    ratesPps,
    giveUpBelow: GIVE_UP_BELOW,
    warmUpMs: WARM_UP_MS,
    pointMs,
  };
  const { stdout } = await run(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(order)]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as PathPoint);
}

function pointText({ ratePps, deliveredPps }: PathPoint): string {
  return `${ratePps / 1e3} -> ${numberText(deliveredPps / 1e3)}`;
}

function sharesText({ threads }: PathPoint): string {
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return threads
    .map(({ name, runShare, waitShare }) => `${name} ${percent(runShare)} running ${percent(waitShare)} waiting`)
    .join(', ');
}
