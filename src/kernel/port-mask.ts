/**
 * Feedback from a tap to the NIC in front of it: at its high mark the tap has the port masked, at the low mark vhost
 * has it unmasked. A port may stand before several taps; it stays masked while any of them wants it so.
 *
 *     port:  word  0  number of taps that mask it
 *     tap:   word  0  1 while this tap masks its ports;   byte 8  since when, ns, 64-bit float
 */
import type { Memory, Region, Arena } from '../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../memory/arena.ts';
import { InterruptHandler } from './interrupt-line.ts';

const SINCE_DOUBLE = 1;

export function reservePortMask(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

/** One port's mask and the interrupt lines of its receive queues, as the tap and vhost reach them. */
export interface MaskedPortRef {
  readonly mask: Region;
  readonly interrupts: readonly Region[];
}

/** A tap's hold on the ports in front of it. Tap and vhost each have one; either may be first to act. */
export class TapFeedback {
  private readonly own: Int32Array;
  private readonly since: Float64Array;
  private readonly masks: Int32Array[];
  private readonly interrupts: InterruptHandler[][];

  constructor(memory: Memory, own: Region, ports: readonly MaskedPortRef[]) {
    this.own = memory.words(own);
    this.since = memory.doubles(own);
    this.masks = ports.map(({ mask }) => memory.words(mask));
    this.interrupts = ports.map(({ interrupts }) => interrupts.map((line) => new InterruptHandler(memory, line)));
  }

  /** True while this tap masks its ports. */
  get masking(): boolean {
    return Atomics.load(this.own, 0) === 1;
  }

  /** Masks the ports; true when they were not masked by this tap before. */
  mask(nowNs: number): boolean {
    if (this.masking) return false;
    this.since[SINCE_DOUBLE] = nowNs;
    for (let i = 0; i < this.masks.length; i++) Atomics.add(this.masks[i], 0, 1);
    Atomics.store(this.own, 0, 1);
    return true;
  }

  /** Lets go of the ports and unmasks those that no tap masks any more. @returns whether this tap held them. */
  unmask(): boolean {
    if (Atomics.compareExchange(this.own, 0, 1, 0) !== 1) return false;
    for (let i = 0; i < this.masks.length; i++) {
      if (Atomics.sub(this.masks[i], 0, 1) !== 1) continue;
      for (let q = 0; q < this.interrupts[i].length; q++) this.interrupts[i][q].unmask();
    }
    return true;
  }

  /** Since when the ports have been masked, ns; only while `masking`. */
  get sinceNs(): number {
    return this.since[SINCE_DOUBLE];
  }
}

/** The driver's look at its port's mask, and the card's. */
export class PortMask {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  get masked(): boolean {
    return Atomics.load(this.words, 0) > 0;
  }
}
