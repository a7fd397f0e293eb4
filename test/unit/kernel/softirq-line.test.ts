import { expect, test } from 'vitest';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import {
  CONTEXT_TICK,
  NOT_LIFTED,
  SoftirqLine,
  SoftirqRaiser,
  reserveSoftirqLine,
} from '../../../src/kernel/softirq-line.ts';

/** A CPU's line, its thread being ksoftirqd, and whom its raisers lifted. */
function deferred(tid: number) {
  const arena = new Arena('signals');
  const region = reserveSoftirqLine(arena);
  const memory = new Memory('the test', [['signals', new SharedArrayBuffer(arena.bytes)]]);
  const lifted: number[] = [];
  memory.lift = (each) => lifted.push(each);
  const line = new SoftirqLine(memory, region);
  line.tid = tid;
  line.defer();
  return { line, raiser: new SoftirqRaiser(memory, region), lifted };
}

test('raising lifts ksoftirqd, once', () => {
  const { line, raiser, lifted } = deferred(41);
  expect([raiser.raise(CONTEXT_TICK), raiser.raise(CONTEXT_TICK)]).toEqual([false, false]);
  expect(lifted).toEqual([41]);
  expect(line.lifted).toBe(true);
});

test('with the guard it stays ksoftirqd, and learns what was asked', () => {
  const { line, raiser, lifted } = deferred(NOT_LIFTED);
  expect(raiser.raise(CONTEXT_TICK)).toBe(false);
  expect(lifted).toEqual([]);
  expect(line.lifted).toBe(false);
  expect(line.takeContexts()).toBe(CONTEXT_TICK);
});
