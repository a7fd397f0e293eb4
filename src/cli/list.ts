import type { Command } from 'commander';

/** `list`: the scenarios that come with the program. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('list the scenarios that come with the program')
    .action(async () => {
      const { loadScenario, shippedScenarios } = await import('../topology/scenario-file.ts');
      const { formatDuration } = await import('../topology/quantities.ts');
      for (const name of shippedScenarios()) {
        const { description, run } = loadScenario(name);
        const durationNs = run.warmupNs + run.settleNs + run.phases.reduce((sum, phase) => sum + phase.durationNs, 0);
        process.stdout.write(`${name}, ${formatDuration(durationNs)}\n${indented(description)}\n`);
      }
    });
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
