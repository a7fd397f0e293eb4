// The bridge's forwarding database: which port a MAC address was last seen on (Linux net/bridge/br_fdb.c).
//
// Open addressing with linear probing, at most half full, 16 bytes an entry so that a hit is one cache line:
//
//   word 0                            word 1              words 2..3
//   | port + 1 << 16 | MAC high 16    | MAC low 32        | last seen, ns, one float64 |
//
// Word 0 is zero in an empty slot. Removal shifts later entries of the cluster back, so there are no tombstones and a
// miss ends at the first empty slot. One actor owns the table: it is private memory, no word is shared.

const ENTRY_WORDS = 4;
const ENTRY_DOUBLES = 2;
const CAPACITY_MIN = 64;
const PORT_SHIFT = 16;
const MAC_HIGH_MASK = 0xffff;

/** BR_DEFAULT_AGEING_TIME, 300 s (br_dev_setup, net/bridge/br_device.c). */
export const FDB_AGEING_NS = 300e9;
/** BR_MAX_PORTS: ports are 0..1023 (net/bridge/br_private.h). */
export const FDB_PORTS_MAX = 1024;
/** Answer of a lookup that found no entry, or one that has expired. */
export const FDB_MISS = -1;

/** The address was known on this port; its time was refreshed. */
export const FDB_REFRESHED = 0;
/** The address was not known and is now. */
export const FDB_LEARNED = 1;
/** The address was known on another port and has moved (br_fdb_update). */
export const FDB_MOVED = 2;
/** The table is at its learning limit: the address was not learned, the frame is forwarded all the same. */
export const FDB_LIMIT = 3;

export interface FdbOptions {
  /** Age at which an entry no longer counts. */
  readonly ageingNs?: number;
  /** fdb_max_learned: entries learned at most, 0 for no limit. Expired entries count until `age` removes them. */
  readonly learnedMax?: number;
  /** Entries to make room for at once; the table grows beyond it, which copies the whole table within one `learn`. */
  readonly expectedEntries?: number;
}

/** Forwarding database of one bridge. Times are nanoseconds of one monotonic clock; MAC addresses as in ethernet.ts. */
export class Fdb {
  private readonly ageingNs: number;
  private readonly learnedMax: number;
  private words: Int32Array;
  private seenNs: Float64Array;
  private mask: number;
  /** Bits of a hash that are not used: 32 minus the logarithm of the capacity. */
  private shift: number;
  private entries = 0;
  private cursor = 0;

  constructor(options: FdbOptions = {}) {
    this.ageingNs = options.ageingNs ?? FDB_AGEING_NS;
    this.learnedMax = options.learnedMax ?? 0;
    let capacity = CAPACITY_MIN;
    while (capacity < (options.expectedEntries ?? 0) * 2) capacity *= 2;
    const buffer = new ArrayBuffer(capacity * ENTRY_WORDS * 4);
    this.words = new Int32Array(buffer);
    this.seenNs = new Float64Array(buffer);
    this.mask = capacity - 1;
    this.shift = Math.clz32(this.mask);
  }

  /** Entries held, expired ones included until `age` has come by. */
  get size(): number {
    return this.entries;
  }

  /** Slots of the table: what one full sweep of `age` has to look at. */
  get capacity(): number {
    return this.mask + 1;
  }

  /**
   * Notes that `port` (0..1023) received a frame from this address. Returns one of the `FDB_` outcomes. Group addresses
   * and the zero address are the caller's to refuse.
   */
  learn(macHigh: number, macLow: number, port: number, nowNs: number): number {
    const slot = this.slotOf(macHigh, macLow);
    const words = this.words;
    const tag = ((port + 1) << PORT_SHIFT) | macHigh;
    const present = words[slot * ENTRY_WORDS];
    if (present !== 0) {
      this.seenNs[slot * ENTRY_DOUBLES + 1] = nowNs;
      if (present === tag) return FDB_REFRESHED;
      words[slot * ENTRY_WORDS] = tag;
      return FDB_MOVED;
    }
    if (this.learnedMax !== 0 && this.entries >= this.learnedMax) return FDB_LIMIT;
    this.put(slot, tag, macLow, nowNs);
    this.entries += 1;
    if (this.entries * 2 > this.mask) this.grow();
    return FDB_LEARNED;
  }

  /** Port of an address, or -1 when it is unknown or has expired (has_expired, br_fdb.c). */
  lookup(macHigh: number, macLow: number, nowNs: number): number {
    const slot = this.slotOf(macHigh, macLow);
    const tag = this.words[slot * ENTRY_WORDS];
    if (tag === 0 || this.seenNs[slot * ENTRY_DOUBLES + 1] + this.ageingNs <= nowNs) return FDB_MISS;
    return (tag >>> PORT_SHIFT) - 1;
  }

  /**
   * Removes expired entries from the next `slotsMax` slots and returns how many went. Called regularly it visits every
   * slot in turn; the kernel sweeps its whole table from a work item instead (br_fdb_cleanup).
   */
  age(nowNs: number, slotsMax: number): number {
    let removed = 0;
    let slot = this.cursor & this.mask;
    for (let visited = 0; visited < slotsMax; visited += 1) {
      const expired = this.seenNs[slot * ENTRY_DOUBLES + 1] + this.ageingNs <= nowNs;
      if (this.words[slot * ENTRY_WORDS] !== 0 && expired) {
        this.removeAt(slot);
        removed += 1;
      } else {
        slot = (slot + 1) & this.mask;
      }
    }
    this.cursor = slot;
    return removed;
  }

  /** Removes every entry of a port that is going away and returns how many there were (br_fdb_delete_by_port). */
  forgetPort(port: number): number {
    let removed = 0;
    let slot = 0;
    while (slot <= this.mask) {
      if (this.words[slot * ENTRY_WORDS] >>> PORT_SHIFT === port + 1) {
        this.removeAt(slot);
        removed += 1;
      } else {
        slot += 1;
      }
    }
    return removed;
  }

  /** Slot that holds the address, or the empty slot where it belongs. */
  private slotOf(macHigh: number, macLow: number): number {
    const words = this.words;
    const mask = this.mask;
    let slot = hashMac(macHigh, macLow) >>> this.shift;
    for (;;) {
      const at = slot * ENTRY_WORDS;
      const tag = words[at];
      if (tag === 0 || (words[at + 1] === macLow && (tag & MAC_HIGH_MASK) === macHigh)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private put(slot: number, tag: number, macLow: number, seenNs: number): void {
    this.words[slot * ENTRY_WORDS] = tag;
    this.words[slot * ENTRY_WORDS + 1] = macLow;
    this.seenNs[slot * ENTRY_DOUBLES + 1] = seenNs;
  }

  /**
   * Empties a slot and moves later entries of its cluster back, so that no probe sequence is cut (Knuth 6.4, algorithm
   * R).
   */
  private removeAt(slot: number): void {
    const words = this.words;
    const mask = this.mask;
    let hole = slot;
    for (let next = (hole + 1) & mask; words[next * ENTRY_WORDS] !== 0; next = (next + 1) & mask) {
      const at = next * ENTRY_WORDS;
      const home = hashMac(words[at] & MAC_HIGH_MASK, words[at + 1]) >>> this.shift;
      // An entry may move only to where its own probe sequence still meets it: its home is not within (hole, next].
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        this.put(hole, words[at], words[at + 1], this.seenNs[next * ENTRY_DOUBLES + 1]);
        hole = next;
      }
    }
    words[hole * ENTRY_WORDS] = 0;
    this.entries -= 1;
  }

  private grow(): void {
    const { words, seenNs } = this;
    const buffer = new ArrayBuffer(words.byteLength * 2);
    this.words = new Int32Array(buffer);
    this.seenNs = new Float64Array(buffer);
    this.mask = this.mask * 2 + 1;
    this.shift -= 1;
    for (let at = 0; at < words.length; at += ENTRY_WORDS) {
      if (words[at] === 0) continue;
      const slot = this.slotOf(words[at] & MAC_HIGH_MASK, words[at + 1]);
      this.put(slot, words[at], words[at + 1], seenNs[at / 2 + 1]);
    }
  }
}

/**
 * Fibonacci hashing (Knuth 6.4): the top bits of a product with 2^32 / golden ratio, which spreads consecutive
 * addresses with hardly a collision. Unsalted, so that a seeded run repeats exactly.
 */
function hashMac(macHigh: number, macLow: number): number {
  return Math.imul(macLow ^ Math.imul(macHigh, 0x85ebca6b), 0x9e3779b1);
}
