import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { modesWhere } from '../../src/scenario/modes.ts';
import { kernelObstacle, runOnKernel } from '../support/kernel-run.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'src/cli/main.ts')];
const obstacle = kernelObstacle();

beforeEach(({ skip }) => {
  if (obstacle !== '') skip(`no run on this machine's kernel: ${obstacle}`);
});

const devices = (): string[] => readdirSync('/sys/class/net').sort();

/** Network namespaces that a process holds by its descriptors. */
function namespacesOf(pid: number | string): string[] {
  try {
    const files = readdirSync(`/proc/${pid}/fd`).map((file) => `/proc/${pid}/fd/${file}`);
    return [`/proc/${pid}/ns/net`, ...files].flatMap((path) => {
      try {
        return /^net:\[\d+\]$/.exec(readlinkSync(path)) ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

describe.each(modesWhere((mode) => mode.kernelObstacle === null))("mode %s around this machine's kernel", (mode) => {
  const inMode = [`vms.0.nics.0.mode=${mode}`, `vms.0.nics.1.mode=${mode}`];

  test('carries both ways what is little, in order and intact, and the ledger closes', async () => {
    const before = devices();
    const result = await runOnKernel('2kpps', inMode);
    const { ledger, integrity, phases, host } = result;
    expect(ledger.faults).toEqual([]);
    expect(ledger.balanced).toBe(true);
    expect(ledger.unexplainedFrames).toBeLessThanOrEqual(ledger.sentFrames / 1000);
    expect(integrity).toMatchObject({ corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0, foreignFrames: 0 });
    for (const stream of phases[0].streams) expect(stream.deliveredFrames).toBeGreaterThan(100);
    expect(host.header.join('\n')).toContain('worker in user space');
    expect(phases[0].threads.map(({ name }) => name)).toContain('softirq0');
    expect(devices()).toEqual(before);
  });
});

test('loses at the tap what its worker cannot take, and says so by the tap itself', async () => {
  const { ledger, drops, counters } = await runOnKernel('300kpps', ['vms.0.nics.0.tap.queue=50']);
  expect(ledger.faults).toEqual([]);
  const [most] = drops.filter(({ place }) => place !== 'guest');
  expect(most).toMatchObject({ place: 'tap', counter: 'tx_dropped', reason: 'tap queue full' });
  expect(counters['tap0-file'].reads).toBe(counters.tap0.tx_read);
});

test('has the kernel poll its ports in threads, kept on the core of the modelled host, where that is asked for', async () => {
  const { ledger, phases, threads, host } = await runOnKernel('2kpps', ['host.threadedNapi=true']);
  expect(ledger).toMatchObject({ balanced: true, faults: [], unexplainedFrames: 0 });
  for (const stream of phases[0].streams) expect(stream.deliveredFrames).toBeGreaterThan(100);
  const coreOf = (name: string) => threads.find((thread) => thread.name === name)?.core;
  for (const port of ['eth0', 'eth1']) {
    const polling = phases[0].threads.find(({ name }) => name === `napi/${port}`)!;
    expect(polling.core).toBe(coreOf('vhost-vnic0'));
    // A frame is worth a wake-up at this rate.
    expect(polling.switchesPerSecond).toBeGreaterThan(100);
  }
  expect(host.header.join('\n')).toMatch(/threaded NAPI: a thread of the kernel's on core \d+ polls eth0/);
});

test('is refused before anything is made, where the kernel cannot do it', async () => {
  const before = namespacesOf('self');
  await expect(runOnKernel('2kpps', ['vms.0.nics.0.mode=accelerated'])).rejects.toThrow(
    'vms.vm0.nics.vnic0.mode: found "accelerated", allowed: vhost, qemu, emulated',
  );
  expect(namespacesOf('self')).toEqual(before);
});

test('two runs at once do not meet', async () => {
  const run = (): Promise<number | null> =>
    new Promise((resolve) => {
      const args = [...PROGRAM, 'run', 'livelock', '--host', 'kernel', '--quiet', '--set', 'expect=[]'];
      const set = ['run.warmup=100ms', 'run.phases=[{ name: only, rate: 2kpps, duration: 1s }]'];
      spawn(process.execPath, [...args, ...set.flatMap((each) => ['--set', each])], { stdio: 'ignore' }).on(
        'exit',
        resolve,
      );
    });
  // Each takes the other's cores, which makes both invalid: 110. What would be wrong is 1 or 111.
  for (const status of await Promise.all([run(), run()])) expect([0, 110]).toContain(status);
});

test('killed in the middle it leaves nothing', async () => {
  const before = devices();
  const args = [...PROGRAM, 'run', 'livelock', '--host', 'kernel', '--quiet', '--set', 'run.phases.carried.rate=2kpps'];
  const child = spawn(process.execPath, args, { stdio: 'ignore', cwd: ROOT });
  const ours = new Set(namespacesOf('self'));
  const deadline = Date.now() + 30_000;
  const held = (): string[] =>
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .flatMap(namespacesOf);
  const known = new Set(held());
  let made: string[] = [];
  while (made.length === 0 && Date.now() < deadline) {
    await delay(50);
    made = held().filter((namespace) => !known.has(namespace) && !ours.has(namespace));
  }
  expect(made).not.toEqual([]);
  await delay(500);
  // tsx runs the program in a child of its own.
  spawnSync('pkill', ['-KILL', '-P', `${child.pid}`]);
  child.kill('SIGKILL');
  await delay(500);
  expect(held().filter((namespace) => made.includes(namespace))).toEqual([]);
  expect(devices()).toEqual(before);
});
