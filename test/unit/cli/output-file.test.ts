import { execFileSync, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutputs, screenFor } from '../../../src/cli/output-file.ts';

const root = mkdtempSync(join(tmpdir(), 'vhostlab-output-'));
afterAll(() => rmSync(root, { recursive: true }));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
});

/** The only result of a command. */
function output(name: string) {
  return openOutputs({ json: name }).json!;
}

function fifo(): string {
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

describe('a regular file', () => {
  it('appears whole, folders as needed, with nothing beside it', async () => {
    const path = join(folder, 'results', 'run.json');
    const file = output(path);
    expect(existsSync(path)).toBe(false);
    await file.write('whole');
    expect(readFileSync(path, 'utf8')).toBe('whole');
    expect(readdirSync(join(folder, 'results'))).toEqual(['run.json']);
  });

  it('keeps what it held, and its rights, until the new result is there', async () => {
    const path = join(folder, 'run.json');
    writeFileSync(path, 'before', { mode: 0o640 });
    const abandoned = output(path);
    abandoned.discard();
    expect(readFileSync(path, 'utf8')).toBe('before');
    await output(path).write('after');
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['run.json']);
  });

  it('is not written through a name that somebody planted beside it', async () => {
    const path = join(folder, 'run.json');
    const precious = join(folder, 'precious');
    writeFileSync(precious, 'kept');
    symlinkSync(precious, `${path}.partial`);
    await output(path).write('whole');
    expect(readFileSync(precious, 'utf8')).toBe('kept');
  });

  it('is written where a symbolic link leads, also when nothing is there yet', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    const link = join(folder, 'link.json');
    symlinkSync('elsewhere/target.json', link);
    for (const text of ['first', 'second']) {
      await output(link).write(text);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(readFileSync(join(folder, 'elsewhere', 'target.json'), 'utf8')).toBe(text);
    }
  });
});

describe('what is no regular file is written to and stays what it is', () => {
  it('a FIFO, once somebody reads it', async () => {
    const path = fifo();
    const file = output(path);
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const long = 'x'.repeat(300_000); // More than a pipe holds.
    const [read] = await Promise.all([readText(reader.stdout), file.write(long)]);
    expect(read).toBe(long);
    expect(lstatSync(path).isFIFO()).toBe(true);
    expect(readdirSync(folder)).toEqual(['fifo']);
  });

  it('a FIFO behind a symbolic link', async () => {
    const path = fifo();
    const link = join(folder, 'link');
    symlinkSync(basename(path), link);
    const file = output(link);
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [read] = await Promise.all([readText(reader.stdout), file.write('whole')]);
    expect(read).toBe('whole');
    expect(lstatSync(link).isSymbolicLink() && lstatSync(path).isFIFO()).toBe(true);
  });

  it('a socket', async () => {
    const path = join(folder, 'socket');
    const received = new Promise<string>((done) => {
      const server = createServer(
        (peer) =>
          void readText(peer)
            .then(done, done)
            .finally(() => server.close()),
      );
      server.listen(path, () => void output(path).write('whole'));
    });
    expect(await received).toBe('whole');
  });

  it.each(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])('stdout, named %s', (name) => {
    const file = output(name);
    expect(file.onStdout).toBe(true);
    expect(screenFor([file], {})).toBe(process.stderr);
    expect(() => screenFor([file], { jsonStream: true })).toThrow(/^--json-stream: found stdout taken/);
  });
});

describe('what cannot be written is refused before anything runs', () => {
  it.each([
    { what: 'a directory', name: () => folder, says: /^--json .*: found a directory, allowed: a file$/ },
    { what: 'a folder below a file', name: () => join(file(), 'run.json'), says: /^--json .*: ENOTDIR/ },
    { what: 'a circle of links', name: () => circle(), says: /found symbolic links that lead in a circle/ },
    { what: 'a descriptor that is not open', name: () => '/dev/fd/987', says: /^--json \/dev\/fd\/987: EBADF/ },
    { what: 'no name', name: () => '', says: /^--json : found no name/ },
  ])('$what', ({ name, says }) => {
    expect(() => output(name())).toThrow(says);
    expect(readdirSync(folder).filter((entry) => entry.endsWith('.partial'))).toEqual([]);
  });

  it('one place for two results', () => {
    symlinkSync('both', join(folder, 'link'));
    const names = { json: join(folder, 'both'), svg: join(folder, 'link') };
    expect(() => openOutputs(names)).toThrow(/^--svg .*link: found the place that --json writes/);
    expect(() => openOutputs({ json: '-', svg: '/dev/stdout' })).toThrow(/found the place that --json writes/);
    expect(readdirSync(folder)).toEqual(['link']);
  });

  it('the second of two, and the first leaves nothing behind', () => {
    mkdirSync(join(folder, 'taken'));
    const names = { json: join(folder, 'fine'), svg: join(folder, 'taken', 'x', '..') };
    expect(() => openOutputs(names)).toThrow(/^--svg .*: found a directory/);
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});

function file(): string {
  const path = join(folder, 'plain');
  writeFileSync(path, '');
  return path;
}

function circle(): string {
  symlinkSync('b', join(folder, 'a'));
  symlinkSync('a', join(folder, 'b'));
  return join(folder, 'a');
}
