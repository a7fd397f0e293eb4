import { openLibc } from '../os/libc.ts';

/** How fast the burning loop runs on this machine, and how it was measured. */
export interface BurnCalibration {
  readonly iterationsPerNs: number;
  /** The thread CPU clock where there is one: it does not count time in which another thread had the core. */
  readonly clock: 'thread cpu' | 'wall';
}

/** Enough calls and iterations for V8 to have optimised the loop before anything is measured. */
const WARM_UP_CALLS = 2_000;
const WARM_UP_ITERATIONS = 1_000;
/** Windows of about 0.1 ms: most of them meet no interrupt and no other thread. */
const WINDOW_ITERATIONS = 100_000;
const WINDOWS_COUNT = 31;
/** One call of the loop, so that its counter stays a small integer: about one second. */
const ITERATIONS_PER_SPIN_MAX = 2 ** 30;

/**
 * Burns declared nanoseconds of CPU time on the calling thread. The work is a count of loop iterations, so a thread
 * that loses its core in the middle still pays all of it afterwards. One burner for each thread.
 */
export class CpuBurner {
  private readonly iterationsPerNs: number;
  private readonly state = new Int32Array(1);
  /** Part of an iteration (about 1 ns) still owed: many tiny burns add up to what they declared. */
  private owed = 0;

  /** `iterationsPerNs` from `calibrateBurn`. Takes some milliseconds, to have the loop optimised on this thread too. */
  constructor(iterationsPerNs: number) {
    if (!(iterationsPerNs > 0)) throw new Error(`a burner needs iterations per ns above 0, not ${iterationsPerNs}`);
    this.iterationsPerNs = iterationsPerNs;
    this.state[0] = warmUp();
  }

  /** Uses `ns` nanoseconds of CPU time; zero and less cost nothing. The call itself adds about 5 ns. */
  burn(ns: number): void {
    if (!(ns > 0)) return;
    let iterations = ns * this.iterationsPerNs + this.owed;
    while (iterations > ITERATIONS_PER_SPIN_MAX) {
      this.state[0] = spin(ITERATIONS_PER_SPIN_MAX, this.state[0]);
      iterations -= ITERATIONS_PER_SPIN_MAX;
    }
    const whole = iterations | 0;
    this.owed = iterations - whole;
    this.state[0] = spin(whole, this.state[0]);
  }
}

/**
 * The loop itself: each step needs the one before (the generator is the one in Numerical Recipes), so it cannot be
 * vectorised, and its result is kept, so it cannot be left out. A function of small integers alone, because a change of
 * any field's representation would throw the optimised code away and make the loop four times slower for a while.
 */
function spin(iterations: number, seed: number): number {
  let state = seed | 0;
  for (let i = iterations | 0; i > 0; i--) state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return state;
}

function warmUp(): number {
  let state = 1;
  for (let i = 0; i < WARM_UP_CALLS; i++) state = spin(WARM_UP_ITERATIONS, state);
  return state;
}

/**
 * Measures the loop, once a process, in about 15 ms; hand the result to worker threads. The middle of the windows
 * counts on the thread CPU clock; on the wall clock the lower quartile does, since losing the core lengthens a window.
 */
export function calibrateBurn(): BurnCalibration {
  const { libc } = openLibc();
  const clockNs = libc === null ? () => performance.now() * 1e6 : () => libc.threadCpuNs();
  let state = warmUp();
  const durationsNs = new Float64Array(WINDOWS_COUNT);
  for (let window = 0; window < WINDOWS_COUNT; window++) {
    const before = clockNs();
    state = spin(WINDOW_ITERATIONS, state);
    durationsNs[window] = clockNs() - before;
  }
  const windowNs = durationsNs.sort()[libc === null ? WINDOWS_COUNT >> 2 : WINDOWS_COUNT >> 1];
  return { iterationsPerNs: WINDOW_ITERATIONS / windowNs, clock: libc === null ? 'wall' : 'thread cpu' };
}
