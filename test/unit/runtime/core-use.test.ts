import { describe, expect, it } from 'vitest';
import type { CoreSample } from '../../../src/runtime/os/core-use.ts';
import { coreUse, parseCoreTimes, readIdleStates, sampleCores } from '../../../src/runtime/os/core-use.ts';
import { measureIdleEntryNs } from '../../../src/runtime/os/idle-cost.ts';
import type { ThreadSchedule } from '../../../src/runtime/os/sched-stats.ts';

const PROC_STAT = `cpu  300 5 40 9000 7 2 3 11 0 0
cpu0 200 5 30 4000 7 1 2 4 50 0
cpu1 100 0 10 5000 0 1 1 7 0 0
intr 176512 0 0
`;

function schedule(tid: number, runNs: number): ThreadSchedule {
  return { tid, name: `t${tid}`, runNs, waitNs: 0, slices: 1, voluntarySwitches: null, involuntarySwitches: null };
}

describe('core times', () => {
  it('reads what was idle, waiting for a disk included, and what was stolen, in ns', () => {
    expect(parseCoreTimes(PROC_STAT, (core) => (core === 0 ? 12 : null))).toEqual([
      { core: 0, idleNs: 40.07e9, stealNs: 4e7, softirqNs: 2e7, idleEntries: 12 },
      { core: 1, idleNs: 50e9, stealNs: 7e7, softirqNs: 1e7, idleEntries: null },
    ]);
  });

  it('reads the cores of this machine', () => {
    const { cores, atNs } = sampleCores([]);
    expect(cores.length).toBeGreaterThan(0);
    expect(atNs).toBeGreaterThan(0);
    expect(Math.max(...cores.map(({ idleNs }) => idleNs))).toBeGreaterThan(0);
  });
});

describe('what going idle takes', () => {
  it('is measured where idle entries are counted, and never more than was ever seen', () => {
    const measured = measureIdleEntryNs(0, () => 0);
    if (readIdleStates(0) === null) expect(measured).toBeNull();
    // Where the test is not kept on core 0 that one may have had no entries, or others ran there.
    else expect(measured ?? 5000).toBeLessThanOrEqual(5000);
  });
});

describe('use of a core', () => {
  const core = (number: number, idleNs: number, stealNs = 0, idleEntries: number | null = null) => {
    return { core: number, idleNs, stealNs, softirqNs: 0, idleEntries };
  };
  const before: CoreSample = {
    atNs: 0,
    cores: [core(0, 5e9), core(1, 7e9)],
    threads: [schedule(10, 1e9), schedule(11, 2e9)],
  };

  it('takes what our pinned threads ran from what the core was busy with', () => {
    const after: CoreSample = {
      atNs: 1e9,
      cores: [core(0, 5.05e9, 5e7), core(1, 7.6e9)],
      // Thread 12 was born in between, so all its time counts; 13 is pinned nowhere.
      threads: [schedule(10, 1.5e9), schedule(11, 2.4e9), schedule(12, 1e8), schedule(13, 3e8)],
    };
    const cores = new Map([
      [10, 0],
      [11, 1],
      [12, 0],
    ]);
    const used = coreUse(before, after, ({ tid }) => cores.get(tid), 0);
    expect(used).toEqual([
      {
        core: 0,
        elapsedNs: 1e9,
        busyNs: 9e8,
        ownNs: 6e8,
        foreignNs: expect.closeTo(3e8, -2) as number,
        excusedNs: 0,
        softirqNs: 0,
        stealNs: 5e7,
      },
      { core: 1, elapsedNs: 1e9, busyNs: 4e8, ownNs: 4e8, foreignNs: 0, excusedNs: 0, softirqNs: 0, stealNs: 0 },
    ]);
  });

  it('believes no tick: what is not idle is busy, whatever was found running', () => {
    const ticks = (user: number, idle: number) => parseCoreTimes(`cpu0 ${user} 0 0 ${idle} 0 0 0 0 0 0\n`, () => null);
    const start: CoreSample = { atNs: 0, cores: ticks(0, 0), threads: [schedule(10, 0)] };
    const end: CoreSample = { atNs: 2e9, cores: ticks(190, 100), threads: [schedule(10, 1e9)] };
    expect(coreUse(start, end, () => 0, 5000)[0]).toMatchObject({ busyNs: 1e9, foreignNs: 0 });
  });

  it('does not hold for foreign what a core takes to go idle and come back', () => {
    const start: CoreSample = { atNs: 0, cores: [core(0, 0, 0, 1000)], threads: [schedule(10, 0)] };
    const end: CoreSample = { atNs: 1e9, cores: [core(0, 4e8, 0, 11_000)], threads: [schedule(10, 5e8)] };
    expect(coreUse(start, end, () => 0, 5000)[0]).toMatchObject({ busyNs: 6e8, foreignNs: 5e7, excusedNs: 5e7 });
    // No more than was measured: elsewhere going idle takes a fifth of that.
    expect(coreUse(start, end, () => 0, 1000)[0]).toMatchObject({ foreignNs: 9e7, excusedNs: 1e7 });
  });

  it('never reports less than no foreign use, although ticks are coarse', () => {
    const after: CoreSample = { atNs: 1e8, cores: [core(0, 5.01e9)], threads: [schedule(10, 1.1e9)] };
    expect(coreUse(before, after, () => 0, 5000)[0].foreignNs).toBe(0);
  });
});
