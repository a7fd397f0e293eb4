import { describe, expect, it } from 'vitest';
import { CONTEXT_INTERRUPT, CONTEXT_TICK } from '../../../src/kernel/softirq-line.ts';
import { Reschedule } from '../../../src/runtime/reschedule.ts';
import { SoftirqPolicy } from '../../../src/runtime/softirq-policy.ts';
import { SoftirqLoop } from '../../../src/runtime/threads/softirq-loop.ts';
import type { SoftirqLoopParts } from '../../../src/runtime/threads/softirq-loop.ts';
import { doorbellsBeside } from '../../../src/runtime/threads/thread-protocol.ts';

const SWEEPS_MAX = 10;

/** Polls of each inline visit of a thread that always has work left, until `polls` of them are made. */
function visitsOf(polls: number, first: { contexts: number; wakesAtPoll?: number }): number[] {
  const visits: number[] = [];
  const reschedule = new Reschedule(1.4e6, 250);
  // A sweep of one poll: ten of them are a visit.
  const limits = { hz: 250, sweepBudgetFrames: 64, sweepTimeNs: 8e9, visitSweepsMax: SWEEPS_MAX, visitTimeNs: 8e9 };
  const policy = new SoftirqPolicy({ ...limits, repollList: true, ksoftirqdGuard: false });
  let made = 0;
  let contexts = first.contexts;
  const parts = {
    round: {
      napiFrames: 64,
      scheduled: () => 1,
      poll: () => {
        visits[policy.use.interrupt.visits - 1] = (visits[policy.use.interrupt.visits - 1] ?? 0) + 1;
        if (++made === first.wakesAtPoll) reschedule.woke();
      },
      commit: () => undefined,
    },
    softirq: { noteContexts: () => undefined },
    policy,
    line: {
      takeContexts: () => {
        const taken = contexts;
        contexts = CONTEXT_INTERRUPT;
        return taken;
      },
    },
    doorbell: null,
    control: {
      get running() {
        return made < polls;
      },
    },
    self: null,
    reschedule,
  };
  new SoftirqLoop(parts as unknown as SoftirqLoopParts).run();
  return visits;
}

describe('an inline visit of the softirq thread', () => {
  it('goes on for all its sweeps where nobody else is to run', () => {
    expect(visitsOf(20, { contexts: CONTEXT_INTERRUPT })).toEqual([10, 10]);
  });

  it('ends after its first sweep where a tick finds the turn of whom it interrupted over', () => {
    expect(visitsOf(11, { contexts: CONTEXT_TICK })).toEqual([1, 10]);
  });

  it('ends with the sweep in which it woke a thread of its core', () => {
    expect(visitsOf(13, { contexts: CONTEXT_INTERRUPT, wakesAtPoll: 3 })).toEqual([3, 10]);
  });
});

it('the doorbells it hears of are those of the other threads on its core', () => {
  const plan = ['softirq0', 'vhost', 'vcpu', 'hardware0'].map((name, i) => {
    return { name, doorbell: { buffer: 'signals', offsetBytes: 128 * i, bytes: 128 } };
  });
  const assigned = [0, 0, 0, 1].map((core, i) => ({ name: plan[i].name, core }));
  expect(doorbellsBeside('softirq0', plan, assigned)).toEqual([128, 256]);
  expect(doorbellsBeside('hardware0', plan, assigned)).toEqual([]);
});
