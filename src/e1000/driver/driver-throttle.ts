/**
 * How many interrupts the driver wants: e1000_update_itr and e1000_set_itr (Linux drivers/net/ethernet/intel/e1000,
 * v3.13) in their default, InterruptThrottleRate=3, dynamic conservative.
 */

/** Classes of traffic, each with a rate of interrupts. The lowest latency, 70,000 a second, is not for this setting. */
const LOWEST_LATENCY = 0;
const LOW_LATENCY = 1;
const BULK_LATENCY = 2;
const LOW_LATENCY_RATE = 20_000;
const BULK_LATENCY_RATE = 4_000;
/** ITR counts in units of 256 ns. */
const UNITS_PER_SECOND = 1e9 / 256;

/** What the driver writes to ITR before it knows its traffic. */
export const FIRST_ITR: number = itrOf(LOW_LATENCY_RATE);

export class InterruptThrottle {
  /** Frames and bytes received and sent since the interrupt that is being served: set to zero by `begin`. */
  rxFrames = 0;
  rxBytes = 0;
  txFrames = 0;
  txBytes = 0;
  private rxClass = LOWEST_LATENCY;
  private txClass = LOWEST_LATENCY;
  /** Interrupts/s. */
  private rate = LOW_LATENCY_RATE;

  /** An interrupt begins. */
  begin(): void {
    this.rxFrames = 0;
    this.rxBytes = 0;
    this.txFrames = 0;
    this.txBytes = 0;
  }

  /** The poll that an interrupt began is complete. @returns what ITR is to be now; -1 when it stays what it is. */
  next(): number {
    this.txClass = conservative(nextClass(this.txClass, this.txFrames, this.txBytes));
    this.rxClass = conservative(nextClass(this.rxClass, this.rxFrames, this.rxBytes));
    const wanted = Math.max(this.rxClass, this.txClass) === BULK_LATENCY ? BULK_LATENCY_RATE : LOW_LATENCY_RATE;
    if (wanted === this.rate) return -1;
    // Up in steps of a quarter, down at once: the driver leans towards bulk.
    this.rate = wanted > this.rate ? Math.min(this.rate + (wanted >> 2), wanted) : wanted;
    return itrOf(this.rate);
  }
}

function itrOf(rate: number): number {
  return Math.floor(UNITS_PER_SECOND / rate);
}

function conservative(latency: number): number {
  return latency === LOWEST_LATENCY ? LOW_LATENCY : latency;
}

/** e1000_update_itr: which class the traffic of one interrupt belongs to. */
function nextClass(latency: number, frames: number, bytes: number): number {
  if (frames === 0) return latency;
  const mean = Math.floor(bytes / frames);
  if (latency === BULK_LATENCY) {
    const light = bytes > 25_000 ? frames > 35 : bytes < 6_000;
    return light ? LOW_LATENCY : BULK_LATENCY;
  }
  if (latency === LOWEST_LATENCY) {
    if (mean > 8_000) return BULK_LATENCY;
    return frames < 5 && bytes > 512 ? LOW_LATENCY : LOWEST_LATENCY;
  }
  if (bytes > 10_000) {
    if (frames < 10 || mean > 1_200) return BULK_LATENCY;
    return frames > 35 ? LOWEST_LATENCY : LOW_LATENCY;
  }
  if (mean > 2_000) return BULK_LATENCY;
  return frames <= 2 && bytes < 512 ? LOWEST_LATENCY : LOW_LATENCY;
}
