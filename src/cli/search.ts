import { Option } from 'commander';
import type { Command } from 'commander';
import { helpNotes } from './help-notes.ts';
import { collect, collectSetting, hostOption, jobsOption } from './option-parsers.ts';
import type { SearchFlags } from './search-command.ts';

const NOTES =
  'Without --preset and --goal the no-drop rate (NDR, nothing lost) and the partial-drop rate (PDR, at most 0.5 % lost) ' +
  'are searched for, within 2 %, in trials of 1 s. Frames that the generator was to send and did not count as lost. An ' +
  'invalid trial is made again up to three times. The search is MLRsearch, RFC 9971.';
const CODES =
  'Exit codes: 0 ok, 1 internal error, 104 bad scenario or flag, or no goal can be met at any load, ' +
  '110 a bound rests on an invalid trial, 111 a ledger does not balance, 130 interrupted';

/** `search`: the loads that a scenario carries within goals. */
export function addSearch(program: Command): void {
  program
    .command('search')
    .description('find the rates a scenario carries: NDR, PDR or any goal of MLRsearch (RFC 9971)')
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .addOption(
      new Option('--preset <name>', 'the goals of CSIT, RFC 2544 or TST 009').choices(['csit', 'rfc2544', 'tst009']),
    )
    .option('--goal <key=value,...>', 'a goal, such as loss=0.1%,width=1%,trial=1s,sum=5s; repeatable', collect, [])
    .option('--variant <name=path=value,...>', 'search this change instead; may be repeated', collect, [])
    .option('--set <path=value>', 'change one key in all of them; may be repeated', collectSetting, [])
    .addOption(new Option('--unit <unit>', 'what the load is counted in').choices(['frames', 'connections']))
    .option('--stream <name>', 'stream, or TCP client, whose loss counts; all together otherwise')
    .option('--warmup <time>', 'traffic before the first trial', '2s')
    .option('--json <file>', 'write the whole result to a file')
    .option('--json-stream', 'write a record for each trial to stdout, one JSON object a line')
    .addOption(hostOption())
    .addOption(jobsOption())
    .addHelpText('after', helpNotes(NOTES, CODES))
    .action(async (nameOrPath: string, flags: SearchFlags) => {
      const { searchCommand } = await import('./search-command.ts');
      process.exitCode = await searchCommand(nameOrPath, flags);
    });
}
