import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Bench2544Flags } from './bench-2544-command.ts';
import { helpNotes } from './help-notes.ts';
import { collectSetting, hostOption } from './option-parsers.ts';

const NOTE =
  'For each frame size: throughput (26.1), latency at it (26.2), frame loss rate from the whole line downward (26.3), ' +
  'back-to-back frames (26.4, RFC 9004) and system recovery (26.5), as RFC 2544 numbers them; then the figures of ' +
  'livelock: MLFRR, peak, what is left at twice and four times the MLFRR, recovery from there. With the standard lengths ' +
  'a size takes hours, and --quick minutes, which conforms to nothing. All streams take the size.';

/** `bench-2544`: the tests of RFC 2544. */
export function addBench2544(program: Command): void {
  program
    .command('bench-2544')
    .description('measure as RFC 2544 does: throughput, latency, loss, bursts, recovery, for each frame size')
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option('--sizes <list>', 'frame sizes with FCS, or imix', sizeList)
    .option('--quick', 'short trials and few repeats: conforms to nothing')
    .option('--set <path=value>', 'change one key of the scenario; may be repeated', collectSetting, [])
    .option('--warmup <time>', 'traffic before the first trial', '2s')
    .option('--json <file>', 'write the whole result to a file')
    .addOption(hostOption())
    .addHelpText(
      'after',
      helpNotes(
        NOTE,
        'Exit codes: 0 ok, 1 internal error, 104 bad scenario or flag, 110 a figure rests on an invalid trial, 111 a ' +
          'ledger does not balance, 130 interrupted',
      ),
    )
    .action(async (nameOrPath: string, flags: Bench2544Flags) => {
      const { bench2544Command } = await import('./bench-2544-command.ts');
      process.exitCode = await bench2544Command(nameOrPath, flags);
    });
}

function sizeList(text: string): string[] {
  const sizes = text.split(',').map((size) => size.trim().toLowerCase());
  if (sizes.some((size) => size !== 'imix' && !/^\d+$/.test(size)) || new Set(sizes).size < sizes.length) {
    throw new InvalidArgumentError('expected different sizes with commas between them, such as 64,512,imix.');
  }
  return sizes;
}
