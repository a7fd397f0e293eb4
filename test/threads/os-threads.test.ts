import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nowNs } from '../../src/runtime/threads/clock.ts';
import { coreUse, sampleCores } from '../../src/runtime/os/core-use.ts';
import { calibrateBurn } from '../../src/runtime/threads/cpu-burn.ts';
import { currentTid, setThreadCores, setThreadPolicy, threadCores } from '../../src/runtime/os/os-threads.ts';
import { threadName, threadPolicy } from '../../src/runtime/os/os-threads.ts';
import { ScheduleReader } from '../../src/runtime/os/sched-stats.ts';
import { SelfPolicy } from '../../src/runtime/threads/self-policy.ts';
import { ensureWorkerBundle } from '../../src/runtime/threads/worker-bundle.ts';
import type { ProbeReport } from '../support/os-threads-probe.ts';
import type { WorkerInput, WorkerTask } from '../support/os-threads-worker.ts';
import { ANSWER_WORD, REQUEST_WORD, SHARED_BYTES, STAMP_DOUBLE, STOP } from '../support/os-threads-worker.ts';

const runFile = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const allowed = threadCores(process.pid);
const isRoot = process.getuid?.() === 0;

let workerUrl: URL;
let probePath: string;
const started: { worker: Worker; words: Int32Array }[] = [];

beforeAll(async () => {
  // Inside the project, where the bundles find koffi.
  const outFolder = join(PROJECT, 'dist/test');
  workerUrl = await ensureWorkerBundle({ entry: join(PROJECT, 'test/support/os-threads-worker.ts'), outFolder });
  const probe = await ensureWorkerBundle({ entry: join(PROJECT, 'test/support/os-threads-probe.ts'), outFolder });
  probePath = fileURLToPath(probe);
});

afterEach(async () => {
  for (const { worker, words } of started.splice(0)) {
    request(words, STOP);
    await worker.terminate();
  }
});

async function startWorker(name: string, core: number, task: WorkerTask) {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const input: WorkerInput = { name, core, shared, task };
  const worker = new Worker(workerUrl, { workerData: input, execArgv: [] });
  const words = new Int32Array(shared);
  started.push({ worker, words });
  const [hello] = (await once(worker, 'message')) as [{ tid: number }];
  return { worker, words, doubles: new Float64Array(shared), ...hello };
}

function request(words: Int32Array, value: number): void {
  Atomics.store(words, REQUEST_WORD, value);
  Atomics.notify(words, REQUEST_WORD);
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('a thread', () => {
  it('names and pins itself, and nobody else', async () => {
    const core = allowed[allowed.length - 1];
    const { tid } = await startWorker('a-name-longer-than-15', core, { kind: 'sleep' });
    expect(tid).not.toBe(process.pid);
    expect(threadName(tid)).toBe('a-name-longer-t');
    expect(threadCores(tid)).toEqual([core]);
    expect(threadCores(process.pid)).toEqual(allowed);
  });

  it('can be lowered from outside by anyone', async () => {
    const { tid } = await startWorker('lowered', allowed[0], { kind: 'sleep' });
    expect(setThreadPolicy(tid, { class: 'other', nice: 7 })).toMatchObject({
      granted: true,
      obtained: { class: 'other', nice: 7 },
    });
    expect(setThreadPolicy(tid, { class: 'batch', nice: 7 }).obtained).toEqual({ class: 'batch', nice: 7 });
    expect(setThreadPolicy(tid, { class: 'idle' })).toEqual({ obtained: { class: 'idle' }, granted: true, reason: '' });
  });

  it('that does not exist is an error', () => {
    expect(() => threadPolicy(2 ** 22 + 1)).toThrow('there is no thread 4194305');
    expect(() => setThreadPolicy(2 ** 22 + 1, { class: 'idle' })).toThrow('there is no thread 4194305');
  });
});

describe('interrupt class', () => {
  it('is entered and left by the thread itself, or not at all and for a reason', async () => {
    const { worker, words, tid } = await startWorker('switcher', allowed[0], {
      kind: 'switch',
      moves: ['fifo', 'other', 'fifo'],
    });
    const [{ switchable, reason }] = (await once(worker, 'message')) as [{ switchable: boolean; reason: string }];
    expect(reason === '').toBe(switchable);
    const atPeers = { class: 'other', nice: 0 };
    const raised = switchable ? { class: 'fifo', priority: 1 } : atPeers;
    for (const [i, expected] of [raised, atPeers, raised].entries()) {
      request(words, i + 1);
      const [{ moved }] = (await once(worker, 'message')) as [{ moved: boolean }];
      expect(moved).toBe(switchable);
      expect(threadPolicy(tid)).toEqual(expected);
    }
  });

  it('can be given to a busy thread from outside', async () => {
    const { tid } = await startWorker('lifted', allowed[0], { kind: 'sleep' });
    const before = threadPolicy(currentTid());
    const policy = new SelfPolicy();
    expect(policy.liftThread(tid)).toBe(policy.switchable);
    expect(threadPolicy(tid)).toEqual(policy.switchable ? { class: 'fifo', priority: 1 } : { class: 'other', nice: 0 });
    expect(threadPolicy(currentTid())).toEqual(before);
  });
});

describe('the clock', () => {
  it('agrees between threads', async () => {
    const { words, doubles } = await startWorker('clock', allowed[0], { kind: 'clock' });
    for (let i = 1; i <= 500; i++) {
      const before = nowNs();
      Atomics.store(words, REQUEST_WORD, i);
      while (Atomics.load(words, ANSWER_WORD) !== i);
      const after = nowNs();
      expect(doubles[STAMP_DOUBLE]).toBeGreaterThanOrEqual(before);
      expect(doubles[STAMP_DOUBLE]).toBeLessThanOrEqual(after);
    }
  });
});

describe('schedules', () => {
  it('tell running, waiting for a core, and sleeping apart', async () => {
    const first = await startWorker('spin-a', allowed[0], { kind: 'spin' });
    const second = await startWorker('spin-b', allowed[0], { kind: 'spin' });
    const sleeper = await startWorker('sleeper', allowed[0], { kind: 'sleep' });
    const reader = new ScheduleReader();
    const startNs = nowNs();
    const before = reader.read(true);
    await pause(1000);
    const after = reader.read(true);
    const elapsedNs = nowNs() - startNs;
    reader.close();
    const use = (tid: number) => {
      const [start, end] = [before, after].map((threads) => threads.find((thread) => thread.tid === tid));
      if (start === undefined || end === undefined) throw new Error(`thread ${tid} was not read`);
      const waitNs = start.waitNs === null || end.waitNs === null ? null : end.waitNs - start.waitNs;
      return { name: end.name, runNs: end.runNs - start.runNs, waitNs, involuntary: end.involuntarySwitches };
    };
    const [a, b, s] = [first, second, sleeper].map(({ tid }) => use(tid));
    expect([a.name, b.name, s.name]).toEqual(['spin-a', 'spin-b', 'sleeper']);
    expect(s.runNs).toBeLessThan(0.05 * elapsedNs);
    // Both want the core all the time, and only one can have it: whatever else runs, they wait at least half of it.
    expect(a.runNs + b.runNs).toBeGreaterThan(0.1 * elapsedNs);
    expect(a.runNs + b.runNs).toBeLessThan(1.1 * elapsedNs);
    expect((a.involuntary ?? 0) + (b.involuntary ?? 0)).toBeGreaterThan(0);
    for (const { runNs, waitNs } of waitsKnown(a, b)) expect(runNs + waitNs).toBeGreaterThan(0.85 * elapsedNs);
  });

  it("show another process's use of a core as foreign", async () => {
    const core = allowed[0];
    const { tid } = await startWorker('sleeper', core, { kind: 'sleep' });
    const spinner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      setThreadCores(spinner.pid ?? 0, [core]);
      await pause(300);
      const reader = new ScheduleReader();
      const before = sampleCores(reader.read());
      await pause(1000);
      const after = sampleCores(reader.read());
      reader.close();
      const own = coreUse(before, after, (thread) => (thread.tid === tid ? core : undefined));
      const used = own.find((entry) => entry.core === core);
      expect(used?.ownNs).toBeLessThan(5e7);
      expect((used?.foreignNs ?? 0) + (used?.stealNs ?? 0)).toBeGreaterThan(0.5 * (used?.elapsedNs ?? NaN));
    } finally {
      spinner.kill('SIGKILL');
    }
  });
});

/** Those whose waiting time the kernel collects. */
function waitsKnown(...uses: readonly { runNs: number; waitNs: number | null }[]) {
  return uses.flatMap(({ runNs, waitNs }) => (waitNs === null ? [] : { runNs, waitNs }));
}

describe('burnt time', () => {
  it('is CPU time: a thread that shares its core pays all of it', async ({ skip }) => {
    await startWorker('spinner', allowed[0], { kind: 'spin' });
    const { iterationsPerNs } = calibrateBurn();
    const { worker } = await startWorker('burner', allowed[0], { kind: 'burn', iterationsPerNs, ns: 2e6, times: 101 });
    const [{ medianNs }] = (await once(worker, 'message')) as [{ medianNs: number | null }];
    if (medianNs === null) return skip('thread CPU time cannot be read here');
    expect(medianNs / 2e6).toBeGreaterThan(0.85);
    expect(medianNs / 2e6).toBeLessThan(1.15);
  });
});

/** An ordinary user with no right to real-time priorities or negative nice values (proc_pid_limits(5)). */
function limitsAllowNothing(): boolean {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return /^Max nice priority\s+0\s/m.test(limits) && /^Max realtime priority\s+0\s/m.test(limits);
}

async function probe(dropPrivileges: boolean, koffi: boolean): Promise<ProbeReport> {
  const args = [probePath, ...(dropPrivileges ? ['--drop-privileges'] : [])];
  const env = { ...process.env, ...(koffi ? {} : { VHOSTLAB_KOFFI: 'off' }) };
  return JSON.parse((await runFile(process.execPath, args, { env })).stdout) as ProbeReport;
}

describe.each([
  { privilege: 'as it is', drop: false, koffi: true },
  { privilege: 'as it is', drop: false, koffi: false },
  { privilege: 'dropped', drop: isRoot, koffi: true },
  { privilege: 'dropped', drop: isRoot, koffi: false },
])('with privilege $privilege and koffi $koffi', ({ drop, koffi }) => {
  it('says what it obtained, and why it did not obtain more', async () => {
    const report = await probe(drop, koffi);
    const { capabilities, self, fifo, nice, idle, batch, oneCore, noSuchCore } = report;
    expect(report.policyAfterProbe).toEqual(report.policyAtStart);
    expect(capabilities.coresAllowed).toEqual(allowed);
    expect(fifo.granted).toBe(capabilities.fifo.available);
    expect(nice.granted).toBe(capabilities.niceNegative.available);
    expect(idle).toEqual({ obtained: { class: 'idle' }, granted: capabilities.schedIdle.available, reason: '' });
    expect(batch.obtained.class).toBe('batch');
    expect(self.switchable).toBe(capabilities.koffi.available && capabilities.fifo.available);
    expect(self.movedToFifo).toBe(self.switchable);
    for (const { granted, reason } of [fifo, nice, self.switchable ? fifo : { granted: false, reason: self.reason }]) {
      expect(granted).toBe(reason === '');
    }
    expect(oneCore).toEqual({ obtained: allowed.slice(0, 1), granted: true, reason: '' });
    expect(noSuchCore).toMatchObject({ obtained: allowed, granted: false });
    expect(report.oversubscribed).toHaveLength(1);
    expect(report.threadCount).toBeGreaterThan(3);
    if (!koffi) expect(capabilities.koffi.how).toContain('VHOSTLAB_KOFFI=off');
    expect(report.burnClock).toBe(capabilities.koffi.available ? 'thread cpu' : 'wall');
  });

  it('an ordinary user gets neither interrupt class nor negative nice, but the rest', async ({ skip }) => {
    if ((!drop && isRoot) || !limitsAllowNothing()) return skip('this user is allowed more');
    const { capabilities, fifo, nice } = await probe(drop, koffi);
    expect(capabilities).toMatchObject({
      fifo: { available: false },
      niceNegative: { available: false },
      schedIdle: { available: true },
      affinity: { available: true },
    });
    expect(fifo).toMatchObject({ granted: false, obtained: { class: 'other', nice: 0 } });
    expect(nice).toMatchObject({ granted: false, obtained: { class: 'other', nice: 0 } });
  });
});
