// Connections by their four addresses, as the socket hash table of a host finds them (inet_ehashfn, Linux). The host's
// own address is one of the keys, since a host may have several.

const KEY_WORDS = 3;
/** No such connection, or no room for one. */
export const NO_CONNECTION = -1;

/** Numbers 0..max-1 for connections. Open addressing at half load or less; allocates nothing after construction. */
export class ConnectionTable {
  private readonly max: number;
  /** Local address, remote address, both ports (local in the upper half), by connection. */
  private readonly keys: Int32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;
  /** Numbers not in use: a stack. */
  private readonly free: Int32Array;
  private freeCount: number;

  constructor(max: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * max));
    this.max = max;
    this.keys = new Int32Array(max * KEY_WORDS);
    this.slots = new Int32Array(slots).fill(NO_CONNECTION);
    this.mask = slots - 1;
    this.free = Int32Array.from({ length: max }, (_, i) => max - 1 - i);
    this.freeCount = max;
  }

  get count(): number {
    return this.max - this.freeCount;
  }

  /** Whether `add` has room. */
  get full(): boolean {
    return this.freeCount === 0;
  }

  localAddress(connection: number): number {
    return this.keys[connection * KEY_WORDS];
  }

  remoteAddress(connection: number): number {
    return this.keys[connection * KEY_WORDS + 1];
  }

  localPort(connection: number): number {
    return this.keys[connection * KEY_WORDS + 2] >>> 16;
  }

  remotePort(connection: number): number {
    return this.keys[connection * KEY_WORDS + 2] & 0xffff;
  }

  /** The connection's number, or NO_CONNECTION. Addresses may be signed or unsigned. */
  find(localAddress: number, localPort: number, remoteAddress: number, remotePort: number): number {
    return this.slots[this.slotOf(localAddress | 0, remoteAddress | 0, (localPort << 16) | remotePort)];
  }

  /** Gives a new connection its number; NO_CONNECTION when the table is full. It is not in the table yet. */
  add(localAddress: number, localPort: number, remoteAddress: number, remotePort: number): number {
    if (this.freeCount === 0) return NO_CONNECTION;
    const connection = this.free[--this.freeCount];
    const ports = (localPort << 16) | remotePort;
    const key = connection * KEY_WORDS;
    this.slots[this.slotOf(localAddress | 0, remoteAddress | 0, ports)] = connection;
    this.keys[key] = localAddress;
    this.keys[key + 1] = remoteAddress;
    this.keys[key + 2] = ports;
    return connection;
  }

  /** Forgets a connection; those that gave way to it move up, so that every search still ends at a free slot. */
  remove(connection: number): void {
    const { slots, mask } = this;
    let hole = this.slotOfConnection(connection);
    for (let slot = (hole + 1) & mask; slots[slot] !== NO_CONNECTION; slot = (slot + 1) & mask) {
      const home = this.homeOf(slots[slot]);
      // It may fill the hole unless its home lies behind the hole, on the way to where it is.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot];
      hole = slot;
    }
    slots[hole] = NO_CONNECTION;
    this.free[this.freeCount++] = connection;
  }

  private homeOf(connection: number): number {
    const key = connection * KEY_WORDS;
    return hashOf(this.keys[key], this.keys[key + 1], this.keys[key + 2]) & this.mask;
  }

  private slotOfConnection(connection: number): number {
    let slot = this.homeOf(connection);
    while (this.slots[slot] !== connection) slot = (slot + 1) & this.mask;
    return slot;
  }

  /** The slot that holds these addresses, or the free one where they would go. */
  private slotOf(local: number, remote: number, ports: number): number {
    const { keys, slots, mask } = this;
    let slot = hashOf(local, remote, ports) & mask;
    for (;;) {
      const connection = slots[slot];
      if (connection === NO_CONNECTION) return slot;
      const key = connection * KEY_WORDS;
      if (keys[key] === local && keys[key + 1] === remote && keys[key + 2] === ports) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

/** Multiplicative mixing, every input bit reaching the low bits of the result. */
export function hashOf(local: number, remote: number, ports: number): number {
  let hash = Math.imul(local, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ remote, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ ports, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
