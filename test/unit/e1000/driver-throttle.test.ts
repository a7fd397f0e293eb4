import { expect, test } from 'vitest';
import { FIRST_ITR, InterruptThrottle } from '../../../src/e1000/driver/driver-throttle.ts';

const UNCHANGED = -1;
const itr = (rate: number): number => Math.floor(1e9 / (rate * 256));

/** What follows an interrupt with so many received and sent frames of a length. */
function after(throttle: InterruptThrottle, frames: number, bytes: number, sent = 0, sentBytes = 60): number {
  throttle.begin();
  throttle.rxFrames = frames;
  throttle.rxBytes = frames * bytes;
  throttle.txFrames = sent;
  throttle.txBytes = sent * sentBytes;
  return throttle.next();
}

test('begins with 20,000 interrupts a second, and light traffic or none leaves it there', () => {
  const throttle = new InterruptThrottle();
  expect(FIRST_ITR).toBe(195);
  expect([after(throttle, 0, 0), after(throttle, 1, 60), after(throttle, 64, 60)]).toEqual([-1, -1, -1]);
});

/** One that has seen light traffic: only then does it tell bulk. */
function settled(): InterruptThrottle {
  const throttle = new InterruptThrottle();
  after(throttle, 1, 60);
  return throttle;
}

test('long frames, a few of them or many, are bulk, whichever way they go', () => {
  expect(after(settled(), 8, 1500)).toBe(itr(4000));
  expect(after(settled(), 64, 1500)).toBe(itr(4000));
  expect(after(settled(), 0, 0, 8, 1500)).toBe(itr(4000));
  expect(after(settled(), 20, 600)).toBe(UNCHANGED);
});

test('bulk stays bulk between 6,000 and 25,000 bytes; beyond with many frames, and below, the rate climbs by steps', () => {
  const throttle = settled();
  after(throttle, 8, 1500);
  expect(after(throttle, 8, 1000)).toBe(UNCHANGED);
  expect(after(throttle, 20, 1500)).toBe(UNCHANGED);
  const climb = [after(throttle, 40, 700), ...[1, 2, 3].map(() => after(throttle, 20, 100))];
  expect(climb).toEqual([itr(9000), itr(14_000), itr(19_000), itr(20_000)]);
  expect(after(throttle, 20, 100)).toBe(UNCHANGED);
});
