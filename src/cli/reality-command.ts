/** What `reality` does, once its flags are known to be well formed. */
import { SweptHost } from '../experiment/sweep/swept-host.ts';
import { chooseLoad } from '../experiment/sweep/swept-load.ts';
import { checkReality } from '../experiment/reality/reality.ts';
import type { Condition, RealityResult } from '../experiment/reality/reality.ts';
import { realitySvg } from '../experiment/reality/reality-graph.ts';
import { realityLines } from '../experiment/reality/reality-summary.ts';
import { EXIT_INTERRUPTED, EXIT_INVALID_RUN, EXIT_LEDGER } from '../experiment/run/exit-codes.ts';
import { paintFor } from '../metrics/text/text-table.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { HostKind } from '../runtime/host.ts';
import { probeCapabilities } from '../runtime/os/capabilities.ts';
import { kernelObstacleOf } from '../scenario/rules/kernel-host.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { refusePipes } from './captures.ts';
import { UsageError } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { openHost, scenarioFor } from './open-host.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { readDuration } from './read-flags.ts';

export interface RealityFlags {
  readonly set: readonly string[];
  readonly condition?: string;
  readonly trials: number;
  readonly duration: string;
  readonly warmup: string;
  readonly json?: string;
  readonly svg?: string;
}

/** Rules of the modelled hosts: of all there are the nearest to a kernel of today. */
const RULES = ['host.kernel=linux-6.5', 'expect=[]'];
const CORES_FOR_OWN_CORE = 3;
const COLUMNS = 100;

/** Checks and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function realityCommand(nameOrPath: string, flags: RealityFlags): Promise<number> {
  const load = (overrides: readonly string[]): Scenario =>
    loadScenario(nameOrPath, { overrides: [...RULES, ...flags.set, ...overrides] });
  const base = load([]);
  scenarioFor('kernel', base);
  refusePipes([base]);
  const conditions = chooseConditions(flags.condition, load);
  const plan = {
    scenario: base.name,
    conditions,
    load: chooseLoad(base, 'frames', null),
    trials: flags.trials,
    durationNs: readDuration('duration', flags.duration, 1),
    warmupNs: readDuration('warmup', flags.warmup, 0),
  };
  const elsewhere = await runInOwnNamespaces(['kernel']);
  if (elsewhere !== null) return elsewhere;
  const files = openOutputs({ json: flags.json, svg: flags.svg });
  const screen = screenFor(Object.values(files), {});
  const interruption = listenForSignals();
  const tell = (line: string): void => void screen.write(`${line}\n`);
  try {
    const result = await checkReality(plan, {
      openBed: async (host: HostKind, { name, overrides }: Condition, signal: AbortSignal) => {
        const scenario = scenarioFor(host, load(overrides));
        const variant = { name: `${name} on ${host}`, overrides: [], scenario };
        return SweptHost.start(variant, await openHost(host, scenario), signal);
      },
      signal: interruption.signal,
      tell,
    });
    await files.json?.write(`${JSON.stringify(result, null, 2)}\n`);
    await files.svg?.write(realitySvg(result));
    realityLines(result, COLUMNS, paintFor(screen.isTTY)).forEach(tell);
    return exitCodeOf(result);
  } finally {
    for (const file of Object.values(files)) file.discard();
    interruption.dispose();
  }
}

function exitCodeOf({ interrupted, conditions }: RealityResult): number {
  if (conditions.some(({ curves }) => curves.some(({ ledgerBalanced }) => !ledgerBalanced))) return EXIT_LEDGER;
  if (interrupted) return EXIT_INTERRUPTED;
  return conditions.some(({ curves }) => curves.length > 0) ? 0 : EXIT_INVALID_RUN;
}

/** All conditions, each with why it cannot be had here. */
function chooseConditions(asked: string | undefined, load: (overrides: readonly string[]) => Scenario): Condition[] {
  const cores = probeCapabilities().coresAllowed;
  const all = [
    { name: 'shared', overrides: [], obstacle: '' },
    { name: 'threaded-napi', overrides: ['host.threadedNapi=true'], obstacle: '' },
    {
      name: 'own-core',
      overrides: [`placement.threads.vhost.core=${cores.at(-1) ?? 0}`],
      obstacle:
        cores.length < CORES_FOR_OWN_CORE ? `it takes ${CORES_FOR_OWN_CORE} cores, and there are ${cores.length}` : '',
    },
  ];
  const chosen = asked === undefined ? all : all.filter(({ name }) => name === asked);
  if (chosen.length === 0) {
    throw new UsageError(`--condition: found "${asked}", allowed: ${all.map(({ name }) => name).join(', ')}`);
  }
  return chosen.map((each) =>
    each.obstacle === '' ? { ...each, obstacle: kernelObstacleOf(load(each.overrides)) } : each,
  );
}
