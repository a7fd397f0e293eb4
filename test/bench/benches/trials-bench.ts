import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SweepResult } from '../../../src/experiment/sweep/sweep-result.ts';
import type { Bench, BenchContext, BenchResult } from '../bench.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
/** What users run. Long enough that what a worker compiles does not count. */
const COMMANDS = [
  {
    name: 'sweep',
    args: 'sweep kvm-forum-2014 --host virtual --rates 100kpps,200kpps,400kpps,600kpps --trials 5 --duration 700ms',
    reach: 1.8,
  },
  { name: 'search', args: 'search livelock --host virtual', reach: null },
] as const;
const ROUNDS_QUICK_MAX = 1;

const run = promisify(execFile);

/** Trials of virtual time on all cores, against the same trials one after another. */
export const trialsBench: Bench = {
  name: 'trials',
  what: 'a sweep and a search on virtual time: trials side by side, against one after another',
  usesBothCores: true,
  run: async (context: BenchContext): Promise<BenchResult> => {
    const jobs = new Set(context.cores).size;
    const rounds = context.quick ? Math.min(context.rounds, ROUNDS_QUICK_MAX) : context.rounds;
    const folder = mkdtempSync(join(tmpdir(), 'vhostlab-trials-'));
    try {
      const contenders = COMMANDS.flatMap(({ args }) => [jobs, 1].map((count) => () => speed(folder, args, count)));
      const measured = await interleaveFigures(contenders, 1, { ...context, rounds }, 0);
      return {
        rows: COMMANDS.map(({ name, reach }, i) => {
          const asked = reach === null ? {} : { reach };
          const meaning = { name: `${name}, ${jobs} at a time`, unit: 'trials/s', better: 'higher', ...asked } as const;
          return rowOf({ ...meaning, peerName: 'one after another' }, measured[2 * i][0], measured[2 * i + 1][0]);
        }),
        notes: [],
        skipped: null,
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** Trials a second by the command's own clock, which leaves out how long Node and its loader take to start. */
async function speed(folder: string, args: string, jobs: number): Promise<number[]> {
  const json = join(folder, 'result.json');
  const command = ['--import', 'tsx', MAIN, ...args.split(' '), '--jobs', String(jobs), '--json', json];
  await run(process.execPath, command);
  const { trials, elapsedMs } = JSON.parse(readFileSync(json, 'utf8')) as Pick<SweepResult, 'trials' | 'elapsedMs'>;
  return [(trials.length * 1e3) / elapsedMs];
}
