import { expect, test } from 'vitest';
import { BacklogDrops } from '../../../src/runtime/kernel/backlog-drops.ts';

/** softnet_stat of two CPUs that have dropped so many. */
function softnet(...dropped: readonly number[]): string {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  return dropped
    .map((frames, cpu) => [hex(99), hex(frames), ...Array<string>(10).fill(hex(0)), hex(cpu)].join(' '))
    .join('\n');
}

test('lays to the backlog what the CPUs of the run counted, and nothing of before or of other CPUs', () => {
  const drops = new BacklogDrops([0], softnet(7, 5));
  drops.refresh(softnet(17, 500), new Map([['eth0.w', 30]]));
  expect(drops.of('eth0.w')).toBe(10);
});

test('keeps what the CPU has counted before the device did, and never takes anything back', () => {
  const drops = new BacklogDrops([0, 1], softnet(0, 0));
  drops.refresh(softnet(4, 3), new Map([['a', 5]]));
  expect(drops.of('a')).toBe(5);
  drops.refresh(
    softnet(4, 3),
    new Map([
      ['a', 9],
      ['b', 9],
    ]),
  );
  expect([drops.of('a'), drops.of('b')]).toEqual([7, 0]);
});
