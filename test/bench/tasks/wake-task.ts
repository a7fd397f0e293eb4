/** A doorbell between two threads: how soon the sleeper runs, and what ringing costs its caller. */
import { quantileSorted } from 'simple-statistics';
import type { Memory } from '../../../src/memory/arena.ts';
import { Doorbell, Ringer } from '../../../src/memory/doorbell.ts';
import { nowNs } from '../../../src/runtime/clock.ts';
import type { BenchReport, WakeTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const WOKEN_WORD = 0;
const STOP_WORD = 1;
const WOKEN_AT_DOUBLE = 1;
/** Longer than any gap between two rings, and short enough to end a bench whose caller died. */

export function wakeCaller(task: WakeTask, memory: Memory, watch: Stopwatch): BenchReport {
  const ringer = new Ringer(memory, task.doorbell);
  const words = memory.words(task.stamps);
  const doubles = memory.doubles(task.stamps);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const latencyNs = new Float64Array(task.count);
  const costNs = new Float64Array(task.count);
  watch.beginAlone();
  for (let i = 0; i < task.count; i++) {
    const woken = Atomics.load(words, WOKEN_WORD) + 1;
    if (i === task.count - 1) Atomics.store(words, STOP_WORD, 1);
    let beforeNs = 0;
    let afterNs = 0;
    do {
      // Long enough for the sleeper to be asleep, on this core or the other.
      Atomics.wait(pause, 0, 0, task.gapMs);
      beforeNs = nowNs();
      if (!ringer.ring()) continue;
      afterNs = nowNs();
    } while (afterNs === 0);
    while (Atomics.load(words, WOKEN_WORD) !== woken) Atomics.wait(pause, 0, 0, task.gapMs);
    latencyNs[i] = doubles[WOKEN_AT_DOUBLE] - beforeNs;
    costNs[i] = afterNs - beforeNs;
  }
  latencyNs.sort();
  costNs.sort();
  return watch.end({
    latencyNsP50: quantileSorted(Array.from(latencyNs), 0.5),
    latencyNsP99: quantileSorted(Array.from(latencyNs), 0.99),
    costNsP50: quantileSorted(Array.from(costNs), 0.5),
  });
}

export function wakeSleeper(task: WakeTask, memory: Memory, watch: Stopwatch): BenchReport {
  const doorbell = new Doorbell(memory, task.doorbell);
  const words = memory.words(task.stamps);
  const doubles = memory.doubles(task.stamps);
  watch.beginAlone();
  while (Atomics.load(words, STOP_WORD) === 0) {
    doorbell.park();
    doorbell.wait();
    doubles[WOKEN_AT_DOUBLE] = nowNs();
    Atomics.add(words, WOKEN_WORD, 1);
  }
  return watch.end();
}
