import type { Command } from 'commander';
import { UsageError } from './errors.ts';

const TEXT_CHARS = 98;

/** `explain`: what a counter, a reason for a drop, or a key of a scenario means. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('say what a counter, a reason for a drop, or a key of a scenario means')
    .argument(
      '<word>',
      'a counter such as rx_missed_errors or eth0:rx_missed_errors, words of a reason, or a key such as ' +
        'host.scheduler.slice or rxRing',
    )
    .action(async (word: string) => {
      const { counterIndex, findCounters } = await import('../experiment/catalogue/counter-index.ts');
      const { keyIndex, findKeys } = await import('../experiment/catalogue/key-index.ts');
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const { shippedScenarios } = await import('../scenario/file.ts');
      const { didYouMean } = await import('../scenario/text/suggestion.ts');
      const { wrapWords } = await import('../metrics/text/text-table.ts');
      const counters = counterIndex(shippedScenarios().map((name) => loadScenario(name)));
      const keys = keyIndex();
      const found = [
        ...findKeys(keys, word).map(({ path, meaning }) => ({ title: `${path}, of a scenario`, meaning })),
        ...findCounters(counters, word).map(({ place, name, meaning }) => ({
          title: `${name}, of a ${place}`,
          meaning,
        })),
      ];
      if (found.length === 0) {
        const names = [...counters.map(({ name }) => name), ...keys.map(({ path }) => path.split('.').at(-1)!)];
        throw new UsageError(`no counter, reason or key "${word}"${didYouMean(word, [...new Set(names)])}`);
      }
      for (const { title, meaning } of found) {
        process.stdout.write(`${title}\n`);
        for (const line of wrapWords(meaning, TEXT_CHARS)) process.stdout.write(`  ${line}\n`);
      }
    });
}
