import { describe, expect, it } from 'vitest';
import { coresMoved, describeDistance } from '../../../src/runtime/os/core-distance.ts';

describe('the distance of two cores', () => {
  it('is said in one figure', () => {
    expect(describeDistance({ cores: [1, 0], lastNs: 121, leastNs: 106.6, mostNs: 121 })).toBe(
      'cache line from core 1 to core 0 and back: 107 ns',
    );
  });

  it('has not changed where only the first measurement took longer', () => {
    expect(coresMoved({ cores: [1, 0], lastNs: 54, leastNs: 54, mostNs: 117 })).toBe(false);
    expect(coresMoved({ cores: [1, 0], lastNs: 326, leastNs: 120, mostNs: 326 })).toBe(true);
  });

  it('is said in two where they were moved during the run', () => {
    expect(describeDistance({ cores: [1, 0], lastNs: 121, leastNs: 107, mostNs: 512 })).toBe(
      'cache line from core 1 to core 0 and back: 107 to 512 ns, the cores were moved meanwhile: the figures are of both',
    );
  });
});
