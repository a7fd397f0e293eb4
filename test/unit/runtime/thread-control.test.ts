import { expect, it } from 'vitest';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { ThreadCaller, ThreadControl, reserveThreadControl } from '../../../src/runtime/threads/thread-control.ts';

it('keeps a thread that is late from staying in its loop without having heard of it', () => {
  const arena = new Arena('signals');
  const region = reserveThreadControl(arena);
  const memory = new Memory('test', [['signals', new SharedArrayBuffer(arena.bytes)]]);
  const caller = new ThreadCaller(memory, region);
  const control = new ThreadControl(memory, region);
  const first = caller.callIn();
  caller.callOut();
  const second = caller.callIn();
  control.enter(first);
  expect(control.running).toBe(false);
  control.enter(second);
  expect(control.running).toBe(true);
  caller.callOut();
  expect(control.running).toBe(false);
});
