import { describe, expect, it } from 'vitest';
import type { PhaseResult } from '../../../src/experiment/run/run-result.ts';
import { judgeUnexplained, judgeValidity } from '../../../src/experiment/judge/validity.ts';
import { phaseOf } from '../../support/phase-results.ts';

const lateness = (lateRatio: number): PhaseResult['lateness'] => {
  const room = { meets: 'buffer pool of vnic0', limitNs: 344_000 };
  const absent = { absences: 3, caughtUpFrames: 1200 };
  return [{ generator: 'generator-eth0', p50Ns: 1000, p999Ns: 345_000, ...room, lateRatio, ...absent }];
};

const takenOf = (core: number, foreignRatio: number, stealRatio = 0) => {
  return { core, foreignRatio, stealRatio, excusedRatio: 0.02 };
};

describe('validity', () => {
  it('accepts a generator on time on cores of its own', () => {
    const cores = [takenOf(1, 0.02)];
    const phase = phaseOf({ sentFrames: 999_100, offeredFrames: 1_000_000, lateness: lateness(0.0039), cores });
    expect(judgeValidity([phase], [])).toEqual({ status: 'valid', reasons: [], notes: [] });
  });

  it.each([
    {
      fault: 'a generator that sent too little',
      phase: phaseOf({ sentFrames: 998_000, offeredFrames: 1_000_000 }),
      reason:
        /flood: the generator of eth0-to-eth1 sent 2 k frames less than it should have \(99\.8 % of 1 M\); allowed: a lower rate, or a core/,
    },
    {
      fault: 'frames later than the room before them lasts',
      phase: phaseOf({ lateness: lateness(0.0041) }),
      reason:
        /0\.41 % of the frames of generator-eth0 came later than the 344 us that the buffer pool of vnic0 lasts .*\(at most 0\.40 % may\); away 3 times, it sent 1\.2 k/,
    },
    {
      fault: 'a phase that the main thread could not end',
      phase: phaseOf({ elapsedNs: 11e9 }),
      reason: /flood: lasted 11 s instead of 10 s: the main thread's core stood still/,
    },
    {
      fault: 'a core taken by others',
      phase: phaseOf({ cores: [takenOf(0, 0.04)] }),
      reason: /flood: something else took 4\.0 % of core 0/,
    },
    {
      fault: 'a core that the hypervisor gave to others',
      phase: phaseOf({ cores: [takenOf(1, 0, 0.02)] }),
      reason: /flood: the hypervisor gave 2\.0 % of core 1 to others \(steal\)/,
    },
    {
      fault: 'a quota that was used up',
      phase: phaseOf({ throttling: { periods: 91, throttledPeriods: 76, throttledNs: 3e9 } }),
      reason: /flood: the CPU quota of its cgroup stopped this process for 3(\.0)? s, in 76 of 91 periods/,
    },
  ])('refuses $fault', ({ phase, reason }) => {
    const { status, reasons } = judgeValidity([phase], []);
    expect(status).toBe('invalid');
    expect(reasons[0]).toMatch(reason);
  });

  it('allows for a period of the quota that was used up for less than a thousandth of a phase', () => {
    const throttling = { periods: 100, throttledPeriods: 1, throttledNs: 9e6 };
    expect(judgeValidity([phaseOf({ throttling })], []).status).toBe('valid');
  });

  it('allows for the steps in which /proc/stat counts', () => {
    const short = phaseOf({ cores: [takenOf(0, 0.04)], elapsedNs: 1e9 });
    expect(judgeValidity([short], []).status).toBe('valid');
  });

  it('does not judge an oversubscribed run, and says why', () => {
    const phase = phaseOf({ sentFrames: 1, offeredFrames: 1_000_000 });
    const { status, reasons } = judgeValidity([phase], ['one core carries everything']);
    expect(status).toBe('not judged');
    expect(reasons[0]).toBe('one core carries everything');
  });
});

describe('frames that a real kernel does not explain', () => {
  it('are allowed up to one in a thousand', () => {
    expect(judgeUnexplained({ sentFrames: 100_000, unexplainedFrames: 100 })).toEqual([]);
    expect(judgeUnexplained({ sentFrames: 100_000, unexplainedFrames: 101 })).toEqual([
      "101 of 100 k frames went into this machine's kernel, and none of its counters says where they are",
    ]);
  });

  it('make a run invalid', () => {
    expect(judgeValidity([], [], ['lost'])).toEqual({ status: 'invalid', reasons: ['lost'], notes: [] });
  });
});
