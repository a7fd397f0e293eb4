import { Option } from 'commander';
import type { Command } from 'commander';
import { exitCodesText } from '../experiment/run/exit-codes.ts';
import { LOG_LEVELS } from '../metrics/sinks/logger.ts';
import { helpNotes } from './help-notes.ts';
import { collectSetting, hostOption } from './option-parsers.ts';
import type { RunFlags } from './run-command.ts';

/** `run`: one run of one scenario. */
export function addRun(program: Command): void {
  program
    .command('run')
    .description('run a scenario and say where its frames went')
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option(
      '--set <path=value>',
      'change one key of the scenario, such as run.phases.flood.rate=2Mpps; may be repeated',
      collectSetting,
      [],
    )
    .addOption(hostOption())
    .option('--duration <time>', 'length of every phase, such as 5s')
    .option('--pcap <file>', 'replay this capture instead of generated frames; - reads it from stdin')
    .option('--pacing <times>', 'send as captured, or times as fast, such as 2x, in every phase; needs --pcap')
    .option('--json <file>', 'write the whole result to a file')
    .option('--json-stream', 'write a record for each interval to stdout, one JSON object a line')
    .option('--show-setup', 'print how the VMM set up each vNIC')
    .option('--quiet', 'nothing while it runs; only the summary')
    .addOption(new Option('--log-level <level>', 'what goes to stderr').choices(LOG_LEVELS).default('warn'))
    .addHelpText('after', helpNotes(exitCodesText('run')))
    .action(async (nameOrPath: string, flags: RunFlags) => {
      const { runCommand } = await import('./run-command.ts');
      process.exitCode = await runCommand(nameOrPath, flags);
    });
}
