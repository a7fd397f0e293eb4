import type { VirtualCosts } from './virtual-costs.ts';
import { MEASURED_COSTS } from './virtual-costs.ts';

/** The modelled operating system's scheduler. */
export interface SchedulerLimits {
  /**
   * Time a fair thread may run while another waits. sysctl_sched_base_slice, 0.7 ms times 1 + log2(CPUs), is 1.4 ms on
   * two CPUs (kernel/sched/fair.c, get_update_sysctl_factor()). Slices end on time, as with CONFIG_SCHED_HRTICK.
   */
  readonly sliceNs: number;
  /**
   * How far, in weighted time, a woken thread must be behind the running one to preempt it within its slice. A slice
   * comes near EEVDF's slice protection (RUN_TO_PARITY); CFS had sysctl_sched_wakeup_granularity, 1 ms times 1 +
   * log2(CPUs).
   */
  readonly wakeupGranularityNs: number;
  /**
   * How far, in weighted time, a thread that slept long is placed behind the others. EEVDF gives a sleeper no credit
   * beyond the lag it left with (place_entity()); CFS gave half of sysctl_sched_latency (GENTLE_FAIR_SLEEPERS).
   */
  readonly wakeupCreditNs: number;
  /** Taken from the incoming thread each time a CPU changes threads. */
  readonly switchNs: number;
  /** From the ring of a doorbell until the sleeper is on the run queue: on the ringer's CPU, and on another one. */
  readonly wakeLocalNs: number;
  readonly wakeRemoteNs: number;
}

export interface VirtualHostOptions {
  /** Decides the order of what is simultaneous, the phase of hardware polls, and all that `jitter` does. */
  readonly seed: number;
  /** Virtual CPUs, hardware's included; threads are placed by the rule of `planCores`. */
  readonly cpus: number;
  /** CPU by thread name, for threads that are not to be placed by the rule. */
  readonly placement: Readonly<Record<string, number>>;
  /**
   * Mean time until a hardware thread is polled again after it moved frames, and after it moved none. Hardware that
   * polls rarely is late by as much.
   */
  readonly hardwarePollNs: number;
  readonly hardwareIdlePollNs: number;
  readonly costs: VirtualCosts;
  readonly scheduler: SchedulerLimits;
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
  hardwarePollNs: 2000,
  hardwareIdlePollNs: 4000,
  costs: MEASURED_COSTS,
  scheduler: {
    sliceNs: 1.4e6,
    wakeupGranularityNs: 1.4e6,
    wakeupCreditNs: 0,
    switchNs: 1500,
    wakeLocalNs: 2000,
    wakeRemoteNs: 5000,
  },
  jitter: 0,
};
