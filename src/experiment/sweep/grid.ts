/** A full factorial design: every combination of the values of some keys is a variant. */
import type { Override } from '../../scenario/text/override.ts';
import type { VariantChange } from './variants.ts';

/** A key, or the mode of all vNICs, and the values it takes. */
export interface Factor {
  readonly key: string;
  /** At least two, as they were written. */
  readonly values: readonly string[];
}

/** More combinations than this are a mistake: each needs memory and trials of its own. */
export const COMBINATIONS_MAX = 256;

/** Reads `key=v1,v2`; a comma within brackets or quotes belongs to a value. Null when it is not of that form. */
export function parseFactor(text: string): Factor | null {
  const [, key, list] = /^([\w.[\]*-]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined) return null;
  const values = (list.match(/(?:\[[^\]]*\]|\{[^}]*\}|"[^"]*"|[^,])+/g) ?? []).map((value) => value.trim());
  const distinct = new Set(values).size === values.length;
  return values.length >= 2 && distinct && !values.includes('') ? { key, values } : null;
}

/**
 * The keys that a key with `*` stands for: each item of a list of the scenario, by its place. One without is itself.
 * None where there is no such list.
 */
export function expandKey(scenario: object, key: string): string[] {
  const star = /^(.*?)\.\*(\..*)?$/.exec(key);
  if (star === null) return [key];
  const [, head, rest = ''] = star;
  const list = itemAt(scenario, head);
  return Array.isArray(list) ? list.flatMap((_, i) => expandKey(scenario, `${head}.${i}${rest}`)) : [];
}

/** What lies at a path; an item of a list by place or name. */
function itemAt(scenario: object, path: string): unknown {
  return path.split('.').reduce<unknown>((at, part) => {
    if (at === null || typeof at !== 'object') return undefined;
    if (!Array.isArray(at)) return (at as Record<string, unknown>)[part];
    return /^\d+$/.test(part) ? at[Number(part)] : at.find((item: { name?: string } | null) => item?.name === part);
  }, scenario);
}

/**
 * The variants of a grid, the last factor changing fastest; each is named after what tells it from the others.
 * @param overridesOf what a value of a factor changes
 */
export function gridChanges(
  factors: readonly Factor[],
  overridesOf: (factor: Factor, value: string) => readonly Override[],
): VariantChange[] {
  const names = shortNames(factors.map(({ key }) => key));
  return combinations(factors).map((levels) => ({
    name: levels.map((value, i) => `${names[i]}=${value}`).join(' '),
    overrides: levels.flatMap((value, i) => overridesOf(factors[i], value)),
    levels,
  }));
}

/** The shortest endings of keys that differ: `queue` for `taps.tap0.queue`, unless another factor ends so too. */
export function shortNames(keys: readonly string[]): string[] {
  const ending = (key: string, parts: number): string => key.split('.').slice(-parts).join('.');
  return keys.map((key) => {
    let parts = 1;
    while (
      parts < key.split('.').length &&
      keys.filter((other) => ending(other, parts) === ending(key, parts)).length > 1
    )
      parts++;
    return ending(key, parts);
  });
}

function combinations(factors: readonly Factor[]): string[][] {
  return factors.reduce<string[][]>(
    (made, { values }) => made.flatMap((head) => values.map((v) => [...head, v])),
    [[]],
  );
}
