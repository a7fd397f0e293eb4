import { describe, expect, it } from 'vitest';
import type { CoreSample, IdleStates } from '../../../src/runtime/os/core-use.ts';
import { coreUse, parseCoreTimes, sampleCores } from '../../../src/runtime/os/core-use.ts';
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
    expect(parseCoreTimes(PROC_STAT, (core) => (core === 0 ? { entries: 12, idleNs: 40e9 } : null))).toEqual([
      { core: 0, idleNs: 40.07e9, stealNs: 4e7, softirqNs: 2e7, idleStates: { entries: 12, idleNs: 40e9 } },
      { core: 1, idleNs: 50e9, stealNs: 7e7, softirqNs: 1e7, idleStates: null },
    ]);
  });

  it('reads the cores of this machine', () => {
    const { cores, atNs } = sampleCores([]);
    expect(cores.length).toBeGreaterThan(0);
    expect(atNs).toBeGreaterThan(0);
    expect(Math.max(...cores.map(({ idleNs }) => idleNs))).toBeGreaterThan(0);
  });
});

describe('use of a core', () => {
  const core = (number: number, idleNs: number, stealNs = 0, idleStates: IdleStates | null = null) => {
    return { core: number, idleNs, stealNs, softirqNs: 0, idleStates };
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
    const used = coreUse(before, after, ({ tid }) => cores.get(tid));
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
    expect(coreUse(start, end, () => 0)[0]).toMatchObject({ busyNs: 1e9, foreignNs: 0 });
  });

  it('does not hold for foreign what going idle took: no more than the idle states measured, nor than 5 us each', () => {
    const start: CoreSample = {
      atNs: 0,
      cores: [core(0, 0, 0, { entries: 1000, idleNs: 0 })],
      threads: [schedule(10, 0)],
    };
    const end = (idleNs: number): CoreSample => {
      const cores = [core(0, 4e8, 0, { entries: 11_000, idleNs })];
      return { atNs: 1e9, cores, threads: [schedule(10, 5e8)] };
    };
    expect(coreUse(start, end(4.1e8), () => 0)[0]).toMatchObject({ busyNs: 6e8, excusedNs: 1e7, foreignNs: 9e7 });
    expect(coreUse(start, end(5e8), () => 0)[0]).toMatchObject({ excusedNs: 5e7, foreignNs: 5e7 });
    expect(coreUse(start, end(3.9e8), () => 0)[0]).toMatchObject({ excusedNs: 0, foreignNs: 1e8 });
  });

  it('never reports less than no foreign use, although ticks are coarse', () => {
    const after: CoreSample = { atNs: 1e8, cores: [core(0, 5.01e9)], threads: [schedule(10, 1.1e9)] };
    expect(coreUse(before, after, () => 0)[0].foreignNs).toBe(0);
  });
});
