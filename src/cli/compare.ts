import type { Command } from 'commander';
import { FIGURE_NAMES } from '../experiment/compare/choices.ts';
import type { CompareFlags } from './compare-command.ts';
import { helpNotes } from './help-notes.ts';
import { blockCount, collect, collectSetting, commaList, hostOption } from './option-parsers.ts';

const NOTE =
  'A and B are two scenarios, measured now, or two results of sweeps (*.json). Measured now, a block is one trial of ' +
  'each at a load, in random order; of sweeps it is a round. A difference is shown where an exact permutation test over ' +
  'blocks has p of at most 0.05 and the 95 % interval of the Hodges-Lehmann shift does not hold 0; otherwise the line ' +
  'says how large a difference may have been missed. Intervals are from a bootstrap of whole blocks. A condition of ' +
  `--fail-on fails by a difference that is shown alone, with exit code 99. Figures: ${FIGURE_NAMES.join(', ')}.`;

/** `compare`: two sides, block by block. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('say whether two scenarios, or two sweeps, differ, and by how much')
    .argument('<a>', 'scenario, or result of a sweep')
    .argument('<b>', 'what it is compared with, of the same kind')
    .option('--set <path=value>', 'change one key on both sides; may be repeated', collectSetting, [])
    .option('--set-a <path=value>', 'change one key of A; may be repeated', collectSetting, [])
    .option('--set-b <path=value>', 'change one key of B; may be repeated', collectSetting, [])
    .option('--variant-a <name>', 'variant of the sweep A; its only one otherwise')
    .option('--variant-b <name>', 'variant of the sweep B')
    .option('--rates <list>', 'loads; those of the phases of A otherwise', commaList)
    .option('--blocks <count>', 'pairs of trials at each load', blockCount, 10)
    .option('--duration <time>', 'what is measured of each trial', '1s')
    .option('--warmup <time>', 'traffic through each, before the first block', '2s')
    .option('--stream <name>', 'stream, or TCP client, whose delivery and loss count; all together otherwise')
    .option('--fail-on <condition>', "such as 'delivered < -3%'; may be repeated", collect, [])
    .option('--json <file>', 'write the whole result to a file')
    .addOption(hostOption())
    .addHelpText(
      'after',
      helpNotes(
        NOTE,
        'Exit codes: 0 ok, 1 internal error, 99 a condition of --fail-on is met, 104 bad scenario, file or flag, 110 no ' +
          'valid block, 111 a ledger does not balance, 130 interrupted',
      ),
    )
    .action(async (a: string, b: string, flags: CompareFlags) => {
      const { compareCommand } = await import('./compare-command.ts');
      process.exitCode = await compareCommand(a, b, flags);
    });
}
