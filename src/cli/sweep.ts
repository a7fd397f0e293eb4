import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { exitCodesText } from '../experiment/run/exit-codes.ts';
import { modesForPeople } from '../scenario/modes.ts';
import { helpNotes } from './help-notes.ts';
import { collect, collectSetting, commaList, hostOption, jobsOption } from './option-parsers.ts';
import type { SweepFlags } from './sweep-command.ts';

const TRIALS_MAX = 1000;
const NOTES =
  'Without --modes and --variant what the scenario names under sweep is compared; where it names nothing, ' +
  `${modesForPeople(({ isSwept }) => isSwept)}. ` +
  'Without rates, the loss-free rate L of the first of them is measured, ' +
  'and each is offered 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3 and 4 x L. What the scenario expects under sweep is judged at ' +
  'the end. The load is in frames/s, which streams with a rate of their own do not follow; in connections/s, offered and ' +
  'completed, where a scenario has nothing but traffic.connections. VMs stay as they are at the beginning: a sweep ' +
  'follows neither run.timeline nor run.autoscale. With --grid every combination of values is a variant, --modes is one ' +
  'factor more, and a table says what each factor does, and each pair together; --svg draws that.';

/** `sweep`: several variants of a scenario at several loads. */
export function addSweep(program: Command): void {
  program
    .command('sweep')
    .description('compare modes or other changes over a range of offered loads')
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option('--modes <list>', 'modes of all vNICs to compare, such as vhost,accelerated', commaList)
    .option(
      '--variant <name=path=value,...>',
      'compare any change, such as guard=host.kernel=linux-4.9; may be repeated',
      collect,
      [],
    )
    .option('--grid <key=value,...>', 'a factor: every combination is measured; may be repeated', collect, [])
    .option('--set <path=value>', 'change one key in all of them; may be repeated', collectSetting, [])
    .addOption(
      new Option(
        '--rates <list>',
        'loads to offer, such as 50kpps,1Gbit/s,80%, or 2kcps,4kcps, or of the loss-free rate 50%L,2L',
      )
        .argParser(commaList)
        .conflicts(['steps', 'multiples']),
    )
    .addOption(
      new Option('--steps <range>', 'loads in equal steps, such as 10%..100%/10% or 0.5L..4L/0.5L').conflicts([
        'rates',
        'multiples',
      ]),
    )
    .addOption(
      new Option('--multiples <list>', 'loads in multiples of the loss-free rate of the first, such as 0.5,1,2,4')
        .argParser(multipleList)
        .conflicts(['rates', 'steps']),
    )
    .option('--stream <name>', 'stream, or TCP client, whose egress and loss count; all together otherwise')
    .option('--trials <count>', 'trials of each at each load', trialCount, 5)
    .option('--duration <time>', 'what is measured of each trial', '2s')
    .option('--warmup <time>', 'traffic through each, before the first trial', '2s')
    .option('--loss-free <share>', 'most loss at which a rate counts as loss-free, in L and in results', '0.5%')
    .option('--json <file>', 'write the whole result to a file')
    .option('--json-stream', 'write a record for each trial and point to stdout, one JSON object a line')
    .option('--csv <folder>', 'write trials.csv and points.csv there, a row each, units in the headings')
    .option('--resume <file>', 'keep every trial there, and take those that an earlier sweep of the same kept')
    .option('--svg <file>', 'draw the graph to a file')
    .addOption(hostOption())
    .addOption(jobsOption())
    .addHelpText('after', helpNotes(NOTES, exitCodesText('sweep')))
    .action(async (nameOrPath: string, flags: SweepFlags) => {
      const { sweepCommand } = await import('./sweep-command.ts');
      process.exitCode = await sweepCommand(nameOrPath, flags);
    });
}

function multipleList(text: string): number[] {
  return commaList(text).map((item) => {
    const multiple = Number(item);
    if (!(multiple > 0 && multiple < Infinity)) throw new InvalidArgumentError('expected numbers above 0.');
    return multiple;
  });
}

export function trialCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > TRIALS_MAX) {
    throw new InvalidArgumentError(`expected a whole number from 1 to ${TRIALS_MAX}.`);
  }
  return count;
}
