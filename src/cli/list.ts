import type { Command } from 'commander';

const TEXT_CHARS = 98;

/** `list`: the scenarios that come with the program. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('list the scenarios that come with the program')
    .action(async () => {
      const { loadScenario, shippedScenarios } = await import('../topology/scenario-file.ts');
      const { formatSeconds } = await import('../metrics/number-format.ts');
      const { wrapWords } = await import('../metrics/text-table.ts');
      for (const name of shippedScenarios()) {
        const { description, run } = loadScenario(name);
        const durationNs = run.warmupNs + run.settleNs + run.phases.reduce((sum, phase) => sum + phase.durationNs, 0);
        const about = wrapWords(description, TEXT_CHARS).map((line) => `  ${line}\n`);
        process.stdout.write(`${name}, ${formatSeconds(durationNs)}\n${about.join('')}`);
      }
    });
}
