/**
 * How softirq work reaches a CPU's softirq thread, and what the thread is at the moment.
 *
 *     word  0         state       AWAKE, PARKED (both as in doorbell.ts), or DEFERRED: the thread is ksoftirqd now
 *     word 32 (128 B) contexts    who asked for an inline visit: a CONTEXT_ bit each, or-ed in by anyone
 *     word 33         tid         the kernel's number of the thread, by itself; NOT_LIFTED where the guard is
 *
 * While the thread is parked, raising wakes it, in interrupt class, above whatever ran on its CPU: that is an inline
 * visit. While it is ksoftirqd, raising lifts it back into interrupt class for one more visit, because Linux runs
 * pending softirqs inline at the next interrupt exit or BH-enable whether ksoftirqd was woken or not; except where the
 * kernel has the ksoftirqd_running() guard: such a thread gives no number to lift. While it is awake and inline
 * already, it will find the work by itself.
 */
import type { Memory, Region, Arena } from '../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../memory/arena.ts';
import { wake } from '../memory/doorbell.ts';

const STATE_WORD = 0;
const CONTEXTS_WORD = WRITER_STRIDE_BYTES / 4;
const TID_WORD = CONTEXTS_WORD + 1;

const AWAKE = 0;
const PARKED = 1;
const DEFERRED = 2;

/** In place of a thread's number: softirq work that ksoftirqd holds stays with it. */
export const NOT_LIFTED = -1;

/** irq_exit() of a device interrupt. */
export const CONTEXT_INTERRUPT = 1;
/** local_bh_enable() or do_softirq() at the end of a thread's own transmission (netif_rx_ni, tun_get_user). */
export const CONTEXT_BH_ENABLE = 2;
/** irq_exit() of the timer interrupt. */
export const CONTEXT_TICK = 4;

/** Reserves the line of one softirq CPU. Its first word serves as the thread's doorbell. */
export function reserveSoftirqLine(arena: Arena): Region {
  return arena.reserve(2 * WRITER_STRIDE_BYTES);
}

/** The raising end, held by devices, by threads that transmit, and by the tick. */
export class SoftirqRaiser {
  private readonly words: Int32Array;
  private readonly memory: Memory;

  constructor(memory: Memory, line: Region) {
    this.words = memory.words(line);
    this.memory = memory;
  }

  /** True while the thread is ksoftirqd: pending softirq work that is not being run inline. */
  get deferred(): boolean {
    return Atomics.load(this.words, STATE_WORD) === DEFERRED;
  }

  /** Asks for an inline visit. @returns true when a sleeping thread was woken. */
  raise(context: number): boolean {
    const words = this.words;
    const state = Atomics.load(words, STATE_WORD);
    if (state === AWAKE) return false;
    Atomics.or(words, CONTEXTS_WORD, context);
    if (state === DEFERRED) {
      const { lift } = this.memory;
      const tid = Atomics.load(words, TID_WORD);
      if (lift === null || tid === NOT_LIFTED) return false;
      if (Atomics.compareExchange(words, STATE_WORD, DEFERRED, AWAKE) === DEFERRED) lift(tid);
      return false;
    }
    if (Atomics.compareExchange(words, STATE_WORD, PARKED, AWAKE) !== PARKED) return false;
    wake(words);
    return true;
  }
}

/** The thread's own end. */
export class SoftirqLine {
  private readonly words: Int32Array;

  constructor(memory: Memory, line: Region) {
    this.words = memory.words(line);
  }

  /** Says which thread to lift, or NOT_LIFTED. */
  set tid(tid: number) {
    Atomics.store(this.words, TID_WORD, tid);
  }

  /** The contexts asked for since the last look, as CONTEXT_ bits. */
  takeContexts(): number {
    return Atomics.exchange(this.words, CONTEXTS_WORD, 0);
  }

  /** From now on the thread is ksoftirqd; it drops to its peers' level right after saying so. */
  defer(): void {
    Atomics.store(this.words, STATE_WORD, DEFERRED);
  }

  /** True once somebody has lifted the thread out of ksoftirqd. */
  get lifted(): boolean {
    return Atomics.load(this.words, STATE_WORD) !== DEFERRED;
  }

  /** The thread is itself again and about to park. */
  undefer(): void {
    Atomics.store(this.words, STATE_WORD, AWAKE);
  }
}
