import { setImmediate as afterEvents } from 'node:timers/promises';
import type { Host } from '../../runtime/host.ts';

/** A rest shorter than this share of the sampling interval is not worth a sample of its own. */
const SLIVER_RATIO = 0.02;

/** Something to be done between two ticks, at moments of the run's clock. */
export interface Errands {
  /** When `step` is to be called next; Infinity when there is nothing to do. */
  readonly nextNs: number;
  step(): Promise<void>;
}

const NO_ERRANDS: Errands = { nextNs: Infinity, step: () => Promise.resolve() };

/**
 * Lets `durationNs` of the run's time pass, with a tick every `tickNs` and one at the end, in step with the beginning
 * however late each tick comes. Ends early, with a tick, when `signal` aborts.
 * @returns whether the whole time has passed.
 */
export async function passTime(
  host: Pick<Host, 'nowNs' | 'advance'>,
  durationNs: number,
  tickNs: number,
  signal: AbortSignal,
  tick: () => void,
  errands: Errands = NO_ERRANDS,
): Promise<boolean> {
  const startNs = host.nowNs();
  const endNs = startNs + durationNs;
  const { promise: aborted, dispose } = whenAborted(signal);
  try {
    for (let ticks = 1; !signal.aborted; ticks++) {
      const planned = startNs + ticks * tickNs;
      const targetNs = planned > endNs - tickNs * SLIVER_RATIO ? endNs : planned;
      await advanceTo(host, targetNs, signal, aborted, errands);
      // Virtual time passes without this process ever waiting: signals and timers are heard here.
      await afterEvents();
      tick();
      if (targetNs === endNs && !signal.aborted) return true;
    }
    return false;
  } finally {
    dispose();
  }
}

async function advanceTo(
  host: Pick<Host, 'nowNs' | 'advance'>,
  targetNs: number,
  signal: AbortSignal,
  aborted: Promise<void>,
  errands: Errands,
): Promise<void> {
  while (!signal.aborted) {
    const untilNs = Math.min(targetNs, errands.nextNs);
    const leftNs = untilNs - host.nowNs();
    if (leftNs > 0) await host.advance(leftNs, aborted);
    if (untilNs === targetNs) return;
    await errands.step();
  }
}

/** Settles when the signal aborts; dispose when nobody waits any more. */
export function whenAborted(signal: AbortSignal): { promise: Promise<void>; dispose: () => void } {
  let listener: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    listener = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', listener, { once: true });
  });
  return { promise, dispose: () => signal.removeEventListener('abort', listener) };
}
