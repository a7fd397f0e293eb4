import { describe, expect, it } from 'vitest';
import { describeDistance } from '../../src/runtime/core-distance.ts';

describe('the distance of two cores', () => {
  it('is said in one figure', () => {
    expect(describeDistance({ cores: [1, 0], lastNs: 121, leastNs: 106.6, mostNs: 121 })).toBe(
      'cache line from core 1 to core 0 and back: 107 ns',
    );
  });

  it('is said in two where they were moved during the run', () => {
    expect(describeDistance({ cores: [1, 0], lastNs: 121, leastNs: 107, mostNs: 512 })).toBe(
      'cache line from core 1 to core 0 and back: 107 to 512 ns, the cores were moved meanwhile: the figures are of both',
    );
  });
});
