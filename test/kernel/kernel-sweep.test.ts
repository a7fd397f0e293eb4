import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import type { SearchResult } from '../../src/experiment/search/search-result.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { kernelObstacle } from '../support/kernel-run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'src/cli/main.ts')];
const COMMON = ['livelock', '--host', 'kernel', '--warmup', '400ms', '--set', 'host.costs=none'];
const obstacle = kernelObstacle();

beforeEach(({ skip }) => {
  if (obstacle !== '') skip(`no run on this machine's kernel: ${obstacle}`);
});

function vhostlab(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...PROGRAM, ...args], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
}

test('sweep compares two variants, each in a namespace of its own, and tells what softirq took', () => {
  const { stdout, status, stderr } = vhostlab(
    ...['sweep', ...COMMON, '--rates', '2kpps,6kpps', '--trials', '1', '--duration', '300ms', '--json', '-'],
    ...['--variant', 'in-kernel=vms.0.nics.0.mode=vhost', '--variant', 'in-qemu=vms.0.nics.0.mode=qemu'],
  );
  // Other programs on this machine make points invalid: 110. What would be wrong is 1 or 111.
  expect([0, 110], stderr).toContain(status);
  const result = JSON.parse(stdout) as SweepResult;
  expect(result.hostKind).toBe('kernel');
  expect(result.points).toHaveLength(4);
  for (const { ledger } of result.variants) expect(ledger.faults).toEqual([]);
  for (const { egressPerSecond, threads } of result.points) {
    expect(egressPerSecond.median).toBeGreaterThan(500);
    expect(threads.find(({ kind }) => kind === 'softirq')).toMatchObject({ threads: 1, waitingRatio: null });
  }
});

test('sweep refuses a mode that the kernel cannot carry before anything runs', () => {
  const { status, stderr } = vhostlab('sweep', ...COMMON, '--modes', 'vhost,accelerated', '--rates', '2kpps');
  expect(status).toBe(104);
  expect(stderr).toContain('found "accelerated", allowed: vhost, qemu, emulated');
});

test('search finds a rate that the kernel carries', () => {
  const goal = 'loss=5%,width=50%,trial=300ms,sum=300ms,initial=300ms';
  const { stdout, status, stderr } = vhostlab('search', ...COMMON, '--goal', goal, '--json', '-');
  expect([0, 110], stderr).toContain(status);
  const { variants } = JSON.parse(stdout) as SearchResult;
  expect(variants[0].ledger.faults).toEqual([]);
  expect(variants[0].goals[0].lowerPerSecond).toBeGreaterThan(1000);
});
