import { expect, it } from 'vitest';
import { findKeys, keyIndex } from '../../../../src/experiment/catalogue/key-index.ts';

const paths = (word: string): string[] => findKeys(keyIndex(), word).map(({ path }) => path);

it('a key is found by its path, however an element is written, and by the end of its path', () => {
  const ring = ['ports[].rxRing'];
  for (const word of ['ports[].rxRing', 'ports[0].rxRing', 'ports.3.rxRing', 'rxRing'])
    expect(paths(word)).toEqual(ring);
  expect(paths('scheduler.slice')).toEqual(['host.scheduler.slice', 'hosts[].scheduler.slice']);
  expect(paths('xRing')).toEqual([]);
});

it('a key that functions have in common is told once for each meaning', () => {
  const found = findKeys(keyIndex(), 'nf.kind').map(({ meaning }) => meaning);
  expect(new Set(found).size).toBe(found.length);
  expect(found.length).toBeGreaterThan(5);
});

it('every key of the schema says what it means, and those of the scheduler where the number comes from', () => {
  const entries = keyIndex();
  expect(entries.length).toBeGreaterThan(200);
  expect(entries.filter(({ meaning }) => meaning.trim() === '')).toEqual([]);
  const scheduler = entries.filter(({ path }) => path.startsWith('host.scheduler.'));
  expect(scheduler).toHaveLength(6);
  for (const { meaning } of scheduler) expect(meaning).toMatch(/kernel\/sched|estimate|bench measures/);
});
