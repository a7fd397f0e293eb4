/** The scheduler of a modelled host. Where it is a real one, on the thread host, only `sliceNs` is asked for. */
export interface SchedulerLimits {
  /** Time a fair thread may run while another waits. */
  readonly sliceNs: number;
  /** How far, in weighted time, a woken thread must be behind the running one to preempt it within its slice. */
  readonly wakeupGranularityNs: number;
  /** How far, in weighted time, a thread that slept long is placed behind the others. */
  readonly wakeupCreditNs: number;
  /** Taken from the incoming thread each time a CPU changes threads. */
  readonly switchNs: number;
  /** From the ring of a doorbell until the sleeper is on the run queue: on the ringer's CPU, and on another one. */
  readonly wakeLocalNs: number;
  readonly wakeRemoteNs: number;
}
