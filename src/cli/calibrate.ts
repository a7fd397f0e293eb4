import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { helpNotes } from './help-notes.ts';
import type { CalibrateFlags } from './calibrate-command.ts';

const ROUNDS_MAX = 1000;
const NOTES =
  "Sends frames through this machine's own bridge, ports and taps, in a namespace of its own, and counts what that takes " +
  'of a core. A scenario takes the profile by path: host: { costs: ./this-machine.yaml }. Root, two cores and a quiet ' +
  'machine are needed. Which lines are measured, which derived and which taken over from profile linux the file says.';

const CODES = 'Exit codes: 0 ok, 1 internal error, 104 not possible here, 130 interrupted';

/** `calibrate`: what the work of this machine's kernel costs, as a cost profile. */
export function addCalibrate(program: Command): void {
  program
    .command('calibrate')
    .description("measure what this machine's kernel spends on a frame, and write it as a cost profile")
    .requiredOption('--out <file>', 'the profile, such as this-machine.yaml')
    .option('--rounds <count>', 'rounds of all experiments, half a second each', roundCount, 40)
    .addHelpText('after', helpNotes(NOTES, CODES))
    .action(async (flags: CalibrateFlags) => {
      const { calibrateCommand } = await import('./calibrate-command.ts');
      process.exitCode = await calibrateCommand(flags);
    });
}

function roundCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 3 || count > ROUNDS_MAX) {
    throw new InvalidArgumentError(`expected a whole number from 3 to ${ROUNDS_MAX}.`);
  }
  return count;
}
