import type { Command } from 'commander';
import { helpNotes } from './help-notes.ts';
import { collectSetting } from './option-parsers.ts';
import type { RealityFlags } from './reality-command.ts';
import { trialCount } from './sweep.ts';

const NOTES =
  'The scenario runs on real threads, in virtual time and around the kernel of this machine, under the rules of ' +
  'linux-6.5, the nearest to a kernel of today. Each is offered 0.5 to 4 times its own loss-free rate L, in turn. ' +
  'What arrives, as a share of the peak, is compared with the kernel: softirq sharing a core with the worker, threaded ' +
  'NAPI, and the worker on a core of its own, where these can be had. Root is needed. Costs of this machine: ' +
  '--set host.costs=this-machine.yaml, from vhostlab calibrate.';

const CODES =
  'Exit codes: 0 ok, 1 internal error, 104 bad scenario or flag, 110 no condition was measured, ' +
  '111 a ledger does not balance, 130 interrupted';

/** `reality`: emulation and simulation beside the kernel that they stand for. */
export function addReality(program: Command): void {
  program
    .command('reality')
    .description("compare a scenario's curve on all hosts with that of this machine's kernel")
    .argument('[scenario]', 'name of a shipped scenario, or path of a file', 'livelock')
    .option('--set <path=value>', 'change one key on all hosts; may be repeated', collectSetting, [])
    .option('--condition <name>', 'only this one: shared, threaded-napi or own-core')
    .option('--trials <count>', 'trials of each host at each load', trialCount, 3)
    .option('--duration <time>', 'what is measured of each trial', '500ms')
    .option('--warmup <time>', 'traffic through each, before the first trial', '2s')
    .option('--json <file>', 'write the whole result to a file')
    .option('--svg <file>', 'draw the curves to a file')
    .addHelpText('after', helpNotes(NOTES, CODES))
    .action(async (nameOrPath: string, flags: RealityFlags) => {
      const { realityCommand } = await import('./reality-command.ts');
      process.exitCode = await realityCommand(nameOrPath, flags);
    });
}
