import type { HostKind } from '../runtime/host.ts';
/** What `sweep` does, once its flags are known to be well formed. */
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
import { loadVariants, modeChange } from '../experiment/sweep/variants.ts';
import type { SweepVariant, VariantChange } from '../experiment/sweep/variants.ts';
import { formatRate, parseShare } from '../scenario/text/quantities.ts';
import { documentText } from '../experiment/result/result-document.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { MODES, VNIC_MODES } from '../scenario/modes.ts';
import { UsageError, exitCodeFor, messageOf } from './errors.ts';
import { refusePipes } from './captures.ts';
import { listenForSignals } from './interruption.ts';
import { openBeds } from './open-beds.ts';
import { scenarioFor } from './open-host.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { SweepLines, SweepRecords } from './sweep-output.ts';
import type { SweepOutput } from './sweep-output.ts';
import { named, readDuration, readVariant } from './sweep-flags.ts';

/** Flags of `sweep`, as commander names them. */
export interface SweepFlags {
  readonly modes?: readonly string[];
  readonly variant: readonly string[];
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
  readonly host: HostKind;
  readonly jobs?: number;
}

const RUN_IN_NS = 3e8;
const PROBE_NS = 5e8;

/** Sweeps and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function sweepCommand(nameOrPath: string, flags: SweepFlags): Promise<number> {
  const plan = readPlan(nameOrPath, flags);
  refusePipes(plan.variants.map(({ scenario }) => scenario));
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const beds = openBeds(flags.host, flags.jobs ?? null);
  const files = openOutputs({ json: flags.json, svg: flags.svg });
  const screen = screenFor(Object.values(files), flags);
  const output: SweepOutput = flags.jsonStream === true ? new SweepRecords(plan) : new SweepLines(plan, screen);
  const interruption = listenForSignals();
  try {
    const result = await runSweep(plan, {
      openBed: beds.open,
      signal: interruption.signal,
      watcher: output,
    });
    // Files first: whatever happens to the terminal, the result is kept.
    await files.json?.write(documentText(result));
    await files.svg?.write(sweepSvg(result));
    output.finish(result);
    return result.exitCode;
  } catch (error) {
    output.fail(messageOf(error), exitCodeFor(error));
    throw error;
  } finally {
    await beds.close();
    for (const file of Object.values(files)) file.discard();
    interruption.dispose();
  }
}

function readPlan(nameOrPath: string, flags: SweepFlags): SweepPlan {
  const base = loadScenario(nameOrPath, { overrides: flags.set });
  const variants = loadVariants(nameOrPath, flags.set, readChanges(base, flags)).map((variant) => {
    return { ...variant, scenario: scenarioFor(flags.host, variant.scenario) };
  });
  const offered = readOffered(flags);
  const load = readLoad(variants, offered, flags);
  if (offered.kind === 'rates') checkLines(variants, offered.rates);
  return {
    hostKind: flags.host,
    variants,
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

function readChanges(base: Scenario, { modes, variant, host }: SweepFlags): VariantChange[] {
  const { sweep } = base;
  const declared = modes === undefined && variant.length === 0;
  // What was not asked for by name is left out around a real kernel where that cannot serve it.
  const swept = host === 'kernel' ? sweep.modes.filter((mode) => MODES[mode].kernelObstacle === null) : sweep.modes;
  const chosen = modes ?? (declared ? swept : []);
  const unknown = chosen.find((mode) => !(VNIC_MODES as readonly string[]).includes(mode));
  if (unknown !== undefined) throw new UsageError(`--modes: found "${unknown}", allowed: ${VNIC_MODES.join(', ')}`);
  const others = declared ? sweep.variants : variant.map(readVariant);
  const changes = [...chosen.map((mode) => modeChange(base, mode)), ...others];
  const names = changes.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
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
