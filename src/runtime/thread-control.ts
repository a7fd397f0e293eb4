/**
 * The word by which the main thread calls a busy thread out of its loop.
 *
 *     word  0         command    RUN or LISTEN, written by the main thread
 */
import type { Memory, Region, Arena } from '../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../memory/arena.ts';

const COMMAND_WORD = 0;
const LISTEN = 0;
const RUN = 1;

export function reserveThreadControl(arena: Arena): Region {
  return arena.reserve(WRITER_STRIDE_BYTES);
}

export class ThreadControl {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Main thread: lets the loop run, or calls it out. The thread's doorbell must be rung as well. */
  set running(run: boolean) {
    Atomics.store(this.words, COMMAND_WORD, run ? RUN : LISTEN);
  }

  /** Thread: whether to stay in the loop. */
  get running(): boolean {
    return Atomics.load(this.words, COMMAND_WORD) === RUN;
  }
}
