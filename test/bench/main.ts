/** `npm run bench`: how fast the parts and the whole are, beside native peers measured in the same minutes. */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { probeCapabilities } from '../../src/runtime/capabilities.ts';
import { actorsBench } from './benches/actors-bench.ts';
import { limitsBench, readRoundTripNs } from './benches/limits-bench.ts';
import { pathBench } from './benches/path-bench.ts';
import { ringBench, ringFrameBench } from './benches/ring-bench.ts';
import { startupBench } from './benches/startup-bench.ts';
import { virtqueueBench } from './benches/virtqueue-bench.ts';
import { wakeBench } from './benches/wake-bench.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { numberText, resultTable } from './table.ts';

const BENCHES: readonly Bench[] = [
  limitsBench,
  ringBench,
  ringFrameBench,
  virtqueueBench,
  actorsBench,
  wakeBench,
  pathBench,
  startupBench,
];

const USAGE = `usage: npm run bench -- [--only NAME[,NAME...]] [--quick] [--rounds N] [--json FILE]
${BENCHES.map(({ name, what }) => `  ${name.padEnd(12)}${what}`).join('\n')}`;

/** One bench's result with the machine's state around it, as the JSON file holds it. */
interface Report extends BenchResult {
  readonly bench: string;
  /** Cache line to the other core and back, before and after; null where it was not measured. */
  readonly roundTripNs: readonly (number | null)[];
  readonly seconds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const names = values.only?.split(',') ?? BENCHES.map(({ name }) => name);
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new Error(`no bench called ${unknown.join(', ')}\n${USAGE}`);
  const context = contextOf(values.quick, values.rounds);
  console.log(machineText(context));
  const reports: Report[] = [];
  for (const bench of BENCHES.filter(({ name }) => names.includes(name))) {
    const report = await runBench(bench, context);
    reports.push(report);
    console.log(reportText(report));
  }
  console.log(`\n${resultTable(reports)}`);
  if (values.json !== undefined) {
    const machine = { node: process.version, v8: process.versions.v8, cpu: cpus()[0].model, kernel: release() };
    const { rounds, quick, cores } = context;
    writeFileSync(values.json, `${JSON.stringify({ machine, rounds, quick, cores, reports }, null, 2)}\n`);
  }
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

async function runBench(bench: Bench, context: BenchContext): Promise<Report> {
  const started = performance.now();
  const [a, b] = context.cores;
  if (bench.usesBothCores && a === b) {
    const skipped = 'needs 2 cores, this machine allows one';
    return { bench: bench.name, rows: [], notes: [], skipped, roundTripNs: [], seconds: 0 };
  }
  context.progress(`${bench.name}: ${bench.what}`);
  const before = await readRoundTripNs(context);
  const result = await bench.run(context);
  const after = await readRoundTripNs(context);
  return { bench: bench.name, ...result, roundTripNs: [before, after], seconds: (performance.now() - started) / 1000 };
}

function machineText({ cores, rounds }: BenchContext): string {
  return [
    `Node ${process.version} (V8 ${process.versions.v8}), ${cpus()[0].model}, Linux ${release()}`,
    `threads pinned to cores ${cores.join(' and ')}; median (min to max) of ${rounds} interleaved rounds;`,
    'a round in which a thread waited for its core is done again; waiting: the share that was left',
  ].join('\n');
}

function reportText({ bench, rows, notes, skipped, roundTripNs, seconds }: Report): string {
  if (skipped !== null) return `\n${bench}: skipped, ${skipped}`;
  const trips = roundTripNs.map((ns) => (ns === null ? 'not measured' : `${numberText(ns)} ns`));
  const head = `\n${bench}: ${seconds.toFixed(1)} s; cache line to the other core and back: ${trips[0]} before, ${trips[1]} after`;
  const lines = rows.map(({ name, unit, ours, ratio }) => {
    const beside = ratio === null ? '' : `, ${numberText(ratio.median)} x the peer`;
    return `  ${name}: ${numberText(ours.median)} ${unit} (${numberText(ours.min)} to ${numberText(ours.max)})${beside}`;
  });
  return [head, ...lines, ...notes.map((note) => `  ${note}`)].join('\n');
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
