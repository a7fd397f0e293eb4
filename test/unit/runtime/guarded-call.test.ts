import { describe, expect, it } from 'vitest';
import { callWithin, EndlessCall } from '../../../src/runtime/guarded-call.ts';

describe('a guarded call', () => {
  it('returns what is returned, and throws what is thrown', () => {
    expect(callWithin(1000, 'it', () => 42)).toBe(42);
    const own = new RangeError('own');
    expect(() =>
      callWithin(1000, 'it', () => {
        throw own;
      }),
    ).toThrow(own);
  });

  it('ends what never returns, and the next one is as good as before', () => {
    const endless = (): never => {
      for (;;);
    };
    expect(() => callWithin(50, 'the function', endless)).toThrow(EndlessCall);
    expect(() => callWithin(50, 'the function', endless)).toThrow('the function did not return within 0.05 s');
    expect(callWithin(1000, 'it', () => 'back')).toBe('back');
  });

  it('is no way around for a loop that catches everything', () => {
    const stubborn = (): never => {
      for (;;) {
        try {
          for (;;);
        } catch {
          continue;
        }
      }
    };
    expect(() => callWithin(50, 'it', stubborn)).toThrow(EndlessCall);
  });
});
