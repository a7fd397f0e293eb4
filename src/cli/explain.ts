import type { Command } from 'commander';
import { UsageError } from './errors.ts';

const TEXT_CHARS = 98;

/** `explain`: what a counter, or a reason for a drop, means. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('say what a counter or a reason for a drop means')
    .argument('<counter>', 'name of a counter such as rx_missed_errors or eth0:rx_missed_errors, or words of a reason')
    .action(async (word: string) => {
      const { counterIndex, findCounters } = await import('../experiment/catalogue/counter-index.ts');
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const { shippedScenarios } = await import('../scenario/file.ts');
      const { didYouMean } = await import('../scenario/text/suggestion.ts');
      const { wrapWords } = await import('../metrics/text/text-table.ts');
      const entries = counterIndex(shippedScenarios().map((name) => loadScenario(name)));
      const found = findCounters(entries, word);
      if (found.length === 0) {
        const names = [...new Set(entries.map(({ name }) => name))];
        throw new UsageError(`no counter or reason "${word}"${didYouMean(word, names)}`);
      }
      for (const { place, name, meaning } of found) {
        process.stdout.write(`${name}, of a ${place}\n`);
        for (const line of wrapWords(meaning, TEXT_CHARS)) process.stdout.write(`  ${line}\n`);
      }
    });
}
