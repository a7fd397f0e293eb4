import { scenarioJsonSchema } from '../../scenario/keys/schema.ts';

/** One key of a scenario: `host.scheduler.slice`, `ports[].rxRing`. */
export interface KeyEntry {
  readonly path: string;
  readonly meaning: string;
}

/** What of a JSON Schema says which keys there are. */
interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Every key that a scenario may have, in the order of the schema. */
export function keyIndex(): KeyEntry[] {
  return keysBelow(scenarioJsonSchema(), '');
}

function keysBelow({ properties = {}, items, anyOf = [], oneOf = [] }: SchemaNode, path: string): KeyEntry[] {
  const keys = Object.entries(properties).flatMap(([key, node]): KeyEntry[] => {
    const own = path === '' ? key : `${path}.${key}`;
    const below = keysBelow(node, own);
    return node.description === undefined ? below : [{ path: own, meaning: node.description }, ...below];
  });
  const elements = items === undefined ? [] : keysBelow(items, `${path}[]`);
  return [...keys, ...elements, ...[...anyOf, ...oneOf].flatMap((each) => keysBelow(each, path))];
}

/**
 * The keys that a word means: a path as `--set` takes it, `ports[0].rxRing` or `ports.0.rxRing`, or the end of one, such
 * as `rxRing` and `scheduler.slice`.
 */
export function findKeys(entries: readonly KeyEntry[], word: string): KeyEntry[] {
  const path = word.replaceAll(/\[\d*\]|\.\d+(?=\.|$)/g, '[]');
  const found = entries.filter((entry) => entry.path === path || entry.path.endsWith(`.${path}`));
  // A function's key has one meaning for each kind of function that has it.
  return found.filter(({ path: at, meaning }, i) => {
    return found.findIndex((other) => other.path === at && other.meaning === meaning) === i;
  });
}
