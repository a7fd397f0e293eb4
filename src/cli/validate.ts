import type { Command } from 'commander';
import { collectSetting } from './option-parsers.ts';

interface ValidateOptions {
  readonly set: readonly string[];
  readonly resolved?: true;
}

/** `validate`: checks scenario files, and shows what a run would use. */
export function addValidate(program: Command): void {
  program
    .command('validate')
    .description(
      'check a scenario without running it, and say which files a run would read, which modules it would run, and which ' +
        'keys have no effect',
    )
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option('--set <path=value>', 'change one key, as run does; may be repeated', collectSetting, [])
    .option('--resolved', 'print the scenario as JSON with every default filled in')
    .action(async (nameOrPath: string, options: ValidateOptions) => {
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const { buildPlan } = await import('../plan/build-plan.ts');
      const { loadVariants } = await import('../experiment/sweep/variants.ts');
      const scenario = loadScenario(nameOrPath, { overrides: options.set });
      loadVariants(nameOrPath, options.set, scenario.sweep.variants);
      const { threads, buffers } = buildPlan(scenario);
      if (options.resolved === true) {
        process.stdout.write(`${JSON.stringify(scenario, null, 2)}\n`);
        return;
      }
      const mebibytes = buffers.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
      const names = threads.map(({ name }) => name).join(', ');
      const { capturePath, captureLines } = await import('../experiment/tell/capture-lines.ts');
      const { describeCapture } = await import('../experiment/run/capture-result.ts');
      const { unreadKeys } = await import('../experiment/catalogue/unread-keys.ts');
      const modules = scenario.vms.flatMap(({ name, nf }) => ('path' in nf ? [`${nf.path} (${name})`] : []));
      const lines = [
        `${scenario.name} is valid: ${threads.length} threads (${names}), ${mebibytes.toFixed(0)} MiB`,
        ...modules.map((module) => `runs ${module}`),
        ...capturePath(scenario).map((path) => `reads ${path}`),
        ...captureLines(describeCapture(scenario)),
        ...unreadKeys(nameOrPath, options.set).map(
          (key) => `${key} has no effect: with any value a run would be the same`,
        ),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}
