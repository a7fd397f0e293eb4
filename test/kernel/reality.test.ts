import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { RealityResult } from '../../src/experiment/reality/reality.ts';
import { kernelObstacle } from '../support/kernel-run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'src/cli/main.ts')];
const folder = mkdtempSync(join(tmpdir(), 'vhostlab-reality-'));
const obstacle = kernelObstacle();
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(({ skip }) => {
  if (obstacle !== '') skip(`no run on this machine's kernel: ${obstacle}`);
});

function reality(...args: readonly string[]) {
  return spawnSync(process.execPath, [...PROGRAM, 'reality', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 110_000,
  });
}

test('every host passes its loads and balances, or the reason is said', () => {
  const [json, svg] = [join(folder, 'r.json'), join(folder, 'r.svg')];
  const short = ['--condition', 'shared', '--trials', '1', '--duration', '100ms', '--warmup', '800ms'];
  const { status, stderr, stdout } = reality('livelock', ...short, '--json', json, '--svg', svg);
  const { conditions } = JSON.parse(readFileSync(json, 'utf8')) as RealityResult;
  const [{ skipped, curves, distances }] = conditions;
  expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [^]*<\/svg>\n$/);
  // Where other programs use the cores no loss-free rate may be found: that is said, and no figure shown.
  expect(status, stderr).toBe(skipped === null ? 0 : 110);
  if (skipped !== null) {
    expect(stdout).toContain(`not measured: ${skipped}`);
    return;
  }
  expect(curves.map(({ host }) => host)).toEqual(['kernel', 'threads', 'virtual']);
  expect(curves.every(({ ledgerBalanced }) => ledgerBalanced)).toBe(true);
  expect(distances.map(({ host }) => host)).toEqual(['threads', 'virtual']);
});

test('what the kernel cannot carry is refused before anything runs, and an unknown condition too', () => {
  const refused = reality('feedback');
  expect(refused.status).toBe(104);
  expect(refused.stderr).toContain('--host kernel: ');
  expect(reality('livelock', '--condition', 'other').stderr).toContain(
    '--condition: found "other", allowed: shared, threaded-napi, own-core',
  );
});
