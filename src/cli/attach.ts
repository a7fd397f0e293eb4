import { Option } from 'commander';
import type { Command } from 'commander';
import { exitCodesText } from '../experiment/run/exit-codes.ts';
import { LOG_LEVELS } from '../metrics/sinks/logger.ts';
import type { AttachFlags } from './attach-command.ts';
import { helpNotes } from './help-notes.ts';
import { collectSetting } from './option-parsers.ts';

/** `attach`: one run of one scenario with real programs in the place of its traffic. */
export function addAttach(program: Command): void {
  program
    .command('attach')
    .description(
      'run a scenario with network namespaces at its ends, for ping, iperf3, tcpdump and other real programs',
    )
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option(
      '--set <path=value>',
      'change one key of the scenario, such as vms.vm0.nf.default=allow; may be repeated',
      collectSetting,
      [],
    )
    .addOption(
      new Option('--host <kind>', "real threads, or this machine's own kernel")
        .choices(['threads', 'kernel'])
        .default('threads'),
    )
    .option('--duration <time>', 'end by itself after this, such as 60s')
    .option('--json <file>', 'write the whole result to a file')
    .option(
      '--json-stream',
      'write a record for each interval to stdout, one JSON object a line; the first has the ends',
    )
    .option('--quiet', 'the commands to type and the summary, and nothing between')
    .addOption(new Option('--log-level <level>', 'what goes to stderr').choices(LOG_LEVELS).default('warn'))
    .addHelpText(
      'after',
      helpNotes(
        'The scenario runs until Ctrl-C and sends nothing of its own: its streams only say who sends to whom. Each end ' +
          'of a wire is a network namespace with a name, its station (host .10 of its network) and a route through the guest.',
        'It says what to type in other terminals, such as: ip netns exec vhostlab-4711-eth0 ping 198.18.1.10',
        'It needs root, iproute2, and in a container --privileged. Guests answer no ARP: neighbours are entered by hand.',
        exitCodesText('run'),
      ),
    )
    .action(async (nameOrPath: string, flags: AttachFlags) => {
      const { attachCommand } = await import('./attach-command.ts');
      process.exitCode = await attachCommand(nameOrPath, flags);
    });
}
