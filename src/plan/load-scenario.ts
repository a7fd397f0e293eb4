/** Scenarios for those who run them: read, and looked at with what they name (captures, modules, counters). */
import { readFileSync } from 'node:fs';
import { Arena } from '../memory/arena.ts';
import { FunctionModuleError } from '../runtime/function-module.ts';
import type { Fault } from '../scenario/fault.ts';
import { findFile, readScenario } from '../scenario/file.ts';
import type { LoadOptions, Surveyor } from '../scenario/file.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { unknownCounters } from './expected-counters.ts';
import { planFunctions } from './guest/functions.ts';
import { surveyCapture } from './wires/captures.ts';

const SURVEYOR: Surveyor = {
  capture: (path, replay, froms) => [...surveyCapture(path, replay, froms).streams],
  checks: [checkModules, unknownCounters],
};

/** Loads a scenario by name or path. @throws ScenarioError with every problem that could be found in one pass. */
export function loadScenario(nameOrPath: string, options: LoadOptions = {}): Scenario {
  const file = findFile(nameOrPath);
  return parseScenario(readFileSync(file, 'utf8'), file, options);
}

/** Reads a scenario from text: `file` is as readScenario has it. @throws ScenarioError likewise. */
export function parseScenario(text: string, file: string, options: LoadOptions = {}): Scenario {
  return readScenario(text, file, options, SURVEYOR);
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
