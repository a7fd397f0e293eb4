import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScheduleReader } from '../../../src/runtime/os/sched-stats.ts';

/** A task folder with files of the kernel's format, for kernels other than the one the tests run on. */
let folder: string;
let reader: ScheduleReader;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vhostlab-task-'));
  reader = new ScheduleReader(folder);
});

afterEach(() => {
  reader.close();
  rmSync(folder, { recursive: true });
});

function writeThread(tid: number, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, `${tid}`), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${tid}`, name), text);
}

const STATUS = 'Name:\tvhost0\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t204\n';

describe('thread schedules', () => {
  it('reads run time, waiting time, slices and name', () => {
    writeThread(41, { comm: 'vhost0\n', schedstat: '138146148 36825873 164\n', status: STATUS });
    expect(reader.read()).toEqual([
      {
        tid: 41,
        name: 'vhost0',
        runNs: 138146148,
        waitNs: 36825873,
        slices: 164,
        voluntarySwitches: null,
        involuntarySwitches: null,
      },
    ]);
  });

  it('reads switches when asked, and does not take one kind for the other', () => {
    writeThread(41, { comm: 'vhost0\n', schedstat: '1 2 3\n', status: STATUS });
    expect(reader.read(true)[0]).toMatchObject({ voluntarySwitches: 17, involuntarySwitches: 204 });
  });

  it('reads again what has changed, names included, and follows threads that come and go', () => {
    writeThread(9, { comm: 'node\n', schedstat: '100 0 1\n' });
    writeThread(41, { comm: 'node\n', schedstat: '5 0 1\n' });
    expect(reader.read().map(({ tid }) => tid)).toEqual([9, 41]);
    rmSync(join(folder, '9'), { recursive: true });
    writeThread(41, { comm: 'softirq0\n', schedstat: '600 70 8\n' });
    writeThread(102, { comm: 'late\n', schedstat: '1 1 1\n' });
    expect(reader.read()).toMatchObject([
      { tid: 41, name: 'softirq0', runNs: 600, waitNs: 70, slices: 8 },
      { tid: 102, name: 'late' },
    ]);
  });

  it('falls back on ticks, and does not claim a waiting time, where there is no schedstat', () => {
    const stat = '41 (a (b) c) R 1 1 1 0 -1 4194304 0 0 0 0 250 30 0 0 20 0 12 0 100';
    writeThread(41, { comm: 'a (b) c\n', stat });
    expect(reader.read()[0]).toMatchObject({ name: 'a (b) c', runNs: 2.8e9, waitNs: null, slices: null });
  });
});

describe('this process', () => {
  it('has a main thread whose run time grows as it runs', () => {
    const own = new ScheduleReader();
    const mainRunNs = (): number => own.read().find(({ tid }) => tid === process.pid)?.runNs ?? NaN;
    const before = mainRunNs();
    const endMs = performance.now() + 60;
    while (performance.now() < endMs);
    expect(mainRunNs()).toBeGreaterThan(before);
    own.close();
  });
});
