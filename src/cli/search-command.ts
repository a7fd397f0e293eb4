/** What `search` does, once its flags are known to be well formed. */
import { runSearch } from '../experiment/search/search.ts';
import type { SearchPlan } from '../experiment/search/search.ts';
import { DEFAULT_GOALS, GOAL_PRESETS, parseGoal } from '../experiment/search/search-goal.ts';
import type { SearchGoal } from '../experiment/search/search-goal.ts';
import { chooseLoad } from '../experiment/sweep/swept-load.ts';
import type { VariantChange } from '../experiment/sweep/variants.ts';
import { documentText } from '../experiment/result/result-document.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { HostKind } from '../runtime/host.ts';
import { firstRepeated } from '../text/lists.ts';
import { UsageError, exitCodeFor, messageOf } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { RUN_IN_NS, loadVariantsFor, openBeds } from './open-beds.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { SearchLines, SearchRecords } from './search-output.ts';
import type { SearchOutput } from './search-output.ts';
import { named, readDuration, readVariant } from './read-flags.ts';

/** Flags of `search`, as commander names them. */
export interface SearchFlags {
  readonly preset?: string;
  readonly goal: readonly string[];
  readonly variant: readonly string[];
  readonly set: readonly string[];
  readonly unit?: 'frames' | 'connections';
  readonly stream?: string;
  readonly warmup: string;
  readonly json?: string;
  readonly jsonStream?: true;
  readonly host: HostKind;
  readonly jobs?: number;
}

/** Searches and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function searchCommand(nameOrPath: string, flags: SearchFlags): Promise<number> {
  const plan = readPlan(nameOrPath, flags);
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const beds = openBeds(flags.host, flags.jobs ?? null);
  const files = openOutputs({ json: flags.json });
  const screen = screenFor(Object.values(files), flags);
  const output: SearchOutput = flags.jsonStream === true ? new SearchRecords(plan) : new SearchLines(plan, screen);
  const interruption = listenForSignals();
  try {
    const result = await runSearch(plan, {
      openBed: beds.open,
      signal: interruption.signal,
      watcher: output,
    });
    // The file first: whatever happens to the terminal, the result is kept.
    await files.json?.write(documentText(result));
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

function readPlan(nameOrPath: string, flags: SearchFlags): SearchPlan {
  const goals = readGoals(flags);
  const base = loadScenario(nameOrPath, { overrides: flags.set });
  const itself: VariantChange = { name: base.name, overrides: [] };
  const changes = flags.variant.length === 0 ? [itself] : flags.variant.map(readVariant);
  const names = changes.map(({ name }) => name);
  const twice = firstRepeated(names);
  if (twice !== undefined) throw new UsageError(`--variant: found "${twice}" twice, allowed: once`);
  const variants = loadVariantsFor(flags.host, nameOrPath, flags.set, changes);
  const load = chooseLoad(variants[0].scenario, flags.unit ?? null, flags.stream ?? null);
  for (const { scenario } of variants) chooseLoad(scenario, load.unit, load.counted);
  const warmupNs = readDuration('warmup', flags.warmup, 0);
  return { hostKind: flags.host, variants, load, goals, warmupNs, runInNs: RUN_IN_NS };
}

function readGoals({ preset, goal }: SearchFlags): readonly SearchGoal[] {
  const published = preset === undefined ? [] : GOAL_PRESETS.get(preset)!;
  const goals = [...published, ...goal.map((text) => named('goal', () => parseGoal(text)))];
  if (goals.length === 0) return DEFAULT_GOALS;
  const names = goals.map(({ name }) => name);
  const twice = firstRepeated(names);
  if (twice !== undefined)
    throw new UsageError(`--goal: found two goals called "${twice}", allowed: name=WORD for one`);
  return goals;
}
