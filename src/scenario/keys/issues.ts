/** The schema's complaints as sentences: what was found, what is allowed, and what was probably meant. */
import type { z } from 'zod';
import { showValue } from '../error.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { didYouMean } from '../text/suggestion.ts';
import { scenarioJsonSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  boolean: 'true, false',
  string: 'text',
};

/** What is allowed, for issues whose schema has no words of its own. */
export function describeAllowed(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[String(issue.expected)] ?? `a ${String(issue.expected)}`;
    case 'invalid_value':
      return (issue.values as readonly unknown[]).join(', ');
    case 'too_small':
      return issue.origin === 'array'
        ? `a list of at least ${String(issue.minimum)}`
        : `${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}`;
    case 'too_big':
      return issue.origin === 'array'
        ? `a list of at most ${String(issue.maximum)}`
        : `at most ${String(issue.maximum)}`;
    case 'invalid_union':
      return Array.isArray(issue.options) ? issue.options.filter(Boolean).join(', ') : 'another value';
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return 'another value';
  }
}

/** Every issue as a fault; `scenario` is the value that was checked. */
export function faultsOf(issues: readonly Issue[], scenario: unknown): Fault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, issue.path as KeyPath, scenario));
}

function faultsOfIssue(issue: Issue, path: KeyPath, scenario: unknown): Fault[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_union') {
    const branch = intendedBranch(issue.errors);
    if (branch !== undefined) {
      return branch.flatMap((inner) => faultsOfIssue(inner, [...path, ...(inner.path as KeyPath)], scenario));
    }
  }
  const value = valueAt(scenario, path);
  if (value === undefined) {
    const key = String(path[path.length - 1]);
    return [{ path: path.slice(0, -1), at: 'value', sentence: `missing key "${key}", allowed: ${issue.message}` }];
  }
  const hint = typeof value === 'string' ? didYouMean(value, keywordsOf(issue)) : '';
  return [{ path, at: 'value', sentence: `found ${showValue(value)}, allowed: ${issue.message}${hint}` }];
}

/** The alternative that was meant: the one whose outer shape fits and whose inside is at fault. */
function intendedBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const outside = /^invalid_(type|value|union|format)$/;
  const fitting = branches.filter(
    (issues) => !issues.some(({ path, code }) => path.length === 0 && outside.test(code)),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** The words an issue's schema, or any of its alternatives, would have taken. */
function keywordsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_union')
    return issue.errors
      .flat()
      .filter(({ path }) => path.length === 0)
      .flatMap(keywordsOf);
  return issue.code === 'invalid_value' ? issue.values.map(String) : [];
}

function unknownKey(path: KeyPath, key: string): Fault {
  const keys = keysAllowedAt(path);
  const where = path.length === 0 ? '' : ` in ${path.join('.')}`;
  const sentence = `unknown key "${key}"${where}, allowed: ${keys.join(', ')}${didYouMean(key, keys)}`;
  return { path: [...path, key], at: 'key', sentence };
}

interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
  readonly oneOf?: readonly JsonSchemaNode[];
}

let walked: JsonSchemaNode | null = null;

/** Keys of the mapping at a path, read from the JSON Schema, which is easier to walk than the schema it is made of. */
function keysAllowedAt(path: KeyPath): string[] {
  // Made once: it takes milliseconds, and a file may hold thousands of unknown keys.
  walked ??= scenarioJsonSchema();
  let nodes = alternatives(walked);
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const other = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
      const child = typeof key === 'number' ? node.items : (node.properties?.[key] ?? other);
      return child === undefined ? [] : alternatives(child);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function alternatives(node: JsonSchemaNode): JsonSchemaNode[] {
  return [node, ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(alternatives)];
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | null)?.[key], value);
}
