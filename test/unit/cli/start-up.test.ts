/** What every start of the program loads, whatever verb it is asked for: little, since help and the first frame wait. */
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const ENTRY = 'src/cli/main.ts';

/** All files that `ENTRY` imports, and files those import, but for what is imported when it is needed. */
async function loadedAtOnce(): Promise<{ files: string[]; packages: string[] }> {
  const { metafile } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    metafile: true,
    splitting: true,
    outdir: 'dist',
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  const files = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const { path, external, kind } of metafile.inputs[file].imports) {
      if (kind !== 'import-statement') continue;
      if (external !== true) follow(path);
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  follow(ENTRY);
  return { files: [...files], packages: [...packages] };
}

it('is no package but the one that reads the command line, and nothing that plans, runs or measures', async () => {
  const { files, packages } = await loadedAtOnce();
  expect(packages).toEqual(['commander']);
  expect(files.filter((file) => /^(actors|src\/(plan|net|memory|virtio|experiment\/sweep))\//.test(file))).toEqual([]);
});
