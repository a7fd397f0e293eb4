import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarioJsonSchema } from '../../../src/scenario/keys/schema.ts';

const SCHEMA_FILE = new URL('../../../scenarios/scenario.schema.json', import.meta.url);

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Every mapping of the schema with the path that leads to it. */
function mappings(node: SchemaNode, path: string): [string, SchemaNode][] {
  const children = [
    ...Object.entries(node.properties ?? {}).flatMap(([key, child]) => mappings(child, `${path}.${key}`)),
    ...[...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.items ? [node.items] : [])].flatMap((child) =>
      mappings(child, path),
    ),
  ];
  return node.properties === undefined ? children : [[path, node], ...children];
}

describe('JSON Schema of scenario files', () => {
  const all = mappings(scenarioJsonSchema(), 'scenario');

  it('is the one beside the scenarios', () => {
    const written: unknown = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
    const hint = 'stale file; run: npm run docs';
    expect(written, hint).toEqual(scenarioJsonSchema());
  });

  it('describes every key and allows no others', () => {
    expect(all.length).toBeGreaterThan(15);
    for (const [path, { properties = {}, additionalProperties }] of all) {
      expect(additionalProperties, path).toBe(false);
      for (const [key, { description }] of Object.entries(properties))
        expect(description, `${path}.${key}`).toMatch(/\.$/);
    }
  });

  it('requires names and relations only, since everything else has a default', () => {
    const required = new Set(all.flatMap(([, node]) => node.required ?? []));
    expect([...required].sort()).toEqual([
      'above',
      'action',
      'at',
      'backends',
      'below',
      'duration',
      'endpoint',
      'from',
      'hardware',
      'host',
      'kind',
      'metric',
      'name',
      'nic',
      'path',
      'port',
      'ports',
      'prefix',
      'relation',
      'set',
      'to',
      'variant',
      'virtual',
      'vm',
    ]);
    expect(all[0][1].required ?? []).toEqual([]);
  });
});
