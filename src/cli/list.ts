import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { SweepResult } from '../experiment/sweep/sweep-result.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { UsageError } from './errors.ts';
import { openOutputs } from './output-file.ts';

const TEXT_CHARS = 98;

interface ListOptions {
  readonly json?: true;
  readonly into?: string;
  readonly talk?: string;
}

/** `list`: the scenarios that come with the program. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('list the scenarios that come with the program: what each shows, what it needs, how to run it')
    .option('--json', 'as JSON')
    .addOption(new Option('--into <page>', 'at length, into this Markdown page between its marks').conflicts('json'))
    .option('--talk <file>', 'with --into: also the figures of npm run talk, whose JSON this is')
    .action(async ({ json, into, talk }: ListOptions) => {
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const { shippedScenarios } = await import('../scenario/file.ts');
      const { describeScenario } = await import('../experiment/catalogue/scenario-index.ts');
      const { probeCapabilities } = await import('../runtime/os/capabilities.ts');
      const scenarios = shippedScenarios().map((name) => loadScenario(name));
      if (into !== undefined) {
        await writeInto(into, scenarios, talk);
        return;
      }
      if (talk !== undefined) throw new UsageError('--talk: found no --into beside it, allowed: both');
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

async function writeInto(path: string, scenarios: readonly Scenario[], talk?: string): Promise<void> {
  const { CATALOGUE_BEGIN, CATALOGUE_END, scenarioCatalogue, withCatalogue } =
    await import('../experiment/catalogue/scenario-page.ts');
  const measured = talk === undefined ? readText('--into', path) : await withTalk(path, talk);
  const page = withCatalogue(measured, scenarioCatalogue(scenarios));
  if (page === null) {
    throw new UsageError(`--into ${path}: found no marks, allowed: ${CATALOGUE_BEGIN} and, below it, ${CATALOGUE_END}`);
  }
  await openOutputs({ into: path }).into?.write(page);
}

/** The page at `path` with the figures of a sweep. */
async function withTalk(path: string, talk: string): Promise<string> {
  const { withSection } = await import('../experiment/catalogue/scenario-page.ts');
  const { TALK_BEGIN, TALK_END, talkSection, unfitForTalk } = await import('../experiment/catalogue/measured-page.ts');
  const result = readJson(talk);
  const unfit = unfitForTalk(result);
  if (unfit !== null) throw new UsageError(`--talk ${talk}: found ${unfit}, allowed: the JSON of npm run talk`);
  const page = withSection(readText('--into', path), [TALK_BEGIN, TALK_END], talkSection(result as SweepResult));
  if (page !== null) return page;
  throw new UsageError(`--into ${path}: found no marks, allowed: ${TALK_BEGIN} and, below it, ${TALK_END}`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readText('--talk', path)) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`--talk ${path}: found no JSON, allowed: the JSON of npm run talk`);
  }
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag} ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
