/** Limits of different parts that only work together. */
import { expect, test } from 'vitest';
import { LIMITS, assertLimits } from '../../../src/plan/limits.ts';

test('the limits there are fit together', () => {
  expect(() => assertLimits()).not.toThrow();
});

test.each([
  ['a poll that overfills the hand-over ring', { pollFrames: 1025 }, 'at least 1025 are needed'],
  ['a ring of less than a poll', { handoverFrames: 63 }, 'holds 63 frames, but one poll may put 64 on it'],
  ['as many connections as source ports', { proxiedConnections: 63_488 }, 'only 64512 source ports'],
])('says what is wrong with %s', (_, changed, message) => {
  expect(() => assertLimits({ ...LIMITS, ...changed })).toThrow(message);
});
