/** Writes the JSON Schema of result documents to stdout: part of `npm run docs`. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { RESULT_SCHEMA_VERSION } from '../../src/experiment/result/result-head.ts';
import { typeSchema } from './type-schema.ts';
import type { SchemaNode } from './type-schema.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Takes some seconds: the whole program is type-checked. */
export function resultJsonSchema(): SchemaNode {
  const { config } = ts.readConfigFile(`${ROOT}/tsconfig.json`, (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const { $schema, ...rest } = typeSchema(
    `${ROOT}/src/experiment/result/result-document.ts`,
    'ResultDocument',
    options,
  );
  const title = `Result of vhostlab run, sweep, search, bench-2544 or compare, version ${RESULT_SCHEMA_VERSION}`;
  const description =
    'What --json writes. Times in ns, rates per second, ratios from 0 to 1, null for what is not defined or not known.';
  return { $schema, title, description, ...rest };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
}
