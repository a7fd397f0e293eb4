/** What `bench-2544` does, once its flags are known to be well formed. */
import { documentText } from '../experiment/result/result-document.ts';
import type { SearchTrial } from '../experiment/search/search-result.ts';
import { runSuite } from '../experiment/suite/suite.ts';
import type { SuitePlan } from '../experiment/suite/suite.ts';
import { suiteLines } from '../experiment/suite/suite-summary.ts';
import { QUICK_TIMING, STANDARD_SIZES, STANDARD_TIMING } from '../experiment/suite/suite-timing.ts';
import { chooseLoad } from '../experiment/sweep/swept-load.ts';
import type { VariantChange } from '../experiment/sweep/variants.ts';
import { loadScenario } from '../plan/load-scenario.ts';
import type { HostKind } from '../runtime/host.ts';
import { formatExact, formatShare, formatTime } from '../text/number-format.ts';
import { UsageError } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { RUN_IN_NS, loadVariantsFor, openBeds } from './open-beds.ts';
import { openHost } from './open-host.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { runInOwnNamespaces } from './own-namespaces.ts';
import { readDuration } from './read-flags.ts';
import { paintOf, widthOf } from './sweep-output.ts';

/** Flags of `bench-2544`, as commander names them. */
export interface Bench2544Flags {
  readonly sizes?: readonly string[];
  readonly quick?: true;
  readonly set: readonly string[];
  readonly warmup: string;
  readonly json?: string;
  readonly host: HostKind;
}

/** A size by which streams are known that have none of their own: nobody writes it. */
const PROBE_BYTES = 77;
/** What the phases of a scenario get, which any size of frames allows. */
const PHASE_LOAD = '1%';

/** Measures and shows it. @returns the exit code. @throws UsageError, ScenarioError before anything has started. */
export async function bench2544Command(nameOrPath: string, flags: Bench2544Flags): Promise<number> {
  const plan = readPlan(nameOrPath, flags);
  const elsewhere = await runInOwnNamespaces([flags.host]);
  if (elsewhere !== null) return elsewhere;
  const beds = openBeds(flags.host, null);
  const files = openOutputs({ json: flags.json });
  const screen = screenFor(Object.values(files), {});
  const interruption = listenForSignals();
  const say = (line: string): void => void screen.write(`${line}\n`);
  try {
    const result = await runSuite(plan, {
      openBed: beds.open,
      openHost: ({ scenario }) => openHost(flags.host, scenario),
      signal: interruption.signal,
      watcher: {
        tried: (trial) => say(describeTrial(trial)),
        testing: (size, test) => say(`${size}: ${test}`),
      },
    });
    // The file first: whatever happens to the terminal, the result is kept.
    await files.json?.write(documentText(result));
    for (const line of suiteLines(result, widthOf(screen), paintOf(screen))) say(line);
    return result.exitCode;
  } finally {
    await beds.close();
    for (const file of Object.values(files)) file.discard();
    interruption.dispose();
  }
}

function describeTrial({ variant, perSecond, durationNs, lossRatio, validity }: SearchTrial): string {
  const doubt = validity.status === 'invalid' ? ' (invalid)' : '';
  return `${variant}: ${formatExact(perSecond)}/s for ${formatTime(durationNs)} loses ${formatShare(lossRatio)}${doubt}`;
}

/** What is to be measured: a variant for each size. @throws UsageError, ScenarioError */
export function readPlan(nameOrPath: string, flags: Bench2544Flags): SuitePlan {
  const base = loadScenario(nameOrPath, { overrides: flags.set });
  const { pcap } = base.traffic;
  // Phases are not run: what they offer of small frames may be more than the line holds of large ones.
  const idle = base.run.phases.map((_, i) => ({ flag: '--sizes', assignment: `run.phases.${i}.rate=${PHASE_LOAD}` }));
  const probed = loadScenario(nameOrPath, { overrides: [...flags.set, ...idle, `traffic.frameSize=${PROBE_BYTES}`] });
  const withOwnSize = probed.traffic.streams.flatMap(({ frameBytes }, i) => (frameBytes[0] === PROBE_BYTES ? [] : [i]));
  if (pcap !== 'none') throw new UsageError(`${base.name} replays a capture, allowed: a scenario of generated frames`);
  const changes = (flags.sizes ?? STANDARD_SIZES).map((size): VariantChange => {
    const paths = ['traffic.frameSize', ...withOwnSize.map((i) => `traffic.streams.${i}.frameSize`)];
    const value = size === 'imix' ? 'IMIX' : size;
    const sized = paths.map((path) => ({ flag: '--sizes', assignment: `${path}=${value}` }));
    return { name: size, overrides: [...idle, ...sized] };
  });
  const variants = loadVariantsFor(flags.host, nameOrPath, flags.set, changes);
  const load = chooseLoad(variants[0].scenario, 'frames', null);
  return {
    hostKind: flags.host,
    variants,
    load,
    timing: flags.quick === true ? QUICK_TIMING : STANDARD_TIMING,
    warmupNs: readDuration('warmup', flags.warmup, 0),
    runInNs: RUN_IN_NS,
  };
}
