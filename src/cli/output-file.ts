/**
 * Where a verb writes a result that the user named: one way for every verb and format. A regular file appears whole or
 * not at all; whatever else stands there (a FIFO, a terminal, a socket) is written to and never replaced.
 */
import { randomUUID } from 'node:crypto';
import { accessSync, closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { lstatSync, mkdirSync, readlinkSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from './errors.ts';

/** As many symbolic links as the kernel follows in one path: path_resolution(7). */
const LINKS_MAX = 40;
/** How often a FIFO is asked whether somebody reads it now. */
const READER_POLL_MS = 50;
const STDOUT = 1;

/** A place for one result, found fit before anything runs. */
export interface OutputFile {
  /** True where the result is all that stdout may carry. */
  readonly onStdout: boolean;
  /** Writes the result, whole. Once. @throws what the file system says. */
  write(text: string): Promise<void>;
  /** Leaves nothing behind of a result that never came. */
  discard(): void;
}

/** Where a name leads: an open descriptor, something that is no regular file, or a regular file or none yet. */
type Target =
  | { readonly kind: 'descriptor'; readonly descriptor: number }
  | { readonly kind: 'stream' | 'socket' | 'file'; readonly path: string };

/**
 * Finds the places for the results of one command, by flag, before anything runs; flags that were not given are left
 * out. @throws UsageError when a place cannot be written, or two flags name one.
 */
export function openOutputs<F extends string>(
  names: Readonly<Record<F, string | undefined>>,
): Partial<Record<F, OutputFile>> {
  const given = Object.entries<string | undefined>(names).flatMap(([flag, name]) =>
    name === undefined ? [] : [{ flag, name, target: named(flag, name, () => findTarget(name)) }],
  );
  const places = given.map(({ target }) => ('path' in target ? target.path : `descriptor ${target.descriptor}`));
  const twice = places.findIndex((place, i) => places.indexOf(place) !== i);
  if (twice >= 0) {
    const { flag, name } = given[twice];
    const first = given[places.indexOf(places[twice])].flag;
    throw new UsageError(`--${flag} ${name}: found the place that --${first} writes, allowed: one of its own`);
  }
  const opened: [string, OutputFile][] = [];
  try {
    for (const { flag, name, target } of given) opened.push([flag, named(flag, name, () => open(target))]);
  } catch (error) {
    for (const [, output] of opened) output.discard();
    throw error;
  }
  return Object.fromEntries(opened) as Partial<Record<F, OutputFile>>;
}

/**
 * Where words for people go: to stdout, unless a result has it to itself.
 * @throws UsageError when two results want it
 */
export function screenFor(
  files: readonly OutputFile[],
  { jsonStream }: { readonly jsonStream?: true },
): NodeJS.WriteStream {
  if (!files.some(({ onStdout }) => onStdout)) return process.stdout;
  if (jsonStream !== true) return process.stderr;
  throw new UsageError('--json-stream: found stdout taken by another result, allowed: one of them');
}

function named<T>(flag: string, name: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new UsageError(`--${flag} ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Follows symbolic links one by one: the kernel's own, such as /dev/stdout, end at a descriptor of this process. */
function findTarget(name: string): Target {
  if (name === '-') return { kind: 'descriptor', descriptor: STDOUT };
  if (name === '') throw new Error('found no name, allowed: a path, or - for stdout');
  let path = resolve(name);
  for (let links = 0; links <= LINKS_MAX; links++) {
    const descriptor = descriptorOf(path);
    if (descriptor !== null) return { kind: 'descriptor', descriptor };
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || stats.isFile()) return { kind: 'file', path };
    if (stats.isFIFO() || stats.isCharacterDevice()) return { kind: 'stream', path };
    if (stats.isSocket()) return { kind: 'socket', path };
    if (stats.isDirectory()) throw new Error('found a directory, allowed: a file');
    if (stats.isBlockDevice()) throw new Error('found a block device, allowed: a file, a pipe or a terminal');
    path = resolve(dirname(path), readlinkSync(path));
  }
  throw new Error('found symbolic links that lead in a circle, allowed: a file');
}

function descriptorOf(path: string): number | null {
  const number = new RegExp(`^(?:/dev/fd|/proc/(?:self|${process.pid})/fd)/(\\d+)$`).exec(path)?.[1];
  return number === undefined ? null : Number(number);
}

function open(target: Target): OutputFile {
  switch (target.kind) {
    case 'descriptor':
      fstatSync(target.descriptor); // Throws for one that is not open.
      return inPlace((text) => writeDescriptor(target.descriptor, text), target.descriptor === STDOUT);
    case 'stream':
      accessSync(target.path, constants.W_OK);
      return inPlace((text) => writeStream(target.path, text));
    case 'socket':
      accessSync(target.path, constants.W_OK);
      return inPlace((text) => writeAndEnd(connect(target.path), text));
    case 'file':
      return new RegularFile(target.path);
  }
}

/** Of a place that exists already nothing is made, so nothing is left behind. */
function inPlace(write: (text: string) => Promise<void>, onStdout = false): OutputFile {
  return { onStdout, write, discard: () => undefined };
}

/** Written beside its place under a name nobody has, then put there. The place keeps the rights it had. */
class RegularFile implements OutputFile {
  readonly onStdout = false;
  private readonly path: string;
  private readonly partial: string;
  private readonly forget = (): void => this.discard();
  private descriptor: number | null;

  constructor(path: string) {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true });
    const before = statSync(path, { throwIfNoEntry: false });
    if (before !== undefined) accessSync(path, constants.W_OK);
    this.path = path;
    this.partial = join(folder, `.${basename(path)}.${randomUUID().slice(0, 8)}.partial`);
    this.descriptor = openSync(this.partial, 'wx', before === undefined ? 0o666 : before.mode & 0o777);
    process.once('exit', this.forget);
  }

  write(text: string): Promise<void> {
    const { descriptor } = this;
    if (descriptor === null) throw new Error(`${this.path} has been written or given up`);
    try {
      writeAll(descriptor, text);
      renameSync(this.partial, this.path);
    } catch (error) {
      this.discard();
      throw error;
    }
    this.close();
    return Promise.resolve();
  }

  discard(): void {
    if (this.descriptor === null) return;
    this.close();
    unlinkSync(this.partial);
  }

  private close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor);
    this.descriptor = null;
    process.off('exit', this.forget);
  }
}

/** stdout, or any descriptor that this process was given. */
async function writeDescriptor(descriptor: number, text: string): Promise<void> {
  if (descriptor !== STDOUT) return writeAll(descriptor, text);
  await new Promise<void>((done, fail) => {
    process.stdout.write(text, (error) => (error === undefined || error === null ? done() : fail(error)));
  });
}

/** A FIFO or a character device. A FIFO without a reader is waited for, as a shell's redirection would. */
async function writeStream(path: string, text: string): Promise<void> {
  const descriptor = await openWhenRead(path);
  if (fstatSync(descriptor).isFIFO()) {
    await writeAndEnd(new Socket({ fd: descriptor, readable: false, writable: true }), text);
    return;
  }
  writeAll(descriptor, text);
  closeSync(descriptor);
}

async function openWhenRead(path: string): Promise<number> {
  for (let told = false; ; told = true) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
    if (!told) process.stderr.write(`waiting for somebody to read ${path}\n`);
    await delay(READER_POLL_MS);
  }
}

function writeAndEnd(socket: Socket, text: string): Promise<void> {
  return new Promise((done, fail) => {
    socket.once('error', fail);
    socket.end(text, done);
  });
}

/** A terminal or a pipe takes what it has room for. */
function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}
