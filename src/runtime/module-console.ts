/** What a user's module says with console: stdout is for results, so it goes to stderr, under the module's name. */
import { Console } from 'node:console';
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { Writable } from 'node:stream';

const STDERR = 2;

/** A console for the module at `path`: each line at once, also from a thread whose main thread is busy. */
export function moduleConsole(path: string): Console {
  const prefix = `${basename(path)}: `;
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      writeSync(STDERR, text.replace(/^(?=.)/gm, prefix));
      done();
    },
  });
  return new Console({ stdout: stream, stderr: stream, colorMode: false });
}
