/** What `sweep` does, once its flags are known to be well formed. */
import { join } from 'node:path';
import { effectsSvg } from '../experiment/graph/effects-graph.ts';
import { pointsCsv, trialsCsv } from '../experiment/sweep/sweep-csv.ts';
import { SweepJournal } from '../experiment/sweep/journal.ts';
import { COMBINATIONS_MAX, expandKey, gridChanges, parseFactor } from '../experiment/sweep/grid.ts';
import type { Factor } from '../experiment/sweep/grid.ts';
import { sweepSvg } from '../experiment/graph/sweep-graph.ts';
import {
  DEFAULT_MULTIPLES,
  chooseOffered,
  firstBeyondLine,
  parseLoad,
  parseSteps,
} from '../experiment/sweep/offered-rates.ts';
import type { RateChoice } from '../experiment/sweep/offered-rates.ts';
import { chooseLoad } from '../experiment/sweep/swept-load.ts';
import type { LoadUnit, SweptLoad, SweptRate } from '../experiment/sweep/swept-load.ts';
import { runSweep } from '../experiment/sweep/sweep.ts';
import type { SweepPlan } from '../experiment/sweep/sweep.ts';
import { modeChange } from '../experiment/sweep/variants.ts';
import type { SweepVariant, VariantChange } from '../experiment/sweep/variants.ts';
import { formatRate, parseShare } from '../scenario/text/quantities.ts';
import { documentText } from '../experiment/result/result-document.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { HostKind } from '../runtime/host.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { MODES, VNIC_MODES } from '../scenario/modes.ts';
import { firstRepeated } from '../text/lists.ts';
import { UsageError, exitCodeFor, messageOf } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { RUN_IN_NS, loadVariantsFor, openBeds } from './open-beds.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { SweepLines, SweepRecords } from './sweep-output.ts';
import type { SweepOutput } from './sweep-output.ts';
import { named, readDuration, readVariant } from './read-flags.ts';

/** Flags of `sweep`, as commander names them. */
export interface SweepFlags {
  readonly modes?: readonly string[];
  readonly variant: readonly string[];
  readonly grid: readonly string[];
  readonly set: readonly string[];
  readonly rates?: readonly string[];
  readonly steps?: string;
  readonly multiples?: readonly number[];
  readonly stream?: string;
  readonly trials: number;
  readonly duration: string;
  readonly warmup: string;
  readonly lossFree: string;
  readonly json?: string;
  readonly jsonStream?: true;
  readonly svg?: string;
  readonly csv?: string;
  readonly resume?: string;
  readonly host: HostKind;
  readonly jobs?: number;
}

/** What `--modes` varies beside a grid. */
const MODE_FACTOR = 'mode';
const PROBE_NS = 5e8;

/** Sweeps and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function sweepCommand(nameOrPath: string, flags: SweepFlags): Promise<number> {
  const plan = readPlan(nameOrPath, flags);
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const before = openJournal(plan, flags);
  const beds = openBeds(flags.host, flags.jobs ?? null);
  const inFolder = (name: string): string | undefined => (flags.csv === undefined ? undefined : join(flags.csv, name));
  const files = openOutputs({
    json: flags.json,
    svg: flags.svg,
    'csv (trials)': inFolder('trials.csv'),
    'csv (points)': inFolder('points.csv'),
  });
  const screen = screenFor(Object.values(files), flags);
  const output: SweepOutput = flags.jsonStream === true ? new SweepRecords(plan) : new SweepLines(plan, screen);
  const interruption = listenForSignals();
  try {
    const result = await runSweep(plan, {
      openBed: beds.open,
      signal: interruption.signal,
      watcher: output,
      ...(before === null ? {} : { before }),
    });
    // Files first: whatever happens to the terminal, the result is kept.
    await files.json?.write(documentText(result));
    await files['csv (trials)']?.write(trialsCsv(result));
    await files['csv (points)']?.write(pointsCsv(result));
    await files.svg?.write(result.factors.length < 2 ? sweepSvg(result) : effectsSvg(result));
    output.finish(result);
    return result.exitCode;
  } catch (error) {
    output.fail(messageOf(error), exitCodeFor(error));
    throw error;
  } finally {
    await beds.close();
    before?.close();
    for (const file of Object.values(files)) file.discard();
    interruption.dispose();
  }
}

/** @throws UsageError for a file that is no journal of this sweep, or cannot be written. */
function openJournal(plan: SweepPlan, { resume }: SweepFlags): SweepJournal | null {
  if (resume === undefined) return null;
  try {
    return new SweepJournal(resume, plan);
  } catch (error) {
    throw new UsageError(`--resume ${resume}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readPlan(nameOrPath: string, flags: SweepFlags): SweepPlan {
  const base = loadScenario(nameOrPath, { overrides: flags.set });
  const factors = readFactors(flags);
  const changes = factors.length === 0 ? readChanges(base, flags) : readGrid(base, factors);
  const variants = loadVariantsFor(flags.host, nameOrPath, flags.set, changes);
  const offered = readOffered(flags);
  const load = readLoad(variants, offered, flags);
  if (offered.kind === 'rates') checkLines(variants, offered.rates);
  return {
    hostKind: flags.host,
    variants,
    factors,
    load,
    offered,
    trials: flags.trials,
    durationNs: readDuration('duration', flags.duration, 1),
    warmupNs: readDuration('warmup', flags.warmup, 0),
    runInNs: RUN_IN_NS,
    probeNs: PROBE_NS,
    lossFreeRatioMax: named('loss-free', () => parseShare(flags.lossFree)),
  };
}

/** Modes are a factor beside others where there is a grid. */
function readFactors({ grid, modes, variant }: SweepFlags): Factor[] {
  if (grid.length === 0) return [];
  if (variant.length > 0) throw new UsageError('--variant: found beside --grid, allowed: one of them');
  const given = grid.map((text) => {
    const factor = parseFactor(text);
    if (factor !== null) return factor;
    throw new UsageError(`--grid: found "${text}", allowed: KEY=value,value with at least two values, each once`);
  });
  const factors = modes === undefined ? given : [{ key: MODE_FACTOR, values: modes }, ...given];
  const keys = factors.map(({ key }) => key);
  const twice = firstRepeated(keys);
  if (twice !== undefined) throw new UsageError(`--grid: found ${twice} twice, allowed: once, with all its values`);
  const combinations = factors.reduce((product, { values }) => product * values.length, 1);
  if (combinations > COMBINATIONS_MAX) {
    throw new UsageError(`--grid: found ${combinations} combinations, allowed: at most ${COMBINATIONS_MAX}`);
  }
  return factors;
}

function readGrid(base: Scenario, factors: readonly Factor[]): VariantChange[] {
  const keys = factors.map(({ key }) => expandKey(base, key));
  const nowhere = factors.find((_, i) => keys[i].length === 0);
  if (nowhere !== undefined) throw new UsageError(`--grid: found no list at the * of ${nowhere.key}`);
  return gridChanges(factors, (factor, value) =>
    factor.key === MODE_FACTOR
      ? modeChange(base, checkedMode(value)).overrides
      : keys[factors.indexOf(factor)].map((key) => ({ flag: '--grid', assignment: `${key}=${value}` })),
  );
}

function checkedMode(mode: string): string {
  if ((VNIC_MODES as readonly string[]).includes(mode)) return mode;
  throw new UsageError(`--modes: found "${mode}", allowed: ${VNIC_MODES.join(', ')}`);
}

function readChanges(base: Scenario, { modes, variant, host }: SweepFlags): VariantChange[] {
  const { sweep } = base;
  const declared = modes === undefined && variant.length === 0;
  // What was not asked for by name is left out around a real kernel where that cannot serve it.
  const swept = host === 'kernel' ? sweep.modes.filter((mode) => MODES[mode].kernelObstacle === null) : sweep.modes;
  const chosen = modes ?? (declared ? swept : []);
  const others = declared ? sweep.variants : variant.map(readVariant);
  const changes = [...chosen.map((mode) => modeChange(base, checkedMode(mode))), ...others];
  const names = changes.map(({ name }) => name);
  const twice = firstRepeated(names);
  if (twice !== undefined) throw new UsageError(`found "${twice}" twice among modes and variants, allowed: once`);
  return changes;
}

/** Loads as they are given, otherwise multiples of the loss-free rate. */
function readOffered({ rates, steps, multiples = DEFAULT_MULTIPLES }: SweepFlags): RateChoice {
  if (rates !== undefined) return named('rates', () => chooseOffered(rates.map(parseLoad)));
  if (steps !== undefined) return named('steps', () => chooseOffered(parseSteps(steps)));
  return { kind: 'multiples', multiples };
}

/** Every variant must be able to follow the load; the first decides what it is. */
function readLoad(variants: readonly SweepVariant[], offered: RateChoice, flags: SweepFlags): SweptLoad {
  const asked = offered.kind === 'multiples' ? null : unitOf(offered.rates[0]);
  const load = chooseLoad(variants[0].scenario, asked, flags.stream ?? null);
  for (const { scenario } of variants) chooseLoad(scenario, load.unit, load.counted);
  return load;
}

function unitOf({ kind }: SweptRate): LoadUnit {
  return kind === 'connections' ? 'connections' : 'frames';
}

function checkLines(variants: readonly SweepVariant[], rates: readonly SweptRate[]): void {
  for (const { name, scenario } of variants) {
    const beyond = firstBeyondLine(scenario, rates);
    if (beyond !== null)
      throw new UsageError(`${formatRate(beyond)} is more than the line of a port of ${name} carries`);
  }
}
