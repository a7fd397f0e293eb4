/**
 * A free list shared by several threads, and the private magazines that keep them away from its lock (Bonwick and
 * Adams, "Magazines and Vmem", USENIX 2001): a thread allocates from and frees to its own magazine, and exchanges half
 * a magazine with the depot when it runs empty or full.
 *
 *     word  0         lock
 *     word 32 (128 B) count, then `capacity` entries; both only touched under the lock
 */
import type { Memory, Region, Arena } from './arena.ts';
import { WRITER_STRIDE_BYTES } from './arena.ts';
import { SpinLock } from './spin-lock.ts';

const COUNT_WORD = WRITER_STRIDE_BYTES / 4;
const ENTRIES_WORD = COUNT_WORD + 1;

/** Reserves a depot for at most `capacity` entries. */
export function reserveDepot(arena: Arena, capacity: number): Region {
  return arena.reserve(WRITER_STRIDE_BYTES + (1 + capacity) * 4);
}

/** Fills a depot that nobody uses yet. */
export function fillDepot(memory: Memory, region: Region, entries: readonly number[]): void {
  const words = memory.words(region);
  words.set(entries, ENTRIES_WORD);
  words[COUNT_WORD] = entries.length;
}

/** The entries lying in a depot, for stock-taking. */
export function depotEntries(memory: Memory, region: Region): number[] {
  const words = memory.words(region);
  return Array.from(words.slice(ENTRIES_WORD, ENTRIES_WORD + words[COUNT_WORD]));
}

/** One thread's magazine over a shared depot. */
export class Magazine {
  private readonly lock: SpinLock;
  private readonly depot: Int32Array;
  /** Room for every entry there is, so that taking one back never waits for the depot's lock. */
  private readonly rounds: Int32Array;
  private readonly size: number;
  private count = 0;

  /** @param size entries above which half a magazine goes back to the depot. */
  constructor(memory: Memory, depot: Region, size: number) {
    this.lock = new SpinLock(memory, depot);
    this.depot = memory.words(depot);
    this.rounds = new Int32Array(this.depot.length - ENTRIES_WORD);
    this.size = size;
  }

  /** Entries that `take` can give now, after a visit to the depot when fewer than `wanted` are at hand. */
  available(wanted: number): number {
    if (this.count < wanted) this.exchange(Math.max(this.size >> 1, wanted));
    return this.count;
  }

  /** One entry; the caller has checked `available`. */
  take(): number {
    return this.rounds[--this.count];
  }

  /** Takes an entry back; a full magazine goes to the depot if its lock is free. */
  put(entry: number): void {
    if (this.count >= this.size) this.exchange(this.size >> 1);
    this.rounds[this.count++] = entry;
  }

  /** Fills or empties the magazine to `level` entries, as far as the depot reaches; nothing when its lock is taken. */
  private exchange(level: number): void {
    if (!this.lock.tryAcquire()) return;
    const depot = this.depot;
    let inDepot = depot[COUNT_WORD];
    while (this.count < level && inDepot > 0) this.rounds[this.count++] = depot[ENTRIES_WORD + --inDepot];
    while (this.count > level) depot[ENTRIES_WORD + inDepot++] = this.rounds[--this.count];
    depot[COUNT_WORD] = inDepot;
    this.lock.release();
  }

  /** The entries in this magazine, for stock-taking. */
  entries(): number[] {
    return Array.from(this.rounds.subarray(0, this.count));
  }
}
