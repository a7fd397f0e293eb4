/** From the name or path of a scenario file to a scenario, or to everything that is wrong with it. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Arena } from '../memory/arena.ts';
import { readCaptureFile } from '../net/capture/capture-file.ts';
import { surveyReplay } from '../net/capture/replay-frames.ts';
import { FunctionModuleError } from '../runtime/function-module.ts';
import { unknownCounters } from '../plan/expected-counters.ts';
import { planFunctions } from '../plan/guest/functions.ts';
import { checkReferences, checkValues, completeExpectations } from './rules/rules.ts';
import { completeScenario } from './complete.ts';
import type { CaptureChoice } from './complete.ts';
import { ScenarioDocument } from './text/document.ts';
import type { KeyPath } from './text/document.ts';
import { ScenarioError } from './error.ts';
import { describeAllowed, faultsOf } from './text/issues.ts';
import type { Fault } from './text/issues.ts';
import { scenarioSchema } from './keys/schema.ts';
import { defaultStructure, inheritHost } from './structure.ts';
import type { Scenario } from './scenario.ts';
import type { Override } from './text/override.ts';
import { didYouMean } from './text/suggestion.ts';

const SHIPPED_DIRECTORY = fileURLToPath(new URL('../../scenarios/', import.meta.url));

export interface LoadOptions {
  /** Applied in order after the file. List items go by index or by name. */
  readonly overrides?: readonly Override[];
}

/** Names of the scenarios that come with the program. */
export function shippedScenarios(): string[] {
  return readdirSync(SHIPPED_DIRECTORY)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * Loads a scenario: a bare name is one that comes with the program, anything with a slash or an ending is a path.
 * @throws ScenarioError with every problem that could be found in one pass.
 */
export function loadScenario(nameOrPath: string, options: LoadOptions = {}): Scenario {
  const file = findFile(nameOrPath);
  return parseScenario(readFileSync(file, 'utf8'), file, options);
}

function findFile(nameOrPath: string): string {
  const isName = /^[\w-]+$/.test(nameOrPath);
  const file = isName ? join(SHIPPED_DIRECTORY, `${nameOrPath}.yaml`) : nameOrPath;
  if (isFile(file)) return file;
  const names = shippedScenarios();
  const allowed = `the names that "vhostlab list" shows, or a path such as ./${nameOrPath}.yaml`;
  const sentence = isName ? `no such scenario, allowed: ${allowed}${didYouMean(nameOrPath, names)}` : 'no such file';
  throw new ScenarioError([{ file: nameOrPath, place: { kind: 'whole' }, sentence }]);
}

/** Reads a scenario from text. `file` is what errors call it, gives the default name and the folder of captures. */
export function parseScenario(text: string, file: string, options: LoadOptions = {}): Scenario {
  const document = new ScenarioDocument(file, text);
  applyOverrides(document, options.overrides ?? []);
  const failOn = (faults: readonly Fault[]): void => {
    if (faults.length === 0) return;
    throw new ScenarioError(
      faults.map(({ path, at, sentence }) => ({ file, place: document.placeOf(path, at), sentence })),
    );
  };
  const structure = inheritHost(defaultStructure(document.toValue()));
  const result = scenarioSchema.safeParse(structure, { error: describeAllowed });
  if (!result.success) {
    const faults = faultsOf(result.error.issues, structure);
    const written = faults.filter(({ path }) => document.has(path));
    failOn(written.length > 0 ? written : faults);
    throw result.error;
  }
  const parsed = result.data;
  const { capture, faults: captureFaults } = resolveCapture(parsed.traffic.pcap, document);
  failOn([...checkReferences(parsed), ...captureFaults]);
  const modulePath = (vm: number, written: string) => absolutePath(['vms', vm, 'nf'], written, document);
  const completed = completeScenario(parsed, basename(file).replace(/\.ya?ml$/, ''), { capture, modulePath });
  const { scenario, faults } = completeExpectations(completed, parsed);
  failOn([...checkValues(scenario, parsed), ...faults]);
  failOn(checkModules(scenario));
  failOn(unknownCounters(scenario));
  return deepFreeze(scenario);
}

/** Puts overrides into a document, in order. @throws ScenarioError for all that are malformed or lead nowhere. */
export function applyOverrides(document: ScenarioDocument, overrides: readonly Override[]): void {
  const problems = overrides.flatMap((override) => document.override(override) ?? []);
  if (problems.length > 0) throw new ScenarioError(problems);
}

/** A path in the file is relative to the file, one from the command line to where the user stands. */
function absolutePath(key: KeyPath, written: string, document: ScenarioDocument): string {
  const isOverride = document.placeOf(key, 'value').kind === 'override';
  return resolve(isOverride ? '.' : dirname(document.file), written);
}

/** Builds every module once, so that one that gives no network function is refused where it is named. */
function checkModules({ vms }: Scenario): Fault[] {
  return vms.flatMap((vm, v): Fault[] => {
    try {
      planFunctions(new Arena('trial'), vm);
      return [];
    } catch (error) {
      if (!(error instanceof FunctionModuleError)) throw error;
      const allowed = 'allowed: the path of a module whose default export builds a network function';
      return [{ path: ['vms', v, 'nf'], at: 'value', sentence: `${error.message}, ${allowed}` }];
    }
  });
}

/**
 * The capture is read for its mean frame size, which rates depend on, and so that one that cannot be replayed is
 * refused here.
 */
function resolveCapture(pcap: string, document: ScenarioDocument): { capture: CaptureChoice; faults: Fault[] } {
  if (pcap === 'none') return { capture: { path: pcap, meanFrameBytes: null }, faults: [] };
  const path: Fault['path'] = ['traffic', 'pcap'];
  const absolute = absolutePath(path, pcap, document);
  const refuse = (found: string) => ({
    capture: { path: absolute, meanFrameBytes: null },
    faults: [{ path, at: 'value', sentence: `${found}, allowed: none, or the path of a capture` }] satisfies Fault[],
  });
  if (!isFile(absolute)) return refuse(`no file ${absolute}`);
  try {
    const { meanFrameBytes } = surveyReplay(readCaptureFile(absolute));
    return { capture: { path: absolute, meanFrameBytes }, faults: [] };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
