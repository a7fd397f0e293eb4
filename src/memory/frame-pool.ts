/**
 * Host frame slots (the skb and its data) and how they find home.
 *
 *     byte 0   length of the frame in bytes, without FCS
 *     byte 4   the frame
 *
 * A 64-byte frame, 60 in memory, shares one cache line with its length, and one is what it costs to bring the frame
 * over from the core of the NIC. How long a frame may be follows from the scenario's MTUs, and the stride from that
 * (frame-room.ts): 2,112 bytes for an MTU of 1,500.
 *
 * Slots are numbered through the memories of all hosts of a run, one after the other. Each pool owns whole slabs of
 * 1,024 numbers, so that a table of a few words tells whose slot an id is. Exactly one actor allocates from a pool;
 * every other actor hands a slot back by adding its id to the shared set of the slab, where the owner finds it: what
 * that costs depends neither on how many actors end frames nor on how many pools there are.
 */
import type { Memory, Region } from './arena.ts';
import type { Arena } from './arena.ts';
import { FRAME_BYTES_STANDARD, oddStrideBytes } from './frame-room.ts';
import type { RingRef } from './id-ring.ts';
import { IdRingConsumer, IdRingProducer } from './id-ring.ts';
import { reserveSharedSets, SHARED_SET_NUMBERS, sharedNumbers, SharedSets } from './shared-set.ts';

export const SLOT_LENGTH_WORD = 0;
/** First word of the frame, from the slot's first word. */
export const SLOT_FRAME_WORD = 1;
const SLOT_FRAME_BYTE = 4;

export const SLAB_SHIFT = 10;
const SLAB_SLOTS = SHARED_SET_NUMBERS;

/** A pool as the plan describes it: slots [firstId, firstId + slots) of the host's slot memory. */
export interface PoolRef {
  readonly index: number;
  readonly firstId: number;
  readonly slots: number;
}

/** Where the free slots of a pool lie while the actor that allocates from it is not there. */
export interface PoolHome {
  readonly pool: PoolRef;
  readonly ring: RingRef;
}

/** The slots of one host: the first id, where its slot starts, and which pool each slab of 1,024 ids belongs to. */
export interface SlotMemoryRef {
  readonly region: Region;
  readonly firstId: number;
  /** By id, from slab 0 on; slabs before `firstId` lie in the memory of other hosts. */
  readonly poolOfSlab: readonly number[];
  /** The largest frame a slot holds, without FCS. */
  readonly frameBytesMax: number;
  readonly strideBytes: number;
  /** Slots handed back that their pools have not taken yet: a shared set for each slab of this host. */
  readonly returned: Region;
}

/** Plans the slot memories of a run's hosts, host by host and pool by pool. */
export class SlotMemoryPlanner {
  private readonly frameBytesMax: number;
  private readonly poolOfSlab: number[] = [];
  private reservedSlabs = 0;

  /** @param frameBytesMax the largest frame that slots are to hold, without FCS. */
  constructor(frameBytesMax: number = FRAME_BYTES_STANDARD) {
    this.frameBytesMax = frameBytesMax;
  }

  /** Adds a pool of at least `slots` slots (rounded up to whole slabs). */
  addPool(slots: number): PoolRef {
    const slabs = Math.ceil(slots / SLAB_SLOTS);
    const index = this.poolOfSlab.length === 0 ? 0 : this.poolOfSlab[this.poolOfSlab.length - 1] + 1;
    const firstId = this.poolOfSlab.length * SLAB_SLOTS;
    for (let i = 0; i < slabs; i++) this.poolOfSlab.push(index);
    return { index, firstId, slots: slabs * SLAB_SLOTS };
  }

  /** Reserves the memory of the pools added since the last call: those of one host. */
  reserve(arena: Arena): SlotMemoryRef {
    const firstSlab = this.reservedSlabs;
    this.reservedSlabs = this.poolOfSlab.length;
    const { frameBytesMax } = this;
    const strideBytes = oddStrideBytes(SLOT_FRAME_BYTE + frameBytesMax);
    const slabs = this.reservedSlabs - firstSlab;
    return {
      region: arena.reserve(slabs * SLAB_SLOTS * strideBytes),
      firstId: firstSlab * SLAB_SLOTS,
      poolOfSlab: [...this.poolOfSlab],
      frameBytesMax,
      strideBytes,
      returned: reserveSharedSets(arena, slabs),
    };
  }

  /** @throws when a pool was added after the slots of its host had been reserved: its planner came too late. */
  assertAllReserved(): void {
    const late = this.poolOfSlab[this.reservedSlabs];
    if (late !== undefined) throw new Error(`pool ${late} was added after the slots of its host had been reserved`);
  }
}

/** Views on a host's slots. `words[wordOf(id) + SLOT_LENGTH_WORD]`, `bytes[byteOf(id)]`. */
export class SlotMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly poolOfSlab: Int32Array;
  /** The largest frame a slot holds, without FCS. */
  readonly frameBytesMax: number;
  /** By id from `firstId` on. */
  readonly returned: SharedSets;
  readonly firstId: number;
  private readonly strideBytes: number;
  /** Where slot 0 would lie; below zero where another host's memory has the first ids. */
  private readonly baseByte: number;

  constructor(memory: Memory, ref: SlotMemoryRef) {
    const buffer = memory.buffer(ref.region.buffer);
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.poolOfSlab = Int32Array.from(ref.poolOfSlab);
    this.frameBytesMax = ref.frameBytesMax;
    this.returned = new SharedSets(memory, ref.returned);
    this.firstId = ref.firstId;
    this.strideBytes = ref.strideBytes;
    this.baseByte = ref.region.offsetBytes - ref.firstId * ref.strideBytes;
  }

  /** First word of a slot's header, as an index into `words`. */
  wordOf(id: number): number {
    return (this.baseByte + id * this.strideBytes) >>> 2;
  }

  /** First byte of a slot's frame, as an index into `bytes`. */
  byteOf(id: number): number {
    return this.baseByte + id * this.strideBytes + SLOT_FRAME_BYTE;
  }
}

/** The allocating actor's end: a private stack of free ids, topped up with what the other actors hand back. */
export class FramePool {
  readonly ref: PoolRef;
  private readonly free: Int32Array;
  private freeCount: number;
  private readonly returned: SharedSets;
  /** Of the pool's slabs among those of its host. */
  private readonly firstSlab: number;
  private readonly slabs: number;

  /**
   * @param home where the free slots lie while no actor has the pool, for an actor that comes and goes; without one,
   * all slots are free now.
   */
  constructor(memory: Memory, slots: SlotMemory, ref: PoolRef, home: RingRef | null = null) {
    this.ref = ref;
    this.free = new Int32Array(ref.slots);
    for (let i = 0; i < ref.slots; i++) this.free[i] = ref.firstId + ref.slots - 1 - i;
    this.freeCount = home === null ? ref.slots : this.takeHome(new IdRingConsumer(memory, home));
    this.returned = slots.returned;
    this.firstSlab = (ref.firstId - slots.firstId) >> SLAB_SHIFT;
    this.slabs = ref.slots >> SLAB_SHIFT;
  }

  private takeHome(home: IdRingConsumer): number {
    const count = home.readable(1);
    for (let i = 0; i < count; i++) this.free[i] = home.take();
    home.release();
    return count;
  }

  /** Lays every free slot down for the pool's next actor; what is under way is handed back later. */
  retire(memory: Memory, home: RingRef): void {
    this.reclaim();
    const ring = new IdRingProducer(memory, home);
    while (this.freeCount > 0) ring.put(this.acquire());
    ring.publish();
  }

  /** Slots that `acquire` can give now, after `reclaim` when fewer than `wanted` are at hand. */
  available(wanted: number): number {
    if (this.freeCount < wanted) this.reclaim();
    return this.freeCount;
  }

  /** One slot; the caller has checked `available`. */
  acquire(): number {
    return this.free[--this.freeCount];
  }

  /** Takes back a slot of this pool that its own actor ends. */
  release(id: number): void {
    this.free[this.freeCount++] = id;
  }

  /** Takes back everything the other actors returned. */
  reclaim(): void {
    let count = this.freeCount;
    for (let slab = 0; slab < this.slabs; slab++) {
      count = this.returned.take(this.firstSlab + slab, this.free, count, this.ref.firstId + (slab << SLAB_SHIFT));
    }
    this.freeCount = count;
  }

  /** Free ids, for stock-taking. */
  freeIds(): number[] {
    return Array.from(this.free.subarray(0, this.freeCount));
  }
}

/** Slots of a host that were handed back and not taken by their pools yet, for stock-taking. */
export function returnedIds(memory: Memory, { returned, firstId }: SlotMemoryRef): number[] {
  return sharedNumbers(memory, returned).map((number) => firstId + number);
}

/** Lays a whole pool down in its home, before the run. */
export function fillHome(memory: Memory, { pool, ring }: PoolHome): void {
  const producer = new IdRingProducer(memory, ring);
  for (let i = 0; i < pool.slots; i++) producer.put(pool.firstId + i);
  producer.publish();
}

/** Ids collected before they are handed back all the same. */
export const RETURN_BATCH = 64;

/** Ends frames of other actors' pools. `free` per frame, `flush` once a batch. */
export class FrameReturns {
  private readonly returned: SharedSets;
  private readonly firstId: number;
  private readonly freed = new Int32Array(RETURN_BATCH);
  private count = 0;

  constructor({ returned, firstId }: SlotMemory) {
    this.returned = returned;
    this.firstId = firstId;
  }

  /** Hands one slot back to the pool it belongs to; the pool sees it after `flush` at the latest. */
  free(id: number): void {
    if (this.count === RETURN_BATCH) this.flush();
    this.freed[this.count++] = id - this.firstId;
  }

  /** Ends every frame in a ring that nobody fills any more. @returns how many. */
  freeAll(ring: IdRingConsumer): number {
    const frames = ring.depth();
    for (let i = 0; i < frames; i++) this.free(ring.take());
    ring.release();
    this.flush();
    return frames;
  }

  /** Publishes what was freed since the last flush. */
  flush(): void {
    if (this.count === 0) return;
    this.returned.addAll(this.freed, this.count);
    this.count = 0;
  }
}
