import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { findKernelAccess } from '../../src/runtime/kernel/access.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VHOSTLAB = ['--import', join(ROOT, 'node_modules/tsx/dist/esm/index.mjs'), join(ROOT, 'src/cli/main.ts')];
/**
 * Root without capabilities, but for the one that mapping root takes (verify_root_map, kernel/user_namespace.c), is
 * a user without privilege who can read these sources wherever they lie.
 */
const WITHOUT_PRIVILEGE =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all,+setfcap', '--inh-caps=-all', '--'] : [];
const SHORT = ['host.costs=none', 'run.warmup=100ms', 'run.settle=300ms', 'expect=[]'].flatMap((each) => [
  '--set',
  each,
]);
const PHASE = ['--set', 'run.phases=[{ name: only, rate: 2kpps, duration: 600ms }]'];
const RUN = ['run', 'livelock', '--host', 'kernel', ...SHORT, ...PHASE];

beforeEach(({ skip }) => {
  const { way, said } = findKernelAccess();
  if (way === 'none') skip(`no run on this machine's kernel: ${said}`);
});

function vhostlab(by: readonly string[], ...args: readonly string[]) {
  const [command, ...rest] = [...by, process.execPath, ...VHOSTLAB, ...args];
  return spawnSync(command, rest, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
}

describe('without privilege', () => {
  test('it runs in namespaces of its own, and says that softirq shares the core of who sends', () => {
    const before = readdirSync('/sys/class/net').sort();
    const { status, stdout, stderr } = vhostlab(WITHOUT_PRIVILEGE, ...RUN, '--json', '-');
    expect(status, stderr).toBe(0);
    const { host, ledger, phases, validity } = JSON.parse(stdout) as RunResult;
    expect(host.header.join('\n')).toContain('RPS is refused');
    expect(host.oversubscribed.join('\n')).toContain('softirq runs on the core of whoever sends');
    expect(validity.status).toBe('not judged');
    expect(ledger.faults).toEqual([]);
    for (const { deliveredFrames } of phases[0].streams) expect(deliveredFrames).toBeGreaterThan(100);
    expect(readdirSync('/sys/class/net').sort()).toEqual(before);
  });

  test('a polite end reaches what runs there, and what was measured is kept', async () => {
    const long = PHASE[1].replace('600ms', '60s');
    const [command, ...rest] = [...WITHOUT_PRIVILEGE, process.execPath, ...VHOSTLAB, ...RUN.slice(0, -1), long];
    const child = spawn(command, [...rest, '--json-stream'], { cwd: ROOT });
    const records: unknown[] = [];
    createInterface(child.stdout).on('line', (line) => {
      records.push(JSON.parse(line));
      if (records.length === 3) child.kill('SIGTERM');
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(status).toBe(130);
    expect(records.at(-1)).toMatchObject({ event: 'end', data: { ledger: { balanced: true } } });
  });

  test('doctor says that it can, and what it lacks', () => {
    const { stdout } = vhostlab(WITHOUT_PRIVILEGE, 'doctor');
    expect(stdout).toMatch(/^kernel host: yes, in a user namespace of its own; softirq cannot be steered \(.+\)$/m);
  });
});

describe('where user namespaces are forbidden', () => {
  // The limit is one of each user namespace: this one is gone with the program.
  const forbid =
    'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all -- "$@"';
  const FORBIDDEN = ['unshare', '-Ur', 'sh', '-c', forbid, 'sh'];

  test('it is refused with the setting that forbids it', () => {
    const { status, stderr } = vhostlab(FORBIDDEN, ...RUN);
    expect(status, stderr).toBe(104);
    expect(stderr).toContain('user.max_user_namespaces is 0');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('doctor names the setting', () => {
    const { stdout } = vhostlab(FORBIDDEN, 'doctor');
    expect(stdout).toMatch(/^kernel host: no, .*user\.max_user_namespaces is 0$/m);
  });
});
