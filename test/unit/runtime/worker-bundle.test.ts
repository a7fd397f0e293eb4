import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureWorkerBundle } from '../../../src/runtime/threads/worker-bundle.ts';

const run = promisify(execFile);

let folder: string;
let entry: string;
let outFolder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vhostlab-bundle-'));
  entry = join(folder, 'thread-main.ts');
  outFolder = join(folder, 'out');
  writeOld('part.ts', 'export const answer: number = 41;\n');
  writeOld('thread-main.ts', "import { answer } from './part.ts';\nconsole.log(`answer ${answer + 1}`);\n");
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Writes a source that was last changed a while ago, as nearly all sources were when a build starts. */
function writeOld(name: string, text: string, secondsAgo = 60): void {
  const when = Date.now() / 1000 - secondsAgo;
  writeFileSync(join(folder, name), text);
  utimesSync(join(folder, name), when, when);
}

async function build(): Promise<string> {
  return fileURLToPath(await ensureWorkerBundle({ entry, outFolder }));
}

describe('worker bundle', () => {
  it('is plain JavaScript that Node runs, with a source map', async () => {
    const path = await build();
    expect(path).toBe(join(outFolder, 'thread-main.mjs'));
    expect((await run(process.execPath, [path])).stdout).toBe('answer 42\n');
    expect(existsSync(`${path}.map`)).toBe(true);
  });

  it('is left alone while nothing has changed', async () => {
    const path = await build();
    const inode = statSync(path).ino;
    expect(await build()).toBe(path);
    expect(statSync(path).ino).toBe(inode);
  });

  it('is built again when a source it imports has changed', async () => {
    const path = await build();
    writeOld('part.ts', 'export const answer: number = 12;\n', 30);
    await build();
    expect((await run(process.execPath, [path])).stdout).toBe('answer 13\n');
  });

  it('is built again when the bundle is not the one its record describes', async () => {
    const path = await build();
    writeFileSync(path, 'console.log("of another build");\n');
    await build();
    expect((await run(process.execPath, [path])).stdout).toBe('answer 42\n');
  });

  it('is built again when a source was written at the time of the build', async () => {
    writeFileSync(join(folder, 'part.ts'), 'export const answer = 1;\n');
    const inode = statSync(await build()).ino;
    expect(statSync(await build()).ino).not.toBe(inode);
  });

  it('survives a record cut short', async () => {
    const path = await build();
    const record = readdirSync(outFolder).find((name) => name.endsWith('.json')) ?? '';
    writeFileSync(join(outFolder, record), readFileSync(join(outFolder, record), 'utf8').slice(0, 40));
    await build();
    expect((await run(process.execPath, [path])).stdout).toBe('answer 42\n');
  });

  it('may be built by several at the same time', async () => {
    const paths = await Promise.all(Array.from({ length: 4 }, build));
    expect(new Set(paths).size).toBe(1);
    expect((await run(process.execPath, [paths[0]])).stdout).toBe('answer 42\n');
    expect(readdirSync(outFolder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it('says where a source does not build', async () => {
    writeOld('part.ts', 'export const answer: = 41;\n');
    await expect(build()).rejects.toThrow(/part\.ts:1:\d+: ERROR/);
    expect(existsSync(join(outFolder, 'thread-main.mjs'))).toBe(false);
  });
});
