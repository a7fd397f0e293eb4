import { useParking } from '../../memory/doorbell.ts';
import { openLibc } from '../os/libc.ts';

/**
 * Has the calling thread sleep and wake by futex(2) itself where koffi is there: each sleeper then waits on its own
 * word, and nobody behind V8's lock. Every thread of a run has to do so, the main thread included.
 * @returns how threads sleep now, for the run header.
 */
export function parkByFutex(): string {
  const { libc, reason } = openLibc();
  if (libc === null) return `Atomics.wait and notify, behind one lock in V8 (${reason})`;
  const { futexWait, futexWake } = libc;
  if (futexWait === null || futexWake === null)
    return `Atomics.wait and notify, behind one lock in V8 (${process.arch})`;
  useParking({ wait: futexWait, wake: futexWake });
  return 'futex(2)';
}
