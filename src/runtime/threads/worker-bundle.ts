import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';

/** Which source to bundle, and where to: the defaults are the project's own worker entry and `dist/worker`. */
export interface WorkerBundleOptions {
  /** Path of the entry source. The bundle takes its file name, with the ending .mjs. */
  readonly entry?: string;
  readonly outFolder?: string;
}

const PROJECT_ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DEFAULT_ENTRY = join(PROJECT_ROOT, 'src/runtime/threads/thread-main.ts');
const DEFAULT_OUT_FOLDER = join(PROJECT_ROOT, 'dist/worker');
/** Files that change the output without being bundled. */
const BUILD_INPUTS = ['tsconfig.json', 'node_modules/esbuild/package.json'];
/** A file written this shortly before the build may have been written again within the same clock tick. */
const CLOCK_GRAIN_MS = 20;

/**
 * CommonJS dependencies may call require for Node's own modules, which an ES module does not have. Names are not kept:
 * keeping them wraps every function in a call, in hot loops too. Syntax is minified for one thing in it: a constant is
 * written where it is used, where V8 would load and check a variable of the module each time.
 */
const BUILD_OPTIONS = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  keepNames: false,
  minifySyntax: true,
  external: ['koffi'],
  banner: {
    js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
  },
  logLevel: 'silent',
  write: false,
  metafile: true,
} as const satisfies BuildOptions;

/** Identity of a file's content as far as stat(2) tells it. */
interface FileStamp {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** What a bundle was built from, kept beside it: it is fresh while every stamp still matches. */
interface BundleRecord {
  readonly options: string;
  readonly output: FileStamp;
  readonly inputs: readonly FileStamp[];
}

/**
 * The JavaScript file worker threads run, as a file URL; built when it is missing or when a file it was built from has
 * changed. Workers never run TypeScript directly: tsx does not load in a worker on Node 20, and slows hot functions.
 * Checking takes a millisecond or two and does not load esbuild. Processes may build at the same time: each writes its
 * own temporary files and renames them, and a record that does not belong to the bundle beside it only causes a
 * rebuild. Throws with esbuild's messages when the source does not build.
 */
export async function ensureWorkerBundle(options: WorkerBundleOptions = {}): Promise<URL> {
  const entry = resolve(options.entry ?? DEFAULT_ENTRY);
  const outFolder = resolve(options.outFolder ?? DEFAULT_OUT_FOLDER);
  const name = relative(dirname(entry), entry).replace(/\.[cm]?[jt]s$/, '');
  const output = join(outFolder, `${name}.mjs`);
  if (!isFresh(output, entry)) await buildBundle(entry, output);
  return pathToFileURL(output);
}

function recordPath(output: string): string {
  return `${output}.inputs.json`;
}

function recipe(entry: string): string {
  return JSON.stringify({ entry, ...BUILD_OPTIONS });
}

function isFresh(output: string, entry: string): boolean {
  const record = readRecord(recordPath(output));
  if (record === null || record.options !== recipe(entry)) return false;
  return [record.output, ...record.inputs].every(isUnchanged);
}

function readRecord(path: string): BundleRecord | null {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as BundleRecord;
  } catch {
    return null; // Cut short by a crash: build again.
  }
}

function isUnchanged({ path, size, mtimeMs }: FileStamp): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.size === size && stat.mtimeMs === mtimeMs;
}

function stampOf(path: string, notAfterMs = Infinity): FileStamp {
  const { size, mtimeMs } = statSync(path);
  // Changed while it was being read, perhaps: a time that no file has makes the next check build again.
  return { path, size, mtimeMs: mtimeMs < notAfterMs ? mtimeMs : -1 };
}

async function buildBundle(entry: string, output: string): Promise<void> {
  const { buildSync } = await import('esbuild');
  const startedMs = Date.now() - CLOCK_GRAIN_MS;
  // The synchronous call, because the other one leaves a service process running beside the experiment.
  const result = buildSync({
    ...BUILD_OPTIONS,
    external: [...BUILD_OPTIONS.external],
    entryPoints: [entry],
    outfile: output,
    absWorkingDir: PROJECT_ROOT,
  });
  const inputs = [...Object.keys(result.metafile.inputs), ...BUILD_INPUTS]
    .map((path) => resolve(PROJECT_ROOT, path))
    .map((path) => stampOf(path, startedMs));
  mkdirSync(dirname(output), { recursive: true });
  const mark = `${randomUUID()}.partial`;
  let outputStamp: FileStamp | undefined;
  // The map first and the record last, so that a bundle never lacks its map nor a record its bundle.
  for (const file of [...result.outputFiles].sort((a, b) => b.path.length - a.path.length)) {
    writeFileSync(`${file.path}.${mark}`, file.contents);
    if (file.path === output) outputStamp = { ...stampOf(`${file.path}.${mark}`), path: output };
    renameSync(`${file.path}.${mark}`, file.path);
  }
  if (outputStamp === undefined) throw new Error(`esbuild wrote no ${output}`);
  const record: BundleRecord = { options: recipe(entry), output: outputStamp, inputs };
  writeFileSync(`${recordPath(output)}.${mark}`, JSON.stringify(record));
  renameSync(`${recordPath(output)}.${mark}`, recordPath(output));
}
