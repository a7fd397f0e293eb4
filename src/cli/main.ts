/**
 * The command line: one verb a file. Each loads what it needs when it is called, so that the first frame is soon sent.
 */
import { join } from 'node:path';
import { didYouMean } from '../scenario/text/suggestion.ts';
import { UsageError, reportError } from './errors.ts';
import { endsItself } from './interruption.ts';
import { createProgram } from './program.ts';

/** What may still be under way when all is done: the last lines on their way to a pipe. */
const LEFT_BEHIND_MS = 500;

const program = createProgram();

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
  const [asked = ''] = rest;
  if (verb === 'help' && asked !== '' && !known.includes(asked)) {
    throw new UsageError(`help: found "${asked}", allowed: ${known.join(', ')}${didYouMean(asked, known)}`);
  }
  await program.parseAsync(process.argv.length > 2 ? [verb, ...flags] : [], { from: 'user' });
} catch (error) {
  process.exitCode = reportError(error);
}
ended = true;
// Timers that a user's code left behind keep nothing alive.
setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref();
