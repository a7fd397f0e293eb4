import type { Command } from 'commander';

const TEXT_CHARS = 98;

/** `list`: the scenarios that come with the program. */
export function addList(program: Command): void {
  program
    .command('list')
    .description('list the scenarios that come with the program: what each shows, what it needs, how to run it')
    .option('--json', 'as JSON')
    .action(async ({ json }: { readonly json?: true }) => {
      const { loadScenario, shippedScenarios } = await import('../scenario/file.ts');
      const { describeScenario } = await import('../experiment/catalogue/scenario-index.ts');
      const { probeCapabilities } = await import('../runtime/os/capabilities.ts');
      const cores = probeCapabilities().coresAllowed.length;
      const entries = shippedScenarios().map((name) => describeScenario(loadScenario(name), cores));
      if (json === true) {
        process.stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
        return;
      }
      const { formatSeconds } = await import('../metrics/text/number-format.ts');
      const { wrapWords } = await import('../metrics/text/text-table.ts');
      for (const { name, summary, coresNeeded, durationNs, expectations, virtual, command } of entries) {
        const time = `${formatSeconds(durationNs)} of ${virtual ? 'virtual time' : 'warm-up and traffic'}`;
        const expected = expectations === 1 ? '1 expectation' : `${expectations || 'no'} expectations`;
        const lines = [...wrapWords(summary, TEXT_CHARS), command].map((line) => `  ${line}\n`).join('');
        process.stdout.write(`${name}, ${time}, ${coresNeeded} cores, ${expected}\n${lines}`);
      }
    });
}
