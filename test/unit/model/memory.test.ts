/**
 * Every interleaving of the shared-memory mechanisms, small enough to run with every change; test/model has larger
 * ones.
 */
import { describe, expect, test } from 'vitest';
import { explore } from '../../support/interleaving.ts';
import {
  doorbellModel,
  eventModel,
  feedbackModel,
  interruptModel,
  lockModel,
  magazineModel,
  ringModel,
} from '../../support/memory-models.ts';
import { softirqLineModel } from '../../support/softirq-line-model.ts';
import { pollListModel } from '../../support/pending-queue-model.ts';
import { returnsModel } from '../../support/shared-set-model.ts';

describe('holds in every order', () => {
  test.each([0, 0x7fff_fffe, -2])('id ring, indices from %i', (start) => {
    expect(explore(ringModel({ ids: 4, batch: 2, start })).states).toBeGreaterThan(100);
  });
  test('doorbell with two ringers', () => {
    expect(explore(doorbellModel({ ringers: 2, events: 1 })).states).toBeGreaterThan(100);
  });
  test('event word', () => {
    expect(explore(eventModel({ events: 3 })).states).toBeGreaterThan(100);
  });
  test('interrupt line', () => {
    expect(explore(interruptModel({ frames: 2 })).states).toBeGreaterThan(100);
  });
  test('softirq line: parked, awake and ksoftirqd', () => {
    expect(explore(softirqLineModel({ raisers: 2 })).states).toBeGreaterThan(100);
  });
  test('feedback of a tap', () => {
    expect(explore(feedbackModel({ frames: 2, highMark: 1 })).states).toBeGreaterThan(100);
  });
  test('spin lock', () => {
    expect(explore(lockModel({ threads: 2, rounds: 2 })).states).toBeGreaterThan(100);
  });
  test('magazines over one depot', () => {
    expect(explore(magazineModel({ threads: 2, entries: 3 })).states).toBeGreaterThan(100);
  });
  test.each([[[1, 2]], [[1, 40]]])('poll list of rings %j', (numbers) => {
    expect(explore(pollListModel({ numbers, frames: 1 })).states).toBeGreaterThan(100);
  });
  test('slots on their way home', () => {
    const batches = [
      [0, 1, 40],
      [2, 41],
    ];
    expect(explore(returnsModel({ batches, takes: 2 })).states).toBeGreaterThan(100);
  });
});

describe('a planted fault is found', () => {
  test.each(['publish before write', 'release before read'] as const)('ring: %s', (fault) => {
    expect(() => explore(ringModel({ ids: 4, batch: 2, start: 0, fault }))).toThrow(/id: \d+, not \d/);
  });
  test('doorbell: sleeping without a second look', () => {
    const model = doorbellModel({ ringers: 1, events: 1, fault: 'no second look' });
    expect(() => explore(model)).toThrow('waiting for ever: sleeper');
  });
  test('event word: looking before taking', () => {
    expect(() => explore(eventModel({ events: 2, fault: 'look before take' }))).toThrow('waiting for ever: taker');
  });
  test('interrupt line: a cause forgotten while masked', () => {
    const model = interruptModel({ frames: 3, fault: 'cause forgotten while masked' });
    expect(() => explore(model)).toThrow('waiting for ever: cpu');
  });
  test('softirq line: sleeping without a second look', () => {
    const model = softirqLineModel({ raisers: 2, fault: 'no second look' });
    expect(() => explore(model)).toThrow('waiting for ever: softirq');
  });
  test('feedback: waking the reader before the mask is set', () => {
    const model = feedbackModel({ frames: 2, highMark: 1, fault: 'signal before mask' });
    expect(() => explore(model)).toThrow('port masked by: 1, not 0');
  });
  test.each(['look before clearing', 'no second look', 'announced before published'] as const)(
    'poll list: %s',
    (fault) => {
      const model = pollListModel({ numbers: [1], frames: 2, fault });
      expect(() => explore(model)).toThrow('waiting for ever: reader');
    },
  );
  test('no lock', () => {
    expect(() => explore(lockModel({ threads: 2, rounds: 1, fault: 'no lock' }))).toThrow('sum: 1, not 2');
  });
  test('magazines: a lock that does not lock', () => {
    const model = magazineModel({ threads: 2, entries: 3, fault: 'lock let go too early' });
    expect(() => explore(model)).toThrow('entries');
  });
});
