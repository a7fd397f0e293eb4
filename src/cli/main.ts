/**
 * The command line: one verb a file. Each loads what it needs when it is called, so that the first frame is soon sent.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { toolVersion } from '../experiment/run/tool-version.ts';
import { addAttach } from './attach.ts';
import { addBench2544 } from './bench-2544.ts';
import { addCompare } from './compare.ts';
import { addDoctor } from './doctor.ts';
import { reportError } from './errors.ts';
import { endsItself } from './interruption.ts';
import { addExplain } from './explain.ts';
import { addList } from './list.ts';
import { addRun } from './run.ts';
import { addSchema } from './schema.ts';
import { addSearch } from './search.ts';
import { addSweep } from './sweep.ts';
import { addTopology } from './topology.ts';
import { addValidate } from './validate.ts';

/** What may still be under way when all is done: the last lines on their way to a pipe. */
const LEFT_BEHIND_MS = 500;

const program = new Command('vhostlab')
  .description('A laboratory for the virtio/vhost-net data path on real threads')
  .version(toolVersion())
  .showSuggestionAfterError()
  .showHelpAfterError('(--help lists what is allowed)')
  .exitOverride();

for (const add of [
  addRun,
  addAttach,
  addSweep,
  addSearch,
  addBench2544,
  addCompare,
  addValidate,
  addList,
  addTopology,
  addExplain,
  addSchema,
  addDoctor,
])
  add(program);

// npm runs a script in the folder of its package; what users name is where they stand.
if (process.env.npm_package_json === join(process.cwd(), 'package.json') && process.env.INIT_CWD !== undefined) {
  process.chdir(process.env.INIT_CWD);
}

// Who reads only the first lines (`| head`) goes before the last one is written: an end, and no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Commander shows the program's help for an unknown verb that is asked for its own: the verb is what is wrong.
const [verb = '-', ...rest] = process.argv.slice(2);
const known = ['help', ...program.commands.map((command) => command.name())];
const flags = verb.startsWith('-') || known.includes(verb) ? rest : rest.filter((flag) => !/^(-h|--help)$/.test(flag));

// A user's code may end the process, or leave nothing that it waits for: an end that is not ours is a failure.
let ended = false;
process.on('exit', () => {
  if (!ended && !endsItself())
    process.exitCode = reportError(new Error('ended by code of a module before it was done'));
});

try {
  await program.parseAsync(process.argv.length > 2 ? [verb, ...flags] : [], { from: 'user' });
} catch (error) {
  process.exitCode = reportError(error);
}
ended = true;
// Timers that a user's code left behind keep nothing alive.
setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref();
