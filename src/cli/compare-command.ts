/** What `compare` does, once its flags are known to be well formed. */
import { caveatsOf, blocksOf, readSide } from '../experiment/compare/from-files.ts';
import type { CompareResult, FailCondition } from '../experiment/compare/compare-result.ts';
import { compareLines } from '../experiment/compare/compare-summary.ts';
import { compareBlocks, failuresOf, parseFailCondition } from '../experiment/compare/judge-compare.ts';
import { measureBlocks } from '../experiment/compare/measure-blocks.ts';
import type { BlockPlan } from '../experiment/compare/measure-blocks.ts';
import { EXIT_INVALID_RUN, exitCodeOf } from '../experiment/run/exit-codes.ts';
import { resultHead } from '../experiment/result/describe-head.ts';
import { documentText } from '../experiment/result/result-document.ts';
import type { ResultHead } from '../experiment/result/result-head.ts';
import { chooseOffered, parseLoad } from '../experiment/sweep/offered-rates.ts';
import { chooseLoad } from '../experiment/sweep/swept-load.ts';
import type { SweptRate } from '../experiment/sweep/swept-load.ts';
import type { SweepVariant } from '../experiment/sweep/variants.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { HostKind } from '../runtime/host.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { refusePipes } from './captures.ts';
import { UsageError } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { RUN_IN_NS, openBeds } from './open-beds.ts';
import { scenarioFor } from './open-host.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { named, readDuration } from './read-flags.ts';
import { paintOf, widthOf } from './sweep-output.ts';

/** Flags of `compare`, as commander names them. */
export interface CompareFlags {
  readonly set: readonly string[];
  readonly setA: readonly string[];
  readonly setB: readonly string[];
  readonly variantA?: string;
  readonly variantB?: string;
  readonly rates?: readonly string[];
  readonly blocks: number;
  readonly duration: string;
  readonly warmup: string;
  readonly stream?: string;
  readonly failOn: readonly string[];
  readonly json?: string;
  readonly host: HostKind;
}

const MANY_TESTS =
  'Each figure is tested by itself: of twenty that do not differ one is shown by chance. Decide by one named beforehand.';
const RESULT_FILE = /\.json$/i;

/** Compares and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function compareCommand(a: string, b: string, flags: CompareFlags): Promise<number> {
  const conditions = flags.failOn.map((text) => named('fail-on', () => parseFailCondition(text)));
  const files = [a, b].filter((side) => RESULT_FILE.test(side)).length;
  if (files === 1) throw new UsageError(`found a result and a scenario, allowed: two of a kind`);
  const plan = files === 2 ? null : readPlan(a, b, flags);
  const elsewhere = plan === null ? null : await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const outputs = openOutputs({ json: flags.json });
  const screen = screenFor(Object.values(outputs), {});
  try {
    const result =
      plan === null ? compareFiles(a, b, flags, conditions) : await measure(plan, flags, conditions, screen);
    // The file first: whatever happens to the terminal, the result is kept.
    await outputs.json?.write(documentText(result));
    for (const line of compareLines(result, widthOf(screen), paintOf(screen))) screen.write(`${line}\n`);
    if (result.exitCode === EXIT_INVALID_RUN) screen.write('no two blocks were valid\n');
    return result.exitCode;
  } finally {
    outputs.json?.discard();
  }
}

interface ComparePlan extends BlockPlan {
  readonly variants: readonly [a: SweepVariant, b: SweepVariant];
}

function readPlan(a: string, b: string, flags: CompareFlags): ComparePlan {
  const inFiles = flags.variantA !== undefined || flags.variantB !== undefined;
  if (inFiles) throw new UsageError('--variant-a: found two scenarios, allowed: for results of sweeps');
  const side = (name: string, flag: string, own: readonly string[]): SweepVariant => {
    const changed = own.map((assignment) => ({ flag, assignment }));
    const scenario = loadScenario(name, { overrides: [...flags.set, ...changed, 'expect=[]'] });
    const changes = own.map((text) => ` ${text}`).join('');
    return { name: `${scenario.name}${changes}`, overrides: [], scenario: scenarioFor(flags.host, scenario) };
  };
  const variants = [side(a, '--set-a', flags.setA), side(b, '--set-b', flags.setB)] as const;
  refusePipes(variants.map(({ scenario }) => scenario));
  const rates = readRates(variants[0].scenario, flags);
  const unit = rates[0].kind === 'connections' ? 'connections' : 'frames';
  const load = chooseLoad(variants[0].scenario, unit, flags.stream ?? null);
  chooseLoad(variants[1].scenario, load.unit, load.counted);
  const durationNs = readDuration('duration', flags.duration, 1);
  const warmupNs = readDuration('warmup', flags.warmup, 0);
  const { blocks } = flags;
  return { variants, load, rates, blocks, durationNs, warmupNs, runInNs: RUN_IN_NS, seed: variants[0].scenario.seed };
}

function readRates({ run }: Scenario, { rates }: CompareFlags): readonly SweptRate[] {
  if (rates === undefined) {
    const phases = run.phases.map(({ rate, connectionsPerSecond }): SweptRate => {
      return connectionsPerSecond === null ? rate : { kind: 'connections', perSecond: connectionsPerSecond };
    });
    return [...new Map(phases.map((rate) => [JSON.stringify(rate), rate])).values()];
  }
  const offered = named('rates', () => chooseOffered(rates.map(parseLoad)));
  if (offered.kind === 'rates') return offered.rates;
  throw new UsageError('--rates: found multiples of a loss-free rate, allowed: rates, the same on both sides');
}

async function measure(
  plan: ComparePlan,
  flags: CompareFlags,
  conditions: readonly FailCondition[],
  screen: NodeJS.WriteStream,
): Promise<CompareResult> {
  const beds = openBeds(flags.host, null);
  const interruption = listenForSignals();
  const { signal } = interruption;
  const startedAt = new Date();
  const [a, b] = plan.variants;
  screen.write(`A: ${a.name}\nB: ${b.name}\n`);
  const opened = [];
  try {
    for (const variant of plan.variants) opened.push(await beds.open(variant, signal));
    const [bedA, bedB] = opened;
    const measured = (block: object | null, index: number, again: boolean): void => {
      const what = block === null ? `invalid${again ? ', made again' : ''}` : 'measured';
      screen.write(`block ${index + 1} of ${plan.blocks}: ${what}\n`);
    };
    const { blocks, leftOut } = await measureBlocks([bedA, bedB], plan, { signal, measured });
    const figures = compareBlocks(blocks, plan.load, [bedA.threads(), bedB.threads()]);
    const ledgers = [await bedA.ledger(), await bedB.ledger()];
    const judged = bedA.oversubscribed.length + bedB.oversubscribed.length === 0;
    return concluded(startedAt, {
      sides: [a.name, b.name],
      source: 'measured',
      hostKind: flags.host,
      load: plan.load,
      interrupted: signal.aborted,
      figures,
      blocksLeftOut: leftOut,
      caveats: [...(judged ? [] : ['Oversubscribed: rates say nothing about the scenarios.']), MANY_TESTS],
      failures: failuresOf(figures, conditions),
      balanced: ledgers.every(({ balanced }) => balanced),
    });
  } finally {
    for (const bed of opened) await bed.stop().catch(() => undefined);
    await beds.close();
    interruption.dispose();
  }
}

function compareFiles(a: string, b: string, flags: CompareFlags, conditions: readonly FailCondition[]): CompareResult {
  const sides = [readSide(a, flags.variantA ?? null), readSide(b, flags.variantB ?? null)] as const;
  const { load, hostKind } = sides[0].result;
  if (JSON.stringify(load) !== JSON.stringify(sides[1].result.load)) {
    throw new UsageError(`${b}: found another load than in ${a}, allowed: the same unit and stream`);
  }
  const { blocks, leftOut } = blocksOf(...sides);
  const figures = compareBlocks(blocks, load, [sides[0].variant.threads, sides[1].variant.threads]);
  return concluded(new Date(), {
    sides: [`${sides[0].variant.name} of ${a}`, `${sides[1].variant.name} of ${b}`],
    source: 'files',
    hostKind,
    load,
    interrupted: false,
    figures,
    blocksLeftOut: leftOut,
    caveats: [...caveatsOf(...sides), MANY_TESTS],
    failures: failuresOf(figures, conditions),
    balanced: sides.every(({ variant }) => variant.ledger.balanced),
  });
}

type Compared = Omit<CompareResult, keyof ResultHead | 'kind' | 'exitCode'> & { readonly balanced: boolean };

function concluded(startedAt: Date, { balanced, ...compared }: Compared): CompareResult {
  const { figures, failures, interrupted } = compared;
  const exitCode = exitCodeOf({
    failed: false,
    balanced,
    interrupted,
    valid: figures.length > 0,
    expectationsMet: failures.length === 0,
  });
  return { ...resultHead(startedAt), kind: 'compare', ...compared, exitCode };
}
