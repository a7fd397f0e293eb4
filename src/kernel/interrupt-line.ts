/**
 * A device interrupt with its mask. The device raises it at most once per unmasking: raising masks it (as an
 * auto-masking MSI-X vector or a driver that masks in its hard interrupt handler does), and it stays masked until the
 * CPU side unmasks, which napi_complete_done permits and nothing else does.
 *
 *     word  0         unmaskings   counted up by the CPU side (and, in `vhost-feedback`, by vhost at the low mark)
 *     word 32 (128 B) raised       1 from the device's raise until the CPU side takes it
 */
import type { Memory, Region, Arena } from '../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../memory/arena.ts';
import { CONTEXT_INTERRUPT, SoftirqRaiser } from './softirq-line.ts';

const UNMASKINGS_WORD = 0;
const RAISED_WORD = 32;

/** Reserves an interrupt line. */
export function reserveInterruptLine(arena: Arena): Region {
  return arena.reserve(2 * WRITER_STRIDE_BYTES);
}

/** The device's end. */
export class InterruptSource {
  private readonly words: Int32Array;
  private readonly cpu: SoftirqRaiser;
  /** The unmasking for which the interrupt was raised last. A device that comes up has raised for none. */
  private raisedFor = -1;

  /** @param cpu the softirq line of the CPU that takes the interrupt. */
  constructor(memory: Memory, line: Region, cpu: Region) {
    this.words = memory.words(line);
    this.cpu = new SoftirqRaiser(memory, cpu);
  }

  /** True when an interrupt raised now would reach the CPU. */
  get unmasked(): boolean {
    return Atomics.load(this.words, UNMASKINGS_WORD) !== this.raisedFor;
  }

  /** Raises the interrupt and thereby masks it. The caller has checked `unmasked`. */
  raise(): void {
    this.raisedFor = Atomics.load(this.words, UNMASKINGS_WORD);
    Atomics.store(this.words, RAISED_WORD, 1);
    this.cpu.raise(CONTEXT_INTERRUPT);
  }
}

/** The CPU's end: the driver's hard interrupt handler and its NAPI completion. */
export class InterruptHandler {
  private readonly words: Int32Array;

  constructor(memory: Memory, line: Region) {
    this.words = memory.words(line);
  }

  /** True once per raised interrupt. */
  take(): boolean {
    if (Atomics.load(this.words, RAISED_WORD) === 0) return false;
    Atomics.store(this.words, RAISED_WORD, 0);
    return true;
  }

  /** True when an interrupt waits to be taken. */
  get pending(): boolean {
    return Atomics.load(this.words, RAISED_WORD) !== 0;
  }

  /** Lets the device interrupt again. */
  unmask(): void {
    Atomics.add(this.words, UNMASKINGS_WORD, 1);
  }
}
