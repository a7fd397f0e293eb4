/**
 * How many frames are in the backlog of one CPU: the length of softnet_data's input_pkt_queue (net/core/dev.c), one
 * queue there and a ring for each of its producers here. A producer adds before it publishes and the CPU subtracts
 * after it has taken, so the length never falls below what lies in the rings.
 */
import type { Arena, Memory, Region } from '../memory/arena.ts';

/** Reserves the length of one CPU's backlog, which is empty. */
export function reserveBacklogLength(arena: Arena): Region {
  return arena.reserve(4);
}

export class BacklogLength {
  private readonly words: Int32Array;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
  }

  /** Frames in the backlog, and those about to be. */
  get frames(): number {
    return Atomics.load(this.words, 0);
  }

  /** @param frames that are about to be published; negative when they have been taken. */
  add(frames: number): void {
    Atomics.add(this.words, 0, frames);
  }
}
