import { expect, it } from 'vitest';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { Doorbell, reserveDoorbell } from '../../../src/memory/doorbell.ts';
import type { ThreadUse } from '../../../src/runtime/host.ts';
import type { Plan } from '../../../src/runtime/plan.ts';
import { StuckWatch } from '../../../src/runtime/threads/stuck-watch.ts';

const arena = new Arena('signals');
const doorbell = reserveDoorbell(arena);
const counterRegion = arena.reserve(16);

/** A vCPU with a module, the second of two threads, and its doorbell and counters. */
function bed() {
  const memory = new Memory('the test', [['signals', new SharedArrayBuffer(arena.bytes)]]);
  const nf = { kind: 'module', module: { path: '/mine.ts' } };
  const vcpu = { name: 'vm0/vcpu0', doorbell, actors: [{ counterRegion, spec: { kind: 'vcpu', config: { nf } } }] };
  const plan = { threads: [{ name: 'hardware0', doorbell, actors: [] }, vcpu] } as unknown as Plan;
  const watch = new StuckWatch(plan, memory);
  const lookAt = (runMs: number): void => watch.look([{}, { runNs: runMs * 1e6 }] as ThreadUse[]);
  return { lookAt, counters: memory.doubles(counterRegion), bell: new Doorbell(memory, doorbell) };
}

it('finds a thread that takes CPU time, counts nothing and does not sleep', () => {
  const { lookAt } = bed();
  lookAt(1000);
  lookAt(6000);
  expect(() => lookAt(6001)).toThrow('thread vm0/vcpu0 in /mine.ts did not return within 5 s');
});

it('lets one go on that counts', () => {
  const { lookAt, counters } = bed();
  for (let runMs = 0; runMs < 20_000; runMs += 4000) {
    counters[1]++;
    lookAt(runMs);
  }
});

it('lets one go on that sleeps between timers of its own and moves no frame', () => {
  const { lookAt, bell } = bed();
  bell.park();
  for (let runMs = 0; runMs < 20_000; runMs += 4000) lookAt(runMs);
  bell.unpark();
  lookAt(21_000);
  expect(() => lookAt(25_000)).toThrow('did not return');
});
