/**
 * The provider the talk had at hand: DPAA frame queues and buffer pools (QMan and BMan; drivers/net/ethernet/freescale/
 * dpaa). A pool holds buffers the guest seeded; a frame takes one from its vNIC's pool or is lost; filled buffers come
 * up a receive frame queue, frames to send go down a transmit frame queue and return on its confirmation queue.
 *
 * Queues carry chain heads. Address and length of each lie in a table in host memory, three words a head, written by
 * whoever hands the head over before it publishes the queue.
 */
import type { Memory, Region } from '../../../src/memory/arena.ts';
import type { RingRef } from '../../../src/memory/id-ring.ts';
import { IdRingConsumer, IdRingProducer } from '../../../src/memory/id-ring.ts';
import type { AccelerationHandles, AccelerationPort, AccelerationProvider, DepletionThresholds } from './handles.ts';
import { isDepleted } from './handles.ts';

export const TABLE_WORDS = 3;
const ADDR_WORD = 0;
const SIZE_WORD = 1;
const LENGTH_WORD = 2;

/** One vNIC's pool and queues. Rings hold at least as many heads as the virtqueue has. */
export interface DpaaRef extends DepletionThresholds {
  readonly pool: RingRef;
  readonly rxQueue: RingRef;
  readonly rxTable: Region;
  readonly txQueue: RingRef;
  readonly txConfirm: RingRef;
  readonly txTable: Region;
  /** Word 0: 1 while depleted; written by the hardware. */
  readonly depletion: Region;
}

export class DpaaProvider implements AccelerationProvider {
  private readonly pool: IdRingProducer;
  private readonly rxQueue: IdRingConsumer;
  private readonly rxTable: Int32Array;
  private readonly txQueue: IdRingProducer;
  private readonly txConfirm: IdRingConsumer;
  private readonly txTable: Int32Array;
  private readonly depletion: Int32Array;
  private readonly capacity: number;
  private handles!: AccelerationHandles;
  private depleted = false;

  constructor(memory: Memory, ref: DpaaRef) {
    this.pool = new IdRingProducer(memory, ref.pool);
    this.rxQueue = new IdRingConsumer(memory, ref.rxQueue);
    this.rxTable = memory.words(ref.rxTable);
    this.txQueue = new IdRingProducer(memory, ref.txQueue);
    this.txConfirm = new IdRingConsumer(memory, ref.txConfirm);
    this.txTable = memory.words(ref.txTable);
    this.depletion = memory.words(ref.depletion);
    this.capacity = ref.pool.capacity;
  }

  register(handles: AccelerationHandles): void {
    this.handles = handles;
  }

  poll(budget: number): number {
    const moved = this.receive(budget) + this.confirm(budget);
    const depleted = Atomics.load(this.depletion, 0) === 1;
    if (depleted !== this.depleted) {
      this.depleted = depleted;
      this.handles.congestion(depleted);
    }
    const seeded = this.handles.replenish(this.pool.writable(this.capacity));
    if (seeded > 0) this.pool.publish();
    const offered = this.handles.tx(Math.min(budget, this.txQueue.writable(budget)));
    if (offered > 0) this.txQueue.publish();
    return moved + offered;
  }

  private receive(budget: number): number {
    const queue = this.rxQueue;
    const n = Math.min(budget, queue.readable(budget));
    for (let i = 0; i < n; i++) {
      const head = queue.take();
      this.handles.rx(head, this.rxTable[head * TABLE_WORDS + LENGTH_WORD]);
    }
    if (n > 0) queue.release();
    return n;
  }

  private confirm(budget: number): number {
    const queue = this.txConfirm;
    const n = Math.min(budget, queue.readable(budget));
    for (let i = 0; i < n; i++) this.handles.txDone(queue.take());
    if (n > 0) queue.release();
    return n;
  }

  seed(head: number, addr: number, lengthBytes: number): void {
    this.rxTable[head * TABLE_WORDS + ADDR_WORD] = addr;
    this.rxTable[head * TABLE_WORDS + SIZE_WORD] = lengthBytes;
    this.pool.put(head);
  }

  send(head: number, addr: number, lengthBytes: number): void {
    this.txTable[head * TABLE_WORDS + ADDR_WORD] = addr;
    this.txTable[head * TABLE_WORDS + LENGTH_WORD] = lengthBytes;
    this.txQueue.put(head);
  }

  framesHeld(): number {
    return this.rxQueue.depth() + this.txQueue.depth();
  }

  get pending(): boolean {
    return (
      this.rxQueue.readable(1) > 0 ||
      this.txConfirm.readable(1) > 0 ||
      (Atomics.load(this.depletion, 0) === 1) !== this.depleted
    );
  }
}

export class DpaaPort implements AccelerationPort {
  sendAddr = 0;
  sendBytes = 0;
  private readonly pool: IdRingConsumer;
  private readonly rxQueue: IdRingProducer;
  private readonly rxTable: Int32Array;
  private readonly txQueue: IdRingConsumer;
  private readonly txConfirm: IdRingProducer;
  private readonly txTable: Int32Array;
  private readonly depletion: Int32Array;
  private readonly thresholds: DepletionThresholds;
  private depleted = false;
  private head = 0;

  constructor(memory: Memory, ref: DpaaRef) {
    this.pool = new IdRingConsumer(memory, ref.pool);
    this.rxQueue = new IdRingProducer(memory, ref.rxQueue);
    this.rxTable = memory.words(ref.rxTable);
    this.txQueue = new IdRingConsumer(memory, ref.txQueue);
    this.txConfirm = new IdRingProducer(memory, ref.txConfirm);
    this.txTable = memory.words(ref.txTable);
    this.depletion = memory.words(ref.depletion);
    this.thresholds = ref;
  }

  accepts(lengthBytes: number): boolean {
    if (this.pool.readable(1) === 0) return false;
    this.head = this.pool.peek();
    return this.rxTable[this.head * TABLE_WORDS + SIZE_WORD] >= lengthBytes;
  }

  get hasBuffer(): boolean {
    return this.pool.readable(1) > 0;
  }

  takeBuffer(): number {
    this.pool.take();
    return this.rxTable[this.head * TABLE_WORDS + ADDR_WORD];
  }

  deliver(lengthBytes: number): void {
    this.rxTable[this.head * TABLE_WORDS + LENGTH_WORD] = lengthBytes;
    this.rxQueue.put(this.head);
  }

  publishRx(): boolean {
    this.pool.release();
    this.rxQueue.publish();
    this.updateDepletion();
    return true;
  }

  /** A pool that is filled again leaves depletion without a frame. */
  refresh(): boolean {
    if (!this.depleted) return false;
    this.updateDepletion();
    return !this.depleted;
  }

  /** Each change of the pool's depletion state is a notification. */
  private updateDepletion(): void {
    const depleted = isDepleted(this.depleted, this.pool.depth(), this.thresholds);
    if (depleted === this.depleted) return;
    this.depleted = depleted;
    Atomics.store(this.depletion, 0, depleted ? 1 : 0);
  }

  sendable(wanted: number): number {
    const ready = this.txQueue.readable(wanted);
    const room = this.txConfirm.writable(wanted);
    const n = ready < room ? ready : room;
    return n < wanted ? n : wanted;
  }

  nextSend(): void {
    const head = this.txQueue.take();
    this.sendAddr = this.txTable[head * TABLE_WORDS + ADDR_WORD];
    this.sendBytes = this.txTable[head * TABLE_WORDS + LENGTH_WORD];
    this.txConfirm.put(head);
  }

  publishTx(): boolean {
    this.txQueue.release();
    this.txConfirm.publish();
    return true;
  }

  /** All lie in the queues, which the provider counts. */
  framesHeld(): number {
    return 0;
  }
}
