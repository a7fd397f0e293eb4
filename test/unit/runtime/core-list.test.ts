import { describe, expect, it } from 'vitest';
import { formatCoreList, parseCoreList } from '../../../src/runtime/os/core-list.ts';

describe('kernel core lists', () => {
  it.each([
    ['0', [0]],
    ['0-3,8', [0, 1, 2, 3, 8]],
    ['5,1-2\n', [1, 2, 5]],
    ['0-1,1-2', [0, 1, 2]],
  ])('reads %j', (text, cores) => {
    expect(parseCoreList(text)).toEqual(cores);
  });

  it.each(['', 'all', '0-', '1;2', '-1'])('refuses %j and says what a list looks like', (text) => {
    expect(() => parseCoreList(text)).toThrow(/not a list of cores such as 0-3,8/);
  });

  it.each([
    [[], ''],
    [[4], '4'],
    [[3, 2, 0], '0,2-3'],
    [[0, 1, 2, 3, 8, 10, 11], '0-3,8,10-11'],
  ])('writes %j as %j', (cores, text) => {
    expect(formatCoreList(cores)).toBe(text);
  });
});
