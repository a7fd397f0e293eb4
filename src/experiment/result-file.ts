import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RunResult } from './run-result.ts';

/**
 * Writes a result as JSON. The file appears under its name only when it is complete; until then it is FILE.partial.
 * Folders are made as needed.
 */
export function writeResult(file: string, result: RunResult): void {
  const partial = `${file}.partial`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(partial, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(partial, file);
}
