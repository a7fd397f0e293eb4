/** The native peers: C programs of test/bench/native, compiled on the spot and run a round at a time. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCE_FOLDER = fileURLToPath(new URL('native/', import.meta.url));
const OUT_FOLDER = fileURLToPath(new URL('../../dist/bench/native/', import.meta.url));
/** What a distribution compiles with; -O3 -march=native would turn batches of ids into vectors. */
const FLAGS = ['-O2', '-std=gnu11', '-pthread'];

const run = promisify(execFile);

/** A compiled program: runs it, and returns the numbers it printed. */
export type NativeProgram = (...args: readonly (string | number)[]) => Promise<number[]>;

/** Set in a process that measures the same benches on another Node: the peers have been measured once. */
export const WITHOUT_PEERS = 'VHOSTLAB_BENCH_WITHOUT_PEERS';

export function withoutPeers(): boolean {
  return process.env[WITHOUT_PEERS] !== undefined;
}

/** A peer to compare with; null where there is no C compiler, and where the peers have been measured. */
export function nativePeer(name: string): NativeProgram | null {
  return withoutPeers() ? null : nativeProgram(name);
}

/** Compiles native/NAME.c unless that was done since it changed; null where there is no C compiler. */
export function nativeProgram(name: string): NativeProgram | null {
  if (!hasCompiler()) return null;
  const source = join(SOURCE_FOLDER, `${name}.c`);
  const program = join(OUT_FOLDER, name);
  const built = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built < statSync(source).mtimeMs) {
    mkdirSync(OUT_FOLDER, { recursive: true });
    execFileSync('cc', [...FLAGS, '-o', program, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return async (...args) => {
    const { stdout } = await run(program, args.map(String));
    return stdout.trim().split(/\s+/).map(Number);
  };
}

let compiler: boolean | undefined;

function hasCompiler(): boolean {
  if (compiler === undefined) {
    try {
      execFileSync('cc', ['--version'], { stdio: 'ignore' });
      compiler = true;
    } catch {
      compiler = false;
    }
  }
  return compiler;
}

export const NO_COMPILER = 'no C compiler (cc) on this machine: measured without the native peer';
