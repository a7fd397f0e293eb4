import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mean } from 'simple-statistics';
import { meanInterval } from '../bootstrap.ts';
import type { Bench, BenchContext, BenchResult } from '../bench.ts';
import { MODES, MODE_SCENARIO } from '../modes.ts';
import type { Mode } from '../modes.ts';
import type { ObserversOrder, ObserversPoint } from '../observers-child.ts';
import { measuredOf, rowOf } from '../rounds.ts';
import { numberText } from '../table.ts';

const CHILD = fileURLToPath(new URL('../observers-child.ts', import.meta.url));
/** Each stream, by mode: what the busiest thread just carries, so that whatever is taken from it is missed. */
const LOADS: readonly (readonly [Mode['name'], number])[] = [
  ['vhost', 450e3],
  ['accelerated, dpaa', 1.6e6],
];
/** Until V8 has compiled the host's threads. */
const WARM_UP_MS = 4000;
const PAIRS = 40;
const PAIRS_QUICK = 4;

const run = promisify(execFile);

/** Whether looking at a run changes it: delivered frames with every sink on, to those with none. */
export const observersBench: Bench = {
  name: 'observers',
  what: 'metrics, console and NDJSON on against off, in pairs of seconds of one run',
  usesBothCores: true,
  run: async (context): Promise<BenchResult> => {
    const results = [];
    for (const [name, ratePps] of LOADS) results.push(await measure(name, ratePps, context));
    return {
      rows: results.map(({ row }) => row),
      notes: [
        ...results.map(({ note }) => note),
        "what the ledger costs is in `actors`: counters published; it is always on, and a run's end takes stock",
      ],
      skipped: null,
    };
  },
};

async function measure(name: string, ratePps: number, { quick }: BenchContext) {
  const { overrides } = MODES.find((mode) => mode.name === name)!;
  const pairs = quick ? PAIRS_QUICK : PAIRS;
  const order: ObserversOrder = { scenario: MODE_SCENARIO, overrides, ratePps, warmUpMs: WARM_UP_MS, pairs };
  const { stdout } = await run(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(order)]);
  const { watched, unwatched, bytesShown } = JSON.parse(stdout) as ObserversPoint;
  const mpps = (values: readonly number[]) => measuredOf(values.map((pps) => pps / 1e6));
  const meaning = { name: `watched, ${name}`, unit: 'Mpps', better: 'higher', peerName: 'unwatched' } as const;
  const ratios = watched.map((each, pair) => each / unwatched[pair]);
  const [low, high] = meanInterval(ratios).map((ratio) => ((ratio - 1) * 100).toFixed(2));
  const change = ((mean(ratios) - 1) * 100).toFixed(2);
  return {
    row: rowOf(meaning, mpps(watched), mpps(unwatched)),
    note:
      `${name} at 2 x ${ratePps / 1e3} kpps: watching changes delivery by ${change} % (95 %: ${low} to ${high} %), ` +
      `${pairs} pairs of seconds, ${numberText(bytesShown / 1e3)} kB shown`,
  };
}
