import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findKernelAccess } from '../../src/runtime/kernel/access.ts';
import { probeCapabilities } from '../../src/runtime/os/capabilities.ts';
import { parseProfile } from '../../src/scenario/profiles/profile-file.ts';
import type { ProfileDocument } from '../../src/scenario/profiles/profile-file.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'src/cli/main.ts')];
const folder = mkdtempSync(join(tmpdir(), 'vhostlab-calibrate-'));
afterAll(() => rmSync(folder, { recursive: true }));

test("calibrate writes a profile of this machine's kernel that a scenario can take", ({ skip }) => {
  const { way, steers, said } = findKernelAccess();
  if (way !== 'as it is' || !steers) skip(`no calibration here: ${said}`);
  if (probeCapabilities().coresAllowed.length < 2) skip('no calibration here: one core');
  const before = readdirSync('/sys/class/net').sort();
  const file = join(folder, 'machine.yaml');
  const args = ['calibrate', '--out', file, '--rounds', '4'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...PROGRAM, ...args], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('taken over');
  const text = readFileSync(file, 'utf8');
  const { lines, checks } = parse(text) as ProfileDocument;
  const { table } = parseProfile(text);
  // Whatever disturbs four rounds: system calls, and a frame through the bridge to a tap, cost something and not a lot.
  for (const key of ['vhostRx', 'vhostTx', 'qemuSyscall', 'irq'] as const) {
    expect(lines[key]).toMatchObject({ how: 'measured' });
    expect(table[key]).toBeGreaterThan(20);
    expect(table[key]).toBeLessThan(100_000);
  }
  expect(lines.guestRx).toMatchObject({ how: 'taken over' });
  expect(checks.join('\n')).toContain('the sum of the parts');
  expect(readdirSync('/sys/class/net').sort()).toEqual(before);
});
