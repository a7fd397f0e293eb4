import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/metrics/derive/snapshot.ts';
import { threadShares } from '../../../src/metrics/derive/thread-shares.ts';
import type { ThreadUse } from '../../../src/runtime/host.ts';

const at = (atNs: number, threads: readonly ThreadUse[]): Snapshot => {
  return { atNs, threads, counters: new Map(), depths: new Map(), lateness: new Map(), latency: new Map() };
};
const place = { name: 'softirq0', core: 0, policy: 'fifo 1' };
const use = (runNs: number, waitNs: number | null, switches: number | null): ThreadUse => {
  return { name: 'softirq0', runNs, waitNs, switches };
};
const shares = (before: ThreadUse, after: ThreadUse) => threadShares([place], at(5e9, [before]), at(7e9, [after]))[0];

describe('thread shares', () => {
  it('divide the time into running, waiting for a core and sleeping', () => {
    expect(shares(use(1e9, 3e9, 100), use(2e9, 3.5e9, 300))).toEqual({
      ...place,
      runningRatio: 0.5,
      waitingRatio: 0.25,
      asleepRatio: 0.25,
      switchesPerSecond: 100,
    });
  });

  it('never exceed the whole, though accounts lag by up to a tick', () => {
    const row = shares(use(0, 0, 0), use(2.004e9, 0.1e9, 1));
    expect(row).toMatchObject({ runningRatio: 1, waitingRatio: 0, asleepRatio: 0 });
  });

  it('leave waiting open where the kernel does not count it', () => {
    expect(shares(use(1e9, null, null), use(2e9, null, null))).toEqual({
      ...place,
      runningRatio: 0.5,
      waitingRatio: null,
      asleepRatio: null,
      switchesPerSecond: null,
    });
  });

  it('count a thread from nothing that was not there before', () => {
    expect(threadShares([place], at(0, []), at(1e9, [use(1e8, 0, 5)]))[0]).toMatchObject({
      runningRatio: 0.1,
      switchesPerSecond: 5,
    });
  });
});
