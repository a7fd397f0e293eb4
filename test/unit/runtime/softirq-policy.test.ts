import { describe, expect, it } from 'vitest';
import { SoftirqPolicy } from '../../../src/runtime/softirq-policy.ts';
import type { SoftirqContext, SoftirqLimits, SoftirqVerdict } from '../../../src/runtime/softirq-policy.ts';

/** v3.13 at HZ 250: MAX_SOFTIRQ_TIME is msecs_to_jiffies(2), one tick there; a sweep may take two. */
const LINUX_3_13: SoftirqLimits = {
  hz: 250,
  sweepBudgetFrames: 300,
  sweepTimeNs: 8e6,
  visitSweepsMax: 10,
  visitTimeNs: 4e6,
  repollList: false,
  ksoftirqdGuard: false,
};
const WEIGHT = 64;
const FRAME_NS = 100;

function policyOf(limits: Partial<SoftirqLimits> = {}): SoftirqPolicy {
  return new SoftirqPolicy({ ...LINUX_3_13, ...limits });
}

/** Polls full weights that take `pollNs` each until the visit ends; what it was and how much it took. */
function flood(
  policy: SoftirqPolicy,
  context: SoftirqContext,
  { startNs = 0, pollNs = WEIGHT * FRAME_NS, needResched = false, scheduled = 1 } = {},
): { verdict: SoftirqVerdict; frames: number; endNs: number } {
  expect(policy.begin(context, scheduled, startNs)).toBe(true);
  let frames = 0;
  let endNs = startNs;
  for (;;) {
    frames += WEIGHT;
    endNs += pollNs;
    const verdict = policy.afterPoll(WEIGHT, scheduled, needResched, endNs);
    if (verdict !== 'continue') return { verdict, frames, endNs };
  }
}

describe('one sweep (net_rx_action)', () => {
  it('begins its last poll with budget left, and so handles 320 frames of a budget of 300', () => {
    const policy = policyOf({ visitSweepsMax: 1 });
    expect(flood(policy, 'interrupt').frames).toBe(320);
    expect(policy.timeSqueeze).toBe(1);
  });

  it('polls each scheduled instance once since v3.19, and that is no squeeze', () => {
    const policy = policyOf({ visitSweepsMax: 1, repollList: true });
    expect(flood(policy, 'interrupt').frames).toBe(64);
    const two = policyOf({ visitSweepsMax: 1, repollList: true });
    expect(flood(two, 'interrupt', { scheduled: 2 }).frames).toBe(128);
    expect(two.timeSqueeze).toBe(0);
    const ten = policyOf({ visitSweepsMax: 1, repollList: true });
    expect(flood(ten, 'interrupt', { scheduled: 10 }).frames).toBe(320);
    expect(ten.timeSqueeze).toBe(1);
  });

  it('ends after the second tick', () => {
    const policy = policyOf({ visitSweepsMax: 1, sweepBudgetFrames: 1e9 });
    // Begun 1 ms after a tick of 4 ms: the second tick from the last one comes at 8 ms.
    const { endNs } = flood(policy, 'interrupt', { startNs: 1e6, pollNs: 0.5e6 });
    expect(endNs).toBe(8e6);
  });
});

describe('one visit (__do_softirq)', () => {
  it('makes ten sweeps, then leaves the rest to ksoftirqd', () => {
    const policy = policyOf();
    const { verdict, frames } = flood(policy, 'interrupt');
    expect(verdict).toBe('yield');
    expect(frames).toBe(3200);
    expect(policy.handovers).toBe(1);
    expect(policy.ksoftirqdRunnable).toBe(true);
    expect(policy.visiting).toBe(false);
  });

  it('lasts from nothing to one tick at HZ 250, and two ticks at HZ 1000', () => {
    // 1 us a frame: a sweep takes 0.32 ms, so time ends the visit and not the number of sweeps.
    const slow = { pollNs: WEIGHT * 1000 };
    const late = flood(policyOf(), 'interrupt', { startNs: 3.9e6, ...slow });
    expect(late.frames).toBe(320);
    const early = flood(policyOf(), 'interrupt', { startNs: 0, ...slow });
    expect(early.frames).toBe(3200);
    const ticking = policyOf({ hz: 1000, sweepTimeNs: 2e6, visitTimeNs: 2e6 });
    const { endNs } = flood(ticking, 'interrupt', { startNs: 0.5e6, ...slow });
    expect(endNs).toBeGreaterThanOrEqual(2e6);
    expect(endNs).toBeLessThan(2e6 + 0.33e6);
  });

  it('ends after the sweep, not within it, when another thread should run', () => {
    const policy = policyOf();
    expect(flood(policy, 'bh-enable', { needResched: true }).frames).toBe(320);
    expect(policy.use['bh-enable'].frames).toBe(320);
  });

  it('ends idle when nothing is left, and then ksoftirqd has nothing to do', () => {
    const policy = policyOf();
    flood(policy, 'interrupt');
    expect(policy.begin('ksoftirqd', 1, 5e6)).toBe(true);
    expect(policy.afterPoll(10, 0, true, 5.1e6)).toBe('idle');
    expect(policy.ksoftirqdRunnable).toBe(false);
    expect(policy.timeSqueeze).toBe(10);
  });

  it('cannot begin within another', () => {
    const policy = policyOf();
    policy.begin('interrupt', 1, 0);
    expect(() => policy.begin('bh-enable', 1, 1)).toThrow(/begun within another/);
  });

  it('that the host breaks off leaves its work to ksoftirqd', () => {
    const policy = policyOf();
    policy.begin('interrupt', 1, 0);
    policy.abandon();
    expect(policy.visiting).toBe(false);
    expect(policy.ksoftirqdRunnable).toBe(true);
  });
});

describe('ksoftirqd', () => {
  it('yields after one visit, and is not woken again by itself', () => {
    const policy = policyOf();
    flood(policy, 'interrupt');
    expect(flood(policy, 'ksoftirqd', { startNs: 8e6 }).verdict).toBe('yield');
    expect(policy.handovers).toBe(1);
    expect(policy.use.ksoftirqd).toEqual({ visits: 1, frames: 3200, ns: 3200 * FRAME_NS });
  });

  it('does not keep softirq from running inline in v3.13 or v6.5', () => {
    const policy = policyOf();
    flood(policy, 'interrupt');
    expect(policy.begin('interrupt', 1, 9e6)).toBe(true);
    expect(policy.refusals).toBe(0);
  });

  it('keeps softirq from running inline under the guard of v4.9, until all is done', () => {
    const policy = policyOf({ ksoftirqdGuard: true });
    flood(policy, 'interrupt');
    expect(policy.begin('interrupt', 1, 9e6)).toBe(false);
    expect(policy.begin('bh-enable', 1, 9e6)).toBe(false);
    expect(policy.refusals).toBe(2);
    expect(policy.visiting).toBe(false);
    expect(policy.begin('ksoftirqd', 1, 9e6)).toBe(true);
    policy.afterPoll(0, 0, false, 9.1e6);
    expect(policy.begin('interrupt', 1, 10e6)).toBe(true);
  });

  it('is lifted by the next tick', () => {
    const policy = policyOf();
    expect(policy.nextTickNs(0)).toBe(4e6);
    expect(policy.nextTickNs(3_999_999)).toBe(4e6);
    expect(policy.nextTickNs(4e6)).toBe(8e6);
  });
});

describe('threaded NAPI', () => {
  it('knows no budget and makes way between any two polls', () => {
    const policy = policyOf();
    policy.begin('threaded', 1, 0);
    for (let i = 1; i <= 1000; i++) expect(policy.afterPoll(WEIGHT, 1, false, i * 1e6)).toBe('continue');
    expect(policy.afterPoll(WEIGHT, 1, true, 2e9)).toBe('yield');
    expect(policy.timeSqueeze).toBe(0);
    expect(policy.handovers).toBe(0);
  });
});
