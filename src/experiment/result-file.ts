import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RunResult } from './run-result.ts';

/**
 * Makes sure, before a run, that its result can be written: creates FILE.partial, and folders as needed. The file
 * itself appears only when it is complete. @throws what the file system says.
 */
export function reserveResult(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.partial`, '');
}

/** Writes a result as JSON, whole or not at all. */
export function writeResult(file: string, result: RunResult): void {
  writeFileSync(`${file}.partial`, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(`${file}.partial`, file);
}
