/** What a sweep compares: one scenario, each time with something else changed. */
import { loadScenario } from '../../plan/load-scenario.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Override } from '../../scenario/text/override.ts';

export interface VariantChange {
  readonly name: string;
  readonly overrides: readonly Override[];
  /** The values of the factors of a grid; none without one. */
  readonly levels?: readonly string[];
}

export interface SweepVariant extends VariantChange {
  readonly scenario: Scenario;
}

const NO_EXPECTATIONS = 'expect=[]';

/** The scenario with every vNIC in one mode. */
export function modeChange({ vms }: Pick<Scenario, 'vms'>, mode: string): VariantChange {
  const overrides = vms.flatMap(({ nics }, vm) =>
    nics.map((_, nic) => ({ flag: '--modes', path: `vms.${vm}.nics.${nic}.mode`, value: mode })),
  );
  return { name: mode, overrides };
}

/**
 * Reads `NAME=path=value,path=value`. A comma ends a change only where another path and an equals sign follow, so that
 * values may be lists. Null when it is not of that form.
 */
export function parseVariant(text: string): VariantChange | null {
  const [, name, changes] = /^([^=,\s]+)=([\w.[\]-]+=.*)$/.exec(text) ?? [];
  if (name === undefined) return null;
  const assignments = changes.split(/,(?=[\w.[\]-]+=)/);
  return { name, overrides: assignments.map((assignment) => ({ flag: `--variant ${name}`, assignment })) };
}

/**
 * Loads each variant; `overrides` hold for all of them. What a single run is expected to show says nothing of a sweep,
 * and may name what a variant is without. @throws ScenarioError for the first that is wrong.
 */
export function loadVariants(
  nameOrPath: string,
  overrides: readonly string[],
  changes: readonly VariantChange[],
): SweepVariant[] {
  return changes.map((change) => ({
    ...change,
    scenario: loadScenario(nameOrPath, { overrides: [...overrides, ...change.overrides, NO_EXPECTATIONS] }),
  }));
}
