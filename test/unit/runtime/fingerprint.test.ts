import { describe, expect, it } from 'vitest';
import { preemptionOf, readFingerprint, stealRatioOf } from '../../../src/runtime/os/fingerprint.ts';

describe('the fingerprint of a machine', () => {
  it('is there on any Linux, with null for what it does not say', () => {
    const { cpus, coresAllowed, kernel, text, hz, memoryBytes } = readFingerprint();
    expect(cpus).toBeGreaterThan(0);
    expect(coresAllowed.length).toBeGreaterThan(0);
    expect(text).toContain(`Linux ${kernel}`);
    expect(hz === null || hz >= 24).toBe(true);
    expect(memoryBytes).toBeGreaterThan(2 ** 20);
  });

  it.each([
    ['none voluntary (full) lazy\n', '#1 SMP PREEMPT_DYNAMIC', 'full'],
    [null, '#1 SMP PREEMPT_DYNAMIC Sat Nov 1', 'PREEMPT_DYNAMIC'],
    [null, '#7 SMP PREEMPT Mon', 'PREEMPT'],
    [null, '#92-Ubuntu SMP Mon', null],
  ])('preemption of %j and %j is %j', (debugfs, build, model) => {
    expect(preemptionOf(debugfs, build)).toBe(model);
  });

  it('reads what the hypervisor gave to others from the line of all CPUs', () => {
    expect(stealRatioOf('cpu  10 0 10 60 0 0 10 10 5 0\ncpu0 1 0 0 0 0 0 0 99 0 0\n')).toBe(0.1);
    expect(stealRatioOf('')).toBeNull();
    expect(stealRatioOf('cpu  0 0 0 0 0 0 0 0 0 0\n')).toBeNull();
  });
});
