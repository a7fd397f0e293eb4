/** Two threads that wake each other in turn by their doorbells: how soon a sleeper runs, and what ringing costs. */
import { quantileSorted } from 'simple-statistics';
import type { Memory } from '../../../src/memory/arena.ts';
import { Doorbell, Ringer } from '../../../src/memory/doorbell.ts';
import { nowNs } from '../../../src/runtime/threads/clock.ts';
import type { BenchReport, WakeTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const CALLS_WORD = 0;
const ANSWERS_WORD = 1;
const ANSWERED_AT_DOUBLE = 1;

/** Calls `count` times and keeps of each call that found the other asleep how long it took to answer. */
export function wakeCaller(task: WakeTask, memory: Memory, watch: Stopwatch): BenchReport {
  const [own, other] = task.doorbells;
  const doorbell = new Doorbell(memory, own);
  const ringer = new Ringer(memory, other);
  const words = memory.words(task.stamps);
  const doubles = memory.doubles(task.stamps);
  const latencyNs: number[] = [];
  const costNs: number[] = [];
  watch.beginAlone();
  for (let call = 1; call <= task.count; call++) {
    const beforeNs = nowNs();
    Atomics.store(words, CALLS_WORD, call);
    const slept = ringer.ring();
    const afterNs = nowNs();
    doorbell.park();
    while (Atomics.load(words, ANSWERS_WORD) !== call) {
      doorbell.wait();
      doorbell.park();
    }
    doorbell.unpark();
    if (!slept) continue;
    latencyNs.push(doubles[ANSWERED_AT_DOUBLE] - beforeNs);
    costNs.push(afterNs - beforeNs);
  }
  latencyNs.sort((a, b) => a - b);
  costNs.sort((a, b) => a - b);
  return watch.end({
    latencyNsP50: quantileSorted(latencyNs, 0.5),
    latencyNsP99: quantileSorted(latencyNs, 0.99),
    costNsP50: quantileSorted(costNs, 0.5),
  });
}

/** Answers every call. */
export function wakeAnswerer(task: WakeTask, memory: Memory, watch: Stopwatch): BenchReport {
  const [own, other] = task.doorbells;
  const doorbell = new Doorbell(memory, own);
  const ringer = new Ringer(memory, other);
  const words = memory.words(task.stamps);
  const doubles = memory.doubles(task.stamps);
  watch.beginAlone();
  for (let call = 1; call <= task.count; call++) {
    doorbell.park();
    while (Atomics.load(words, CALLS_WORD) !== call) {
      doorbell.wait();
      doorbell.park();
    }
    doubles[ANSWERED_AT_DOUBLE] = nowNs();
    doorbell.unpark();
    Atomics.store(words, ANSWERS_WORD, call);
    ringer.ring();
  }
  return watch.end();
}
