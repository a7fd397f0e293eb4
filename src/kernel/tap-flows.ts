/**
 * The flow table of a multi-queue tap (drivers/net/tun.c): by which queue a flow's transmissions came from the guest
 * last, so that its frames for the guest go to the queue of the same number, whose vCPU has its state in the cache.
 * Written by the vhost workers (tun_flow_update), read by the transmit side (tun_automq_select_queue).
 *
 *     word  0          lock for adding a flow
 *     byte 128         1,024 buckets of four entries of four words:
 *         word 0       hash of the flow, NO_FLOW while the entry is free; stored last
 *         word 1       queue
 *         word 2       when the flow was seen last, ms
 *
 * An entry is a hint: whoever reads one while it changes hands steers one frame to a queue that is there all the same.
 */
import type { Arena, Memory, Region } from '../memory/arena.ts';
import { WRITER_STRIDE_BYTES } from '../memory/arena.ts';
import { SpinLock } from '../memory/spin-lock.ts';
import { NO_FLOW } from '../net/wire/flow-hash.ts';

/** TUN_NUM_FLOW_ENTRIES buckets, and MAX_TAP_FLOWS flows in all; here each bucket holds its share of them. */
const BUCKETS = 1024;
const BUCKET_ENTRIES = 4;
const ENTRY_WORDS = 4;
const HASH_WORD = 0;
const QUEUE_WORD = 1;
const SEEN_WORD = 2;
const ENTRIES_WORD = WRITER_STRIDE_BYTES / 4;
const BUCKET_WORDS = BUCKET_ENTRIES * ENTRY_WORDS;
/** TUN_FLOW_EXPIRE, 3 * HZ. */
const EXPIRE_MS = 3000;
const NONE = NO_FLOW;

/** The table's clock. */
export function nowMs(nowNs: number): number {
  return (nowNs / 1e6) | 0;
}

export function reserveTapFlows(arena: Arena): Region {
  return arena.reserve((ENTRIES_WORD + BUCKETS * BUCKET_WORDS) * 4);
}

export class TapFlows {
  private readonly words: Int32Array;
  private readonly lock: SpinLock;

  constructor(memory: Memory, region: Region) {
    this.words = memory.words(region);
    this.lock = new SpinLock(memory, region);
  }

  /** Notes that the flow of `hash` came from the guest by `queue`. */
  note(hash: number, queue: number, nowMs: number): void {
    if (hash === NONE) return;
    const { words } = this;
    const entry = this.find(hash);
    if (entry < 0) return this.add(hash, queue, nowMs);
    if (Atomics.load(words, entry + QUEUE_WORD) !== queue) Atomics.store(words, entry + QUEUE_WORD, queue);
    if (Atomics.load(words, entry + SEEN_WORD) !== nowMs) Atomics.store(words, entry + SEEN_WORD, nowMs);
  }

  /** The queue for the flow of `hash` among `queues`: where it came from, or by its hash alone. */
  queueOf(hash: number, queues: number, nowMs: number): number {
    const entry = hash === NONE ? -1 : this.find(hash);
    if (entry >= 0 && nowMs - Atomics.load(this.words, entry + SEEN_WORD) < EXPIRE_MS) {
      const queue = Atomics.load(this.words, entry + QUEUE_WORD);
      if (queue < queues) return queue;
    }
    return reciprocalScale(hash, queues);
  }

  private find(hash: number): number {
    const first = bucketOf(hash);
    for (let entry = first; entry < first + BUCKET_WORDS; entry += ENTRY_WORDS) {
      if (Atomics.load(this.words, entry + HASH_WORD) === hash) return entry;
    }
    return -1;
  }

  /** Takes a free or expired entry of the bucket; with none, or with the lock held, the flow goes without. */
  private add(hash: number, queue: number, nowMs: number): void {
    if (!this.lock.tryAcquire()) return;
    const { words } = this;
    const first = bucketOf(hash);
    for (let entry = first; entry < first + BUCKET_WORDS; entry += ENTRY_WORDS) {
      const free = Atomics.load(words, entry + HASH_WORD) === NONE;
      if (!free && nowMs - Atomics.load(words, entry + SEEN_WORD) < EXPIRE_MS) continue;
      Atomics.store(words, entry + HASH_WORD, NONE);
      Atomics.store(words, entry + QUEUE_WORD, queue);
      Atomics.store(words, entry + SEEN_WORD, nowMs);
      Atomics.store(words, entry + HASH_WORD, hash);
      break;
    }
    this.lock.release();
  }
}

/** tun_hashfn: the low bits. */
function bucketOf(hash: number): number {
  return ENTRIES_WORD + (hash & (BUCKETS - 1)) * BUCKET_WORDS;
}

/** reciprocal_scale of include/linux/kernel.h: the high bits, spread over `queues`. */
function reciprocalScale(hash: number, queues: number): number {
  return Math.floor(((hash >>> 0) * queues) / 4_294_967_296);
}
