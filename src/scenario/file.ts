/** From the name or path of a scenario file to a scenario, or to everything that is wrong with it. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkReferences, checkValues } from './rules/rules.ts';
import { checkUnread } from './rules/unread.ts';
import { completeScenario } from './complete/complete.ts';
import type { CaptureChoice, CapturedStream } from './complete/complete.ts';
import { completeExpectations } from './complete/expectations.ts';
import { ScenarioDocument } from './text/document.ts';
import { ScenarioError } from './error.ts';
import type { Fault, KeyPath } from './fault.ts';
import { describeAllowed, faultsOf } from './keys/issues.ts';
import { scenarioSchema } from './keys/schema.ts';
import type { ParsedScenario } from './keys/schema.ts';
import { STANDARD_INPUT } from '../net/choices.ts';
import { MTU_STANDARD_BYTES } from '../net/wire/ethernet.ts';
import { COST_PROFILES } from './profiles/cost-profiles.ts';
import type { CostProfileName } from './profiles/cost-profiles.ts';
import { isProfilePath, parseProfile } from './profiles/profile-file.ts';
import type { CostProfile } from './profiles/profile-file.ts';
import { defaultStructure, inheritHost } from './structure.ts';
import type { ReplaySpec, Scenario } from './scenario.ts';
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

/** What only those who run scenarios can tell of one. */
export interface Surveyor {
  /**
   * What streams that leave by these ports get of the capture at an absolute path, or of `-`.
   * @throws an Error that says why it cannot be replayed.
   */
  readonly capture: (
    path: string,
    replay: ReplaySpec,
    froms: readonly { readonly name: string; readonly mtuBytes: number }[],
  ) => CapturedStream[];
  /** Faults of a complete scenario whose own rules hold, looked for in turn. */
  readonly checks: readonly ((scenario: Scenario) => Fault[])[];
}

/**
 * Path of a scenario: a bare name is one that comes with the program, anything with a slash or an ending is a path.
 *
 * @throws ScenarioError where there is no such file.
 */
export function findFile(nameOrPath: string): string {
  const isName = /^[\w-]+$/.test(nameOrPath);
  const file = isName ? join(SHIPPED_DIRECTORY, `${nameOrPath}.yaml`) : nameOrPath;
  if (isFile(file)) return file;
  const names = shippedScenarios();
  const allowed = `the names that "vhostlab list" shows, or a path such as ./${nameOrPath}.yaml`;
  const sentence = isName ? `no such scenario, allowed: ${allowed}${didYouMean(nameOrPath, names)}` : 'no such file';
  throw new ScenarioError([{ file: nameOrPath, place: { kind: 'whole' }, sentence }]);
}

/**
 * Reads a scenario from text. `file` is what errors call it, gives the default name and the folder of captures.
 *
 * @throws ScenarioError with every problem that could be found in one pass.
 */
export function readScenario(text: string, file: string, options: LoadOptions, surveyor: Surveyor): Scenario {
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
  failOn(checkReferences(parsed));
  const { capture, faults: captureFaults } = resolveCapture(parsed, document, surveyor);
  const { profiles, faults: profileFaults } = resolveProfiles(parsed.hosts ?? [], document);
  failOn([...captureFaults, ...profileFaults]);
  const modulePath = (vm: number, written: string) => {
    const key = ['vms', vm, 'nf'];
    return absolutePath(document.has([...key, 'path']) ? [...key, 'path'] : key, written, document);
  };
  const files = { capture, modulePath, costProfile: (host: number) => profiles[host] };
  const completed = completeScenario(parsed, basename(file).replace(/\.ya?ml$/, ''), files);
  const { scenario, faults } = completeExpectations(completed, parsed);
  failOn([...checkValues(scenario, parsed), ...faults]);
  failOn(checkUnread(scenario, (path) => document.has(path)));
  for (const check of surveyor.checks) failOn(check(scenario));
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

/**
 * The capture is read for its mean frame size and its pace, which rates depend on, and so that one that cannot be
 * replayed is refused here.
 */
function resolveCapture(
  { traffic, ports = [] }: ParsedScenario,
  document: ScenarioDocument,
  surveyor: Surveyor,
): { capture: CaptureChoice; faults: Fault[] } {
  const { frames, time, longestPause, split, clients } = traffic.replay;
  const replay = { frames, timeNs: time, longestPauseNs: longestPause, split, clients };
  const { pcap } = traffic;
  if (pcap === 'none') return { capture: { path: pcap, replay, streams: [] }, faults: [] };
  const path: Fault['path'] = ['traffic', 'pcap'];
  const place = pcap === STANDARD_INPUT ? pcap : absolutePath(path, pcap, document);
  const refuse = (found: string) => ({
    capture: { path: place, replay, streams: [] },
    faults: [{ path, at: 'value', sentence: `${found}, allowed: none, or the path of a capture` }] satisfies Fault[],
  });
  if (place !== STANDARD_INPUT && !existsSync(place)) return refuse(`no file ${place}`);
  if ((traffic.streams ?? []).length === 0) return refuse('found a capture, and no stream that would replay it');
  const froms = (traffic.streams ?? []).map(({ from }) => {
    return { name: from, mtuBytes: ports.find(({ name }) => name === from)?.mtu ?? MTU_STANDARD_BYTES };
  });
  try {
    return { capture: { path: place, replay, streams: surveyor.capture(place, replay, froms) }, faults: [] };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

type ParsedHosts = NonNullable<ParsedScenario['hosts']>;

/** The cost profile of each host, read where it is a file. */
function resolveProfiles(hosts: ParsedHosts, document: ScenarioDocument): { profiles: CostProfile[]; faults: Fault[] } {
  const faults: Fault[] = [];
  const profiles = hosts.map(({ costs }, i): CostProfile => {
    const written = typeof costs === 'string' ? costs : costs.inherit;
    if (!isProfilePath(written)) return { name: written, table: COST_PROFILES[written as CostProfileName] };
    // What a host does not say itself it has from `host`.
    const own: KeyPath = ['hosts', i, 'costs'];
    const path: KeyPath = document.has(own) ? own : ['host', 'costs'];
    const absolute = absolutePath(path, written, document);
    try {
      return parseProfile(readFileSync(absolute, 'utf8'));
    } catch (error) {
      const why = isFile(absolute) ? `${absolute}: ${(error as Error).message}` : `no file ${absolute}`;
      faults.push({
        path,
        at: 'value',
        sentence: `found ${why}, allowed: a profile that vhostlab calibrate has written`,
      });
      return { name: written, table: COST_PROFILES.linux };
    }
  });
  return { profiles, faults };
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
