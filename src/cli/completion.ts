import { Argument } from 'commander';
import type { Command } from 'commander';
import { SHELLS, completionScript } from './completion-scripts.ts';
import type { Shell } from './completion-scripts.ts';

/** `completion`: a script for a shell. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script by which a shell completes verbs, flags, their values, and scenarios')
    .addArgument(new Argument('<shell>', 'the shell that is to read it').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { shippedScenarios } = await import('../scenario/file.ts');
      process.stdout.write(completionScript(shell, { verbs: program.commands, scenarios: shippedScenarios() }));
    });
}
