/**
 * What a core takes to go idle and come back: tick_nohz_idle_enter and _exit, the interrupt that wakes, the timer that
 * is set anew. It belongs to no thread and to no idle account, so that it would pass for somebody else's work.
 */
import { nowNs } from '../threads/clock.ts';
import { readIdleStates } from './core-use.ts';

/**
 * The most that is believed: seen on a virtual machine were 1 us where its cores are near each other, 5 us where they
 * are far. What is beyond was somebody else.
 */
const BELIEVED_NS_MAX = 5000;
/** The quickest of so many windows of so many sleeps counts: what disturbs one only makes it longer. */
const WINDOWS = 5;
const SLEEPS = 100;
const SLEEP_MS = 0.05;
/** Fewer idle entries than this in a window were not of our making. */
const ENTRIES_MIN = SLEEPS / 2;

/**
 * Measures it on the core that the calling thread is kept on, by sleeping 500 times for about 0.1 ms.
 * @param ownRunNs run time so far of this process's threads on that core.
 * @returns null where the kernel does not count idle entries, or the core never idled.
 */
export function measureIdleEntryNs(core: number, ownRunNs: () => number): number | null {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  let leastNs = Infinity;
  for (let window = 0; window < WINDOWS; window++) {
    const before = readIdleStates(core);
    if (before === null) return null;
    const [ranNs, sinceNs] = [ownRunNs(), nowNs()];
    for (let i = 0; i < SLEEPS; i++) Atomics.wait(asleep, 0, 0, SLEEP_MS);
    const [elapsedNs, ownNs] = [nowNs() - sinceNs, ownRunNs() - ranNs];
    const after = readIdleStates(core)!;
    const entries = after.entries - before.entries;
    if (entries < ENTRIES_MIN) continue;
    leastNs = Math.min(leastNs, Math.max(0, elapsedNs - ownNs - (after.idleNs - before.idleNs)) / entries);
  }
  return leastNs === Infinity ? null : Math.min(leastNs, BELIEVED_NS_MAX);
}
