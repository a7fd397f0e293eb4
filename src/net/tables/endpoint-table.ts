// What is known of transport endpoints, by address, port and protocol.
//
// Open addressing with linear probing in one typed array, four words a slot, so that a lookup that hits at once touches
// one cache line:
//
//   word 0     1                      2       3
//   | address | port << 8 | protocol | value | note |
//
// The second word of an empty slot is 0: protocol 0 (HOPOPT, RFC 8200) has no ports. Entries are removed by shifting
// those behind them back (Knuth, The Art of Computer Programming 6.4, algorithm R), so lookups never meet tombstones.

const SLOT_WORDS = 4;
const SLOT_SHIFT = 2;
const KEY = 1;
const VALUE = 2;
const NOTE = 3;

export const ENDPOINT_ABSENT = -1;
const ABSENT = ENDPOINT_ABSENT;

/** The second half of a key. */
export function portKey(port: number, protocol: number): number {
  return (port << 8) | protocol;
}

/** The port of such a half. */
export function portOfKey(key: number): number {
  return key >>> 8;
}

/** 32 bits, unsigned, that hang on all bits of address and key: the finalizer of MurmurHash3 mixes them. */
export function hashEndpoint(address: number, key: number): number {
  let hash = Math.imul(address, 0x9e37_79b1) ^ key;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** One thread's own. Allocates nothing after construction; a place is good until the next `add` or `remove`. */
export class EndpointTable {
  /** Endpoints there is room for. */
  readonly capacity: number;
  private readonly words: Int32Array;
  private readonly mask: number;
  private used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const slots = 2 ** Math.ceil(Math.log2(2 * Math.max(capacity, 2)));
    this.words = new Int32Array(slots * SLOT_WORDS);
    this.mask = slots * SLOT_WORDS - 1;
  }

  get count(): number {
    return this.used;
  }

  /** Where an endpoint is, or ENDPOINT_ABSENT. Addresses are compared as 32 bits, signed or not. */
  find(address: number, key: number): number {
    const words = this.words;
    const wanted = address | 0;
    for (let at = this.home(wanted, key); ; at = (at + SLOT_WORDS) & this.mask) {
      if (words[at + KEY] === key && words[at] === wanted) return at;
      if (words[at + KEY] === 0) return ABSENT;
    }
  }

  /** Adds an endpoint that is not there. @returns where, or ENDPOINT_ABSENT when the table is full. */
  add(address: number, key: number, value: number, note: number): number {
    if (this.used === this.capacity) return ABSENT;
    const words = this.words;
    let at = this.home(address | 0, key);
    while (words[at + KEY] !== 0) at = (at + SLOT_WORDS) & this.mask;
    words[at] = address;
    words[at + KEY] = key;
    words[at + VALUE] = value;
    words[at + NOTE] = note;
    this.used++;
    return at;
  }

  remove(place: number): void {
    const words = this.words;
    let hole = place;
    for (let at = (place + SLOT_WORDS) & this.mask; words[at + KEY] !== 0; at = (at + SLOT_WORDS) & this.mask) {
      const displaced = (at - this.home(words[at], words[at + KEY])) & this.mask;
      // Its own place is behind the hole, so it may not move there.
      if (displaced < ((at - hole) & this.mask)) continue;
      words.copyWithin(hole, at, at + SLOT_WORDS);
      hole = at;
    }
    words[hole + KEY] = 0;
    this.used--;
  }

  value(place: number): number {
    return this.words[place + VALUE];
  }

  note(place: number): number {
    return this.words[place + NOTE];
  }

  setNote(place: number, note: number): void {
    this.words[place + NOTE] = note;
  }

  /** Number of places, used or not, for walking over all of them. */
  get places(): number {
    return (this.mask + 1) / SLOT_WORDS;
  }

  /** Place number `i`, or ENDPOINT_ABSENT when nothing is there. */
  placeAt(i: number): number {
    const at = i * SLOT_WORDS;
    return this.words[at + KEY] === 0 ? ABSENT : at;
  }

  /** Place of an endpoint when nothing is in its way. */
  private home(address: number, key: number): number {
    return (hashEndpoint(address, key) << SLOT_SHIFT) & this.mask;
  }
}
