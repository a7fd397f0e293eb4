/** All verbs of the command line, each from a file of its own. */
import { Command } from 'commander';
import { toolVersion } from '../experiment/run/tool-version.ts';
import { addAttach } from './attach.ts';
import { addBench2544 } from './bench-2544.ts';
import { addCalibrate } from './calibrate.ts';
import { addCompare } from './compare.ts';
import { addCompletion } from './completion.ts';
import { addDoctor } from './doctor.ts';
import { addExplain } from './explain.ts';
import { addList } from './list.ts';
import { addReality } from './reality.ts';
import { addRun } from './run.ts';
import { addSchema } from './schema.ts';
import { addSearch } from './search.ts';
import { addSweep } from './sweep.ts';
import { addTopology } from './topology.ts';
import { addValidate } from './validate.ts';
import { examplesText } from './examples.ts';

export function createProgram(): Command {
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
    addCalibrate,
    addReality,
    addCompletion,
  ]) {
    add(program);
  }
  // Its own help is of no use to a verb that does not exist: see main.ts.
  for (const verb of program.commands) verb.addHelpText('after', examplesText(verb.name()));
  return program;
}
