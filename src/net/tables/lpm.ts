// Longest-prefix match over IPv4 as a multibit trie with strides 16, 8, 8 and leaf pushing.
//
// All tables lie in one Int32Array. The first 65,536 slots are indexed by the address's upper half; every child is 256
// slots. A slot holds
//    0        no route
//    v > 0    the answer, value v - 1
//    c < 0    a child table whose first slot is -c
// so that a lookup is one to three loads, and never goes back. `prefixLengths` runs beside it and says which prefix
// length filled a slot; only insert and remove read it.

const ROOT_SLOTS = 65_536;
const CHILD_SLOTS = 256;
/** Largest value a route can carry: slots store value + 1 in a positive int32. */
export const LPM_VALUE_MAX = 0x7fff_fffe;
/** Answer of a lookup without a route. */
export const LPM_NO_ROUTE = -1;

/** Routing table: build and change it on the control path, look up in a few nanoseconds. */
export class LpmTable {
  private slots = new Int32Array(ROOT_SLOTS + 16 * CHILD_SLOTS);
  private prefixLengths = new Uint8Array(ROOT_SLOTS + 16 * CHILD_SLOTS);
  private slotsUsed = ROOT_SLOTS;
  /** The routes as inserted, keyed by network and length; needed to find what a removed route had covered. */
  private readonly routes = new Map<number, number>();

  /** Number of routes. */
  get size(): number {
    return this.routes.size;
  }

  /** Value of the longest prefix that contains `address` (signed or unsigned 32 bits), or -1. */
  lookup(address: number): number {
    const slots = this.slots;
    let entry = slots[address >>> 16];
    if (entry >= 0) return entry - 1;
    entry = slots[((address >>> 8) & 0xff) - entry];
    if (entry >= 0) return entry - 1;
    return slots[(address & 0xff) - entry] - 1;
  }

  /**
   * Adds a route or replaces the value of an existing one. Bits of `prefix` beyond `length` are ignored. Throws for a
   * length outside 0..32 or a value outside 0..LPM_VALUE_MAX.
   */
  insert(prefix: number, length: number, value: number): void {
    const key = routeKey(prefix, length);
    if (!Number.isInteger(value) || value < 0 || value > LPM_VALUE_MAX) {
      throw new RangeError(`route value ${value} is outside 0..${LPM_VALUE_MAX}`);
    }
    this.routes.set(key, value);
    this.cover(prefix, length, value + 1, length);
  }

  /** Removes a route and says whether it was there. Tables it needed stay for later routes. */
  remove(prefix: number, length: number): boolean {
    if (!this.routes.delete(routeKey(prefix, length))) return false;
    for (let shorter = length - 1; shorter >= 0; shorter -= 1) {
      const value = this.routes.get(routeKey(prefix, shorter));
      if (value !== undefined) {
        this.cover(prefix, length, value + 1, shorter, length);
        return true;
      }
    }
    this.cover(prefix, length, 0, 0, length);
    return true;
  }

  /**
   * Stores `entry`, owned by a route of `ownerLength`, in all slots within prefix/length that belong to a route no
   * longer than `yieldingLength`.
   */
  private cover(prefix: number, length: number, entry: number, ownerLength: number, yieldingLength = length): void {
    const address = prefix & prefixMask(length);
    let first = 0;
    let index = address >>> 16;
    let bits = 16;
    while (length > bits) {
      first = this.childOf(first + index);
      bits += 8;
      index = (address >>> (32 - bits)) & 0xff;
    }
    this.fill(first + index, 1 << (bits - length), entry, ownerLength, yieldingLength);
  }

  private fill(first: number, count: number, entry: number, ownerLength: number, yieldingLength: number): void {
    for (let slot = first; slot < first + count; slot += 1) {
      const present = this.slots[slot];
      if (present < 0) {
        this.fill(-present, CHILD_SLOTS, entry, ownerLength, yieldingLength);
      } else if (this.prefixLengths[slot] <= yieldingLength) {
        this.slots[slot] = entry;
        this.prefixLengths[slot] = ownerLength;
      }
    }
  }

  /** First slot of the child below `slot`, made from what the slot answered so far if there is none. */
  private childOf(slot: number): number {
    const entry = this.slots[slot];
    if (entry < 0) return -entry;
    const first = this.slotsUsed;
    if (first + CHILD_SLOTS > this.slots.length) this.grow();
    this.slotsUsed += CHILD_SLOTS;
    this.slots.fill(entry, first, first + CHILD_SLOTS);
    this.prefixLengths.fill(this.prefixLengths[slot], first, first + CHILD_SLOTS);
    this.slots[slot] = -first;
    return first;
  }

  private grow(): void {
    const slots = new Int32Array(this.slots.length * 2);
    const prefixLengths = new Uint8Array(slots.length);
    slots.set(this.slots);
    prefixLengths.set(this.prefixLengths);
    this.slots = slots;
    this.prefixLengths = prefixLengths;
  }
}

/** Network mask of a prefix length as a signed int32. */
function prefixMask(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}

function routeKey(prefix: number, length: number): number {
  if (!Number.isInteger(length) || length < 0 || length > 32) {
    throw new RangeError(`prefix length ${length} is outside 0..32`);
  }
  return ((prefix & prefixMask(length)) >>> 0) * 64 + length;
}
