/**
 * The mappings of a NAT, in guest memory: one entry for each external endpoint, at its own index, so that a packet from
 * outside finds its mapping without a search.
 *
 *     word 0                                1                2                      3
 *     | inside address ^ (key * multiplier) | inside address | port << 8 | protocol | deadline, ms |
 *
 * Bit 24 of word 2 is no part of the key: a FIN has come in for this mapping.
 *
 * Outgoing and incoming packets of a mapping are handled by different vCPUs at the same time. Each entry has one
 * writer, the vCPU that owns its port; the others only read, but for that bit, which they set by comparing and
 * exchanging the whole word, so that it never goes to another endpoint than the one the FIN was for. A reader that
 * meets an entry while it is given to another endpoint could see halves of both, so the first word binds the other two:
 * unless all three belong together the mapping does not exist (Hyatt and Mann, "A Lockless Transposition-Table
 * Implementation for Parallel Search", ICGA Journal 25(1), 2002). That an entry written before its packet was sent is
 * seen when the answer comes back follows from the rings in between, whose indices are published and read by Atomics.
 */
import type { Arena, Memory, Region } from '../../../src/memory/arena.ts';
import { portOfKey } from '../../../src/net/tables/endpoint-table.ts';

const ENTRY_WORDS = 4;
const CHECK = 0;
const ADDRESS = 1;
const KEY = 2;
const DEADLINE = 3;
/** Odd, so that two keys never give the same product. */
const MULTIPLIER = 0x9e37_79b1;
const FIN_CAME_IN = 1 << 24;
const KEY_MASK = FIN_CAME_IN - 1;

/** External endpoints: consecutive addresses, and a range of ports on each. */
export interface ExternalPool {
  readonly firstAddress: number;
  readonly addresses: number;
  readonly firstPort: number;
  /** Ports on each address. */
  readonly ports: number;
}

export function reserveMappings(arena: Arena, { addresses, ports }: ExternalPool): Region {
  return arena.reserve(addresses * ports * ENTRY_WORDS * 4);
}

/** One vCPU's window on all mappings. */
export class NatMappings {
  /** The inside endpoint of the mapping last found. */
  insideAddress = 0;
  insidePort = 0;
  private found = 0;
  private foundKey = 0;
  private readonly words: Int32Array;
  private readonly pool: ExternalPool;

  constructor(memory: Memory, region: Region, pool: ExternalPool) {
    this.words = memory.words(region);
    this.pool = pool;
  }

  isExternal(address: number): boolean {
    const index = (address - this.pool.firstAddress) | 0;
    return index >= 0 && index < this.pool.addresses;
  }

  /** Sets `insideAddress` and `insidePort` to whom an external endpoint stands for; false when for nobody (any more). */
  find(address: number, port: number, protocol: number, nowMs: number): boolean {
    const { firstAddress, firstPort, ports } = this.pool;
    const offset = port - firstPort;
    if (!this.isExternal(address) || offset < 0 || offset >= ports) return false;
    const words = this.words;
    const entry = (((address - firstAddress) | 0) * ports + offset) * ENTRY_WORDS;
    const inside = words[entry + ADDRESS];
    const key = words[entry + KEY] & KEY_MASK;
    if (words[entry + CHECK] !== (inside ^ Math.imul(key, MULTIPLIER)) || (key & 0xff) !== protocol) return false;
    if (((words[entry + DEADLINE] - nowMs) | 0) <= 0) return false;
    this.insideAddress = inside >>> 0;
    this.insidePort = portOfKey(key);
    this.found = entry + KEY;
    this.foundKey = key;
    return true;
  }

  /** Notes that a FIN has come in for the mapping last found. */
  noteFin(): void {
    Atomics.compareExchange(this.words, this.found, this.foundKey, this.foundKey | FIN_CAME_IN);
  }

  /** The owner's: whether one has come in since the mapping was made, or since `forgetFin`. */
  finCameIn(index: number): boolean {
    return (Atomics.load(this.words, index * ENTRY_WORDS + KEY) & FIN_CAME_IN) !== 0;
  }

  /** The owner's. */
  forgetFin(index: number): void {
    if (this.finCameIn(index)) Atomics.and(this.words, index * ENTRY_WORDS + KEY, KEY_MASK);
  }

  /** The owner's: binds external endpoint number `index` to an inside endpoint. */
  bind(index: number, address: number, key: number, deadlineMs: number): void {
    const entry = index * ENTRY_WORDS;
    this.words[entry + CHECK] = address ^ Math.imul(key, MULTIPLIER);
    this.words[entry + ADDRESS] = address;
    this.words[entry + KEY] = key;
    this.words[entry + DEADLINE] = deadlineMs;
  }

  /** The owner's: a mapping without a key stands for nobody. */
  unbind(index: number): void {
    this.words[index * ENTRY_WORDS + KEY] = 0;
  }

  /** The owner's: puts the end off. */
  extend(index: number, deadlineMs: number): void {
    const at = index * ENTRY_WORDS + DEADLINE;
    if (this.words[at] !== deadlineMs) this.words[at] = deadlineMs;
  }

  isExpired(index: number, nowMs: number): boolean {
    return ((this.words[index * ENTRY_WORDS + DEADLINE] - nowMs) | 0) <= 0;
  }

  /** Inside address of an entry. */
  addressOf(index: number): number {
    return this.words[index * ENTRY_WORDS + ADDRESS];
  }

  /** Key of an entry's inside endpoint, 0 while it is bound to none. */
  keyOf(index: number): number {
    return this.words[index * ENTRY_WORDS + KEY] & KEY_MASK;
  }
}
