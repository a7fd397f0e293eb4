/** A user's network function as its file, made into one piece of JavaScript that can cross to a worker thread. */
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Esbuild from 'esbuild';
import type { FunctionModule } from '../../../actors/guest/network-functions/user-function.ts';
import { FunctionModuleError } from '../../runtime/function-module.ts';

/** Any file beside the source: only the source map's relative paths depend on it. */
const BUNDLE_NAME = 'bundle.cjs';

/** What a module may import of this program, wherever it lies itself. tsconfig.json says the same to editors. */
const OWN_NAMES = {
  ...namesBelow('vhostlab', fileURLToPath(new URL('../../../actors/guest/network-functions', import.meta.url))),
  ...namesBelow('vhostlab/net', fileURLToPath(new URL('../../net', import.meta.url))),
};
const OWN_NAMES_HINT =
  "What is this program's own is imported as vhostlab/ip-forward, vhostlab/net/ipv4 and so on: the names of the files in " +
  'actors/guest/network-functions and src/net.';

/**
 * Bundles the TypeScript or JavaScript module at an absolute path with all it imports. @throws FunctionModuleError when
 * the file is not there or does not build, with esbuild's places.
 */
export function bundleFunctionModule(path: string): FunctionModule {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new FunctionModuleError(`no file ${path}`);
  // Loaded here, since few runs need it and it takes as long to load as the rest of the program.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof Esbuild;
  const folder = dirname(path);
  let files: readonly { readonly path: string; readonly text: string }[];
  try {
    const { outputFiles } = buildSync({
      entryPoints: [path],
      absWorkingDir: folder,
      outfile: join(folder, BUNDLE_NAME),
      bundle: true,
      alias: OWN_NAMES,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      sourcemap: 'external',
      sourcesContent: false,
      logLevel: 'silent',
      write: false,
    });
    files = outputFiles;
  } catch (error) {
    const { message } = error as Error;
    const hint = message.includes('Could not resolve') ? `\n${OWN_NAMES_HINT}` : '';
    throw new FunctionModuleError(`it does not build: ${message}${hint}`);
  }
  const textOf = (ending: string): string => files.find((file) => file.path.endsWith(ending))?.text ?? '';
  return { path, code: textOf(BUNDLE_NAME), sourceMap: textOf('.map') };
}

/** The files below a folder, by their names alone: which sub-folder a file lies in is nobody's business but ours. */
function namesBelow(prefix: string, folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(files.map((name) => [`${prefix}/${basename(name, '.ts')}`, join(folder, name)]));
}
