/**
 * What a guest runs on the frames it receives. One instance per vCPU: nothing is shared between instances but what a
 * function puts into guest memory itself.
 */
export interface NetworkFunction {
  /** Name for reports: `ip-forward`. */
  readonly name: string;
  /** Why frames end here, in words, each with a counter name: the index is what `process` answers. */
  readonly drops: readonly { readonly name: string; readonly reason: string }[];
  /**
   * Handles one frame in place. `bytes[offset]` is the first byte of the Ethernet header; the frame is `length` bytes
   * long, without FCS; `port` is the index of the vNIC it came in by; `nowNs` is the monotonic clock.
   * @returns the index of the vNIC to send it out by, or `dropped(i)` for reason i.
   */
  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number;
}

/** The answer "drop, for reason i of `drops`". */
export function dropped(reason: number): number {
  return -1 - reason;
}
