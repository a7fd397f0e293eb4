import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { helpNotes } from './help-notes.ts';

/** Generated from the types of `src/experiment/result/result-document.ts` by `npm run docs`. */
const RESULT_SCHEMA = new URL('../../scenarios/result.schema.json', import.meta.url);

const NOTES =
  'Editors check a scenario against the one, programs that read what --json wrote check it against the other. ' +
  'A result names the version of its schema in schemaVersion.';

/** `schema`: the JSON Schema of scenario files, for editors, and of results, for programs that read them. */
export function addSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema of scenario files, or of results')
    .option('--result', 'of what run, sweep, search, bench-2544 and compare write with --json')
    .addHelpText('after', helpNotes(NOTES))
    .action(async ({ result }: { readonly result?: true }) => {
      if (result === true) {
        process.stdout.write(readFileSync(RESULT_SCHEMA, 'utf8'));
        return;
      }
      const { scenarioJsonSchema } = await import('../scenario/keys/schema.ts');
      process.stdout.write(`${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
    });
}
