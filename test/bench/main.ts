/** `npm run bench`: how fast the parts and the whole are, beside native peers measured in the same minutes. */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { probeCapabilities } from '../../src/runtime/os/capabilities.ts';
import { actorsBench } from './benches/actors-bench.ts';
import { functionsBench } from './benches/functions-bench.ts';
import { limitsBench } from './benches/limits-bench.ts';
import { observersBench } from './benches/observers-bench.ts';
import { pathBench } from './benches/path-bench.ts';
import { ringBench, ringFrameBench } from './benches/ring-bench.ts';
import { scaleBench } from './benches/scale-bench.ts';
import { startupBench } from './benches/startup-bench.ts';
import { trialsBench } from './benches/trials-bench.ts';
import { virtualBench } from './benches/virtual-bench.ts';
import { virtqueueBench } from './benches/virtqueue-bench.ts';
import { wakeBench } from './benches/wake-bench.ts';
import type { AtDistance, Bench, BenchContext, BenchResult } from './bench.ts';
import { budgetMarkdown } from './budget.ts';
import { readRoundTripNs } from './distance.ts';
import { benchOn, findOtherRuntime, runtimeAt } from './runtimes.ts';
import type { Runtime } from './runtimes.ts';
import { numberText, resultTable, runtimeTable } from './table.ts';

const BENCHES: readonly Bench[] = [
  limitsBench,
  ringBench,
  ringFrameBench,
  virtqueueBench,
  actorsBench,
  functionsBench,
  wakeBench,
  pathBench,
  observersBench,
  virtualBench,
  trialsBench,
  startupBench,
  scaleBench,
];

const USAGE = `usage: npm run bench -- [--only NAME[,NAME...]] [--full] [--rounds N] [--node PATH|none] [--json FILE]
--full: more and longer rounds, and all benches; half an hour.
--node: another Node to compare with; default: the newest one found.
${BENCHES.map(({ name, what }) => `  ${name.padEnd(12)}${what}`).join('\n')}`;

/** One bench's result with the machine's state around it, as the JSON file holds it. */
interface Report extends BenchResult {
  readonly bench: string;
  /** Cache line to the other core and back, before and after; null where it was not measured. */
  readonly roundTripNs: readonly (number | null)[];
  readonly seconds: number;
  /** The same on the other Node. */
  readonly other: BenchResult | null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      full: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      node: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const usual = BENCHES.filter(({ onDemand }) => values.full || onDemand !== true);
  const names = values.only?.split(',') ?? usual.map(({ name }) => name);
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new Error(`no bench called ${unknown.join(', ')}\n${USAGE}`);
  const context = contextOf(!values.full, values.rounds);
  const other = otherRuntime(values.node);
  console.log(machineText(context, other));
  const reports: Report[] = [];
  for (const bench of BENCHES.filter(({ name }) => names.includes(name))) {
    const report = await runBench(bench, context, other);
    reports.push(report);
    console.log(reportText(report));
  }
  console.log(`\n${resultTable(reports)}`);
  if (other !== null) console.log(`\n${runtimeTable(reports, process.version, other.version)}`);
  const budget = budgetMarkdown(reports.flatMap(({ rows }) => rows));
  if (budget !== null) console.log(`\n${budget}`);
  if (values.json !== undefined) {
    const machine = { node: process.version, v8: process.versions.v8, cpu: cpus()[0].model, kernel: release() };
    const { rounds, quick, cores } = context;
    const result = { machine, otherNode: other?.version ?? null, rounds, quick, cores, reports };
    writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  }
}

function otherRuntime(path: string | undefined): Runtime | null {
  if (path === 'none') return null;
  return path === undefined ? findOtherRuntime() : runtimeAt(path);
}

function contextOf(quick: boolean, roundsText: string | undefined): BenchContext {
  const rounds = roundsText === undefined ? (quick ? 5 : 9) : Number(roundsText);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${roundsText}: a whole number of 1 or more`);
  const { coresAllowed } = probeCapabilities();
  if (coresAllowed.length === 0) throw new Error('no core to measure on');
  return {
    quick,
    rounds,
    roundMs: quick ? 20 : 50,
    cores: [coresAllowed[0], coresAllowed.at(-1)!],
    progress: (text) => process.stderr.write(`${text}\n`),
  };
}

async function runBench(bench: Bench, context: BenchContext, runtime: Runtime | null): Promise<Report> {
  const started = performance.now();
  const [a, b] = context.cores;
  if (bench.usesBothCores && a === b) {
    const skipped = 'needs 2 cores, this machine allows one';
    return { bench: bench.name, rows: [], notes: [], skipped, roundTripNs: [], seconds: 0, other: null };
  }
  context.progress(`${bench.name}: ${bench.what}`);
  const before = await readRoundTripNs(context);
  const result = await bench.run(context);
  const other = runtime === null ? null : await benchOn(runtime, bench.name, context);
  const after = await readRoundTripNs(context);
  const seconds = (performance.now() - started) / 1000;
  return { bench: bench.name, ...result, roundTripNs: [before, after], seconds, other };
}

function machineText({ cores, rounds }: BenchContext, other: Runtime | null): string {
  return [
    `Node ${process.version} (V8 ${process.versions.v8}), ${cpus()[0].model}, Linux ${release()}`,
    other === null ? 'no other Node to compare with' : `and beside it Node ${other.version} (${other.path})`,
    `threads pinned to cores ${cores.join(' and ')}; median (min to max) of ${rounds} interleaved rounds;`,
    'a round in which a thread waited for its core is done again; waiting: the share that was left',
  ].join('\n');
}

function reportText({ bench, rows, notes, skipped, roundTripNs, seconds }: Report): string {
  if (skipped !== null) return `\n${bench}: skipped, ${skipped}`;
  const trips = roundTripNs.map((ns) => (ns === null ? 'not measured' : `${numberText(ns)} ns`));
  const head = `\n${bench}: ${seconds.toFixed(1)} s; cache line to the other core and back: ${trips[0]} before, ${trips[1]} after`;
  const lines = rows.map(({ name, unit, ours, ratio, byDistance }) => {
    const beside = ratio === null ? '' : `, ${numberText(ratio.median)} x the peer`;
    const [near, far] = byDistance;
    const apart = near === undefined || far !== undefined ? '' : `; the cores ${numberText(near.roundTripNs)} ns apart`;
    const all = `  ${name}: ${numberText(ours.median)} ${unit} (${numberText(ours.min)} to ${numberText(ours.max)})${beside}${apart}`;
    return [all, ...(far === undefined ? [] : byDistance.map(distanceText))].join('\n');
  });
  return [head, ...lines, ...notes.map((note) => `  ${note}`)].join('\n');
}

function distanceText({ roundTripNs, ours, ratio }: AtDistance): string {
  const beside = ratio === null ? '' : `, ${numberText(ratio.median)} x the peer`;
  return `    with the cores ${numberText(roundTripNs)} ns apart: ${numberText(ours.median)} in ${ours.rounds} rounds${beside}`;
}

// What benches have taken of the machine, they give back at the exit of the process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
