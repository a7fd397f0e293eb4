import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchContext, BenchResult } from '../bench.ts';
import { interleaveFigures, rowOf } from '../rounds.ts';

/** As `npm start` does: the tsx command starts a second Node with its loader. */
const TSX = fileURLToPath(new URL('../../../node_modules/tsx/dist/cli.mjs', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
/** Intervals short enough not to be what is measured. */
const ARGS = ['run', 'kvm-forum-2014-fast', '--json-stream', '--set', 'run.sampleInterval=50ms'];
const FLOOR_SECONDS = 2;
const GIVE_UP_MS = 20_000;

/** From starting the command to the end of the first interval of 50 ms that reports a delivered frame. */
export const startupBench: Bench = {
  name: 'startup',
  what: 'from the command to the first delivered frame',
  usesBothCores: false,
  run: async (context: BenchContext): Promise<BenchResult> => {
    if (!existsSync(MAIN)) return { rows: [], notes: [], skipped: 'there is no src/cli/main.ts to run' };
    const [[seconds]] = await interleaveFigures([async () => [await secondsToFirstFrame()]], 1, context, 1);
    const meaning = {
      name: 'command to first delivered frame',
      unit: 's',
      better: 'lower',
      floor: FLOOR_SECONDS,
    } as const;
    return { rows: [rowOf(meaning, seconds, null)], notes: [], skipped: null };
  },
};

async function secondsToFirstFrame(): Promise<number> {
  const startedNs = Number(process.hrtime.bigint());
  const child = spawn(process.execPath, [TSX, MAIN, ...ARGS], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
  let seconds: number | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const deliveredNs: number | null = seconds === null ? deliveryNs(line) : null;
    if (deliveredNs === null) continue;
    seconds = (deliveredNs - startedNs) / 1e9;
    child.kill('SIGINT');
  }
  await ended;
  clearTimeout(timer);
  if (seconds === null)
    throw new Error(`no interval with a delivered frame: ${errors.trim().split('\n').at(-1) ?? ''}`);
  return seconds;
}

/** The part of `run --json-stream` that is looked at; see src/metrics/derive/interval-record.ts. */
interface StreamLine {
  readonly event: string;
  readonly data: {
    /** CLOCK_MONOTONIC, as this process's own hrtime. */
    readonly monotonicNs: number;
    readonly streams?: readonly { readonly deliveredFps: number }[];
  };
}

/** End of the interval that a line reports, if any stream delivered in it. */
function deliveryNs(line: string): number | null {
  const { event, data } = JSON.parse(line) as StreamLine;
  if (event !== 'interval' || data.streams === undefined) return null;
  return data.streams.some(({ deliveredFps }) => deliveredFps > 0) ? data.monotonicNs : null;
}
