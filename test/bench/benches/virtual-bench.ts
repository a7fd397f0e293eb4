import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Bench, BenchResult } from '../bench.ts';
import { MODES, MODE_SCENARIO } from '../modes.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';
import type { VirtualOrder, VirtualPoint } from '../virtual-child.ts';

const CHILD = fileURLToPath(new URL('../virtual-child.ts', import.meta.url));
/** Each stream: what the modelled host carries in every mode. */
const RATE_PPS = 300e3;
const WALL_MS = 1500;
const WALL_MS_QUICK = 400;
const ROUNDS_QUICK_MAX = 2;

const run = promisify(execFile);

/** What a simulated frame costs: the virtual host does the thread host's work and a scheduler's besides. */
export const virtualBench: Bench = {
  name: 'virtual',
  what: `${MODE_SCENARIO} on the virtual host: delivered frames a second of wall clock, on one core`,
  usesBothCores: false,
  run: async (context): Promise<BenchResult> => {
    const wallMs = context.quick ? WALL_MS_QUICK : WALL_MS;
    const points: VirtualPoint[][] = MODES.map(() => []);
    const contenders = MODES.map(({ overrides }, m) => async (): Promise<number[]> => {
      const order: VirtualOrder = {
        scenario: MODE_SCENARIO,
        overrides,
        ratePps: RATE_PPS,
        wallMs,
        core: context.cores[1],
      };
      const { stdout } = await run(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(order)]);
      const point = JSON.parse(stdout) as VirtualPoint;
      points[m].push(point);
      return [point.deliveredPerSecond / 1e6];
    });
    const rounds = context.quick ? Math.min(context.rounds, ROUNDS_QUICK_MAX) : context.rounds;
    const measured = await interleaveFigures(contenders, 1, { ...context, rounds }, 0);
    return {
      rows: MODES.map(({ name }, m) =>
        rowOf({ name: `virtual host, ${name}`, unit: 'M frames/s', better: 'higher' }, measured[m][0], null),
      ),
      notes: MODES.map(({ name }, m) => {
        const { virtualSeconds, wallSeconds } = points[m][0];
        return `${name}: ${(virtualSeconds / wallSeconds).toFixed(2)} virtual seconds a second at 2 x ${RATE_PPS / 1e3} kpps`;
      }),
      skipped: null,
    };
  },
};
