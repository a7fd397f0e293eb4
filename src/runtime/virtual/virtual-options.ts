import type { VirtualCosts } from './virtual-costs.ts';
import { MEASURED_COSTS } from './virtual-costs.ts';

export interface VirtualHostOptions {
  /** Decides the order of what is simultaneous, the phase of hardware polls, and all that `jitter` does. */
  readonly seed: number;
  /** Virtual CPUs, hardware's included; threads are placed by the rule of `planCores`. */
  readonly cpus: number;
  /** CPU by thread name, for threads that are not to be placed by the rule. */
  readonly placement: Readonly<Record<string, number>>;
  readonly costs: VirtualCosts;
  /**
   * From 0 to 1: how wild a schedule may be, for tests that look for rare ones. At 1 every second turn of a thread is
   * cut short at a random point if another waits, the next thread is drawn by lot, and wake-ups are late up to tenfold.
   */
  readonly jitter: number;
}

export const VIRTUAL_HOST_DEFAULTS: VirtualHostOptions = {
  seed: 1,
  cpus: 2,
  placement: {},
  costs: MEASURED_COSTS,
  jitter: 0,
};
