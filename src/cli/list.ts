import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Scenario } from '../scenario/scenario.ts';
import { UsageError } from './errors.ts';
import { openOutputs } from './output-file.ts';

const TEXT_CHARS = 98;

interface ListOptions {
  readonly json?: true;
  readonly into?: string;
}

/** `list`: the scenarios that come with the program. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('list the scenarios that come with the program: what each shows, what it needs, how to run it')
    .option('--json', 'as JSON')
    .addOption(new Option('--into <page>', 'at length, into this Markdown page between its marks').conflicts('json'))
    .action(async ({ json, into }: ListOptions) => {
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const { shippedScenarios } = await import('../scenario/file.ts');
      const { describeScenario } = await import('../experiment/catalogue/scenario-index.ts');
      const { probeCapabilities } = await import('../runtime/os/capabilities.ts');
      const scenarios = shippedScenarios().map((name) => loadScenario(name));
      if (into !== undefined) {
        await writeInto(into, scenarios);
        return;
      }
      const cores = probeCapabilities().coresAllowed.length;
      const entries = scenarios.map((scenario) => describeScenario(scenario, cores));
      if (json === true) {
        process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
        return;
      }
      const { formatSeconds } = await import('../text/number-format.ts');
      const { wrapWords } = await import('../metrics/text/text-table.ts');
      for (const { name, summary, coresNeeded, durationNs, expectations, virtual, command } of entries) {
        const time = `${formatSeconds(durationNs)} of ${virtual ? 'virtual time' : 'warm-up and traffic'}`;
        const expected = expectations === 1 ? '1 expectation' : `${expectations || 'no'} expectations`;
        const lines = [...wrapWords(summary, TEXT_CHARS), command].map((line) => `  ${line}\n`).join('');
        process.stdout.write(`${name}, ${time}, ${coresNeeded} cores, ${expected}\n${lines}`);
      }
    });
}

async function writeInto(path: string, scenarios: readonly Scenario[]): Promise<void> {
  const { CATALOGUE_BEGIN, CATALOGUE_END, scenarioCatalogue, withCatalogue } =
    await import('../experiment/catalogue/scenario-page.ts');
  const page = withCatalogue(readPage(path), scenarioCatalogue(scenarios));
  if (page === null) {
    throw new UsageError(`--into ${path}: found no marks, allowed: ${CATALOGUE_BEGIN} and, below it, ${CATALOGUE_END}`);
  }
  await openOutputs({ into: path }).into?.write(page);
}

function readPage(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--into ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
