/**
 * The provider for NICs with a queue pair a vNIC (SR-IOV virtual functions, VMDq pools; the hardware the talk was asked
 * about): no buffer pool, but a descriptor ring of the vNIC's own in each direction, filled by the driver up to `tail`
 * and completed by the hardware in order up to `done`, which it writes back to host memory as head write-back does.
 *
 *     word  0         tail   descriptors handed over, written by the driver
 *     word 32 (128 B) done   descriptors completed, written by the hardware
 *     word 64 (256 B) descriptors, 4 words each: address, buffer bytes, frame bytes, chain head
 *
 * There is no depletion state in this hardware: the driver watches its own ring instead.
 */
import type { Arena, Memory, Region } from '../../../src/memory/arena.ts';
import type { AccelerationHandles, AccelerationPort, AccelerationProvider, DepletionThresholds } from './handles.ts';
import { isDepleted } from './handles.ts';

const TAIL_WORD = 0;
const DONE_WORD = 32;
const RING_WORD = 64;
const DESCRIPTOR_WORDS = 4;
const ADDR_WORD = 0;
const SIZE_WORD = 1;
const LENGTH_WORD = 2;
const HEAD_WORD = 3;

export interface DescriptorRingRef {
  readonly region: Region;
  /** A power of two. */
  readonly descriptors: number;
}

export function reserveDescriptorRing(arena: Arena, descriptors: number): DescriptorRingRef {
  return { region: arena.reserve((RING_WORD + descriptors * DESCRIPTOR_WORDS) * 4), descriptors };
}

/** One vNIC's queue pair; the thresholds count free receive descriptors. */
export interface SriovRef extends DepletionThresholds {
  readonly rx: DescriptorRingRef;
  readonly tx: DescriptorRingRef;
}

/** The driver's end of one ring. */
class DriverRing {
  readonly words: Int32Array;
  readonly descriptors: number;
  private tail: number;
  private taken: number;

  constructor(memory: Memory, ref: DescriptorRingRef) {
    this.words = memory.words(ref.region);
    this.descriptors = ref.descriptors;
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.taken = Atomics.load(this.words, DONE_WORD);
  }

  /** Descriptors in the hardware's hands or completed and not taken back. */
  get outstanding(): number {
    return (this.tail - this.taken) | 0;
  }

  /** Completed descriptors not yet taken back. */
  completed(): number {
    return (Atomics.load(this.words, DONE_WORD) - this.taken) | 0;
  }

  /** First word of the oldest completed descriptor; `passCompleted` to take it back. */
  completedWord(): number {
    return RING_WORD + (this.taken & (this.descriptors - 1)) * DESCRIPTOR_WORDS;
  }

  passCompleted(): void {
    this.taken = (this.taken + 1) | 0;
  }

  put(head: number, addr: number, sizeBytes: number, lengthBytes: number): void {
    const word = RING_WORD + (this.tail & (this.descriptors - 1)) * DESCRIPTOR_WORDS;
    this.words[word + ADDR_WORD] = addr;
    this.words[word + SIZE_WORD] = sizeBytes;
    this.words[word + LENGTH_WORD] = lengthBytes;
    this.words[word + HEAD_WORD] = head;
    this.tail = (this.tail + 1) | 0;
  }

  /** The doorbell write that hands over what was put. Once a batch. */
  publish(): void {
    Atomics.store(this.words, TAIL_WORD, this.tail);
  }
}

/** The hardware's end of one ring. */
class HardwareRing {
  readonly words: Int32Array;
  private readonly mask: number;
  private done: number;
  private tailSeen: number;

  constructor(memory: Memory, ref: DescriptorRingRef) {
    this.words = memory.words(ref.region);
    this.mask = ref.descriptors - 1;
    this.done = Atomics.load(this.words, DONE_WORD);
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
  }

  ready(wanted: number): number {
    const known = (this.tailSeen - this.done) | 0;
    if (known >= wanted) return known;
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
    return (this.tailSeen - this.done) | 0;
  }

  word(): number {
    return RING_WORD + (this.done & this.mask) * DESCRIPTOR_WORDS;
  }

  complete(): void {
    this.done = (this.done + 1) | 0;
  }

  writeBack(): void {
    Atomics.store(this.words, DONE_WORD, this.done);
  }
}

export class SriovProvider implements AccelerationProvider {
  private readonly rx: DriverRing;
  private readonly tx: DriverRing;
  private readonly ref: SriovRef;
  private handles!: AccelerationHandles;
  private depleted = false;

  constructor(memory: Memory, ref: SriovRef) {
    this.ref = ref;
    this.rx = new DriverRing(memory, ref.rx);
    this.tx = new DriverRing(memory, ref.tx);
  }

  register(handles: AccelerationHandles): void {
    this.handles = handles;
  }

  poll(budget: number): number {
    const moved = this.receive(budget) + this.cleanTransmitRing(budget);
    const seeded = this.handles.replenish(this.rx.descriptors - this.rx.outstanding);
    if (seeded > 0) this.rx.publish();
    this.watchRing();
    const offered = this.handles.tx(Math.min(budget, this.tx.descriptors - this.tx.outstanding));
    if (offered > 0) this.tx.publish();
    return moved + offered;
  }

  private receive(budget: number): number {
    const ring = this.rx;
    const n = Math.min(budget, ring.completed());
    for (let i = 0; i < n; i++) {
      const word = ring.completedWord();
      this.handles.rx(ring.words[word + HEAD_WORD], ring.words[word + LENGTH_WORD]);
      ring.passCompleted();
    }
    return n;
  }

  private cleanTransmitRing(budget: number): number {
    const ring = this.tx;
    const n = Math.min(budget, ring.completed());
    for (let i = 0; i < n; i++) {
      this.handles.txDone(ring.words[ring.completedWord() + HEAD_WORD]);
      ring.passCompleted();
    }
    return n;
  }

  /** The driver's own depletion state, from the descriptors the hardware has left. */
  private watchRing(): void {
    const left = this.rx.outstanding - this.rx.completed();
    const depleted = isDepleted(this.depleted, left, this.ref);
    if (depleted === this.depleted) return;
    this.depleted = depleted;
    this.handles.congestion(depleted);
  }

  seed(head: number, addr: number, lengthBytes: number): void {
    this.rx.put(head, addr, lengthBytes, 0);
  }

  send(head: number, addr: number, lengthBytes: number): void {
    this.tx.put(head, addr, lengthBytes, lengthBytes);
  }

  framesHeld(): number {
    return this.rx.completed() + this.tx.outstanding - this.tx.completed();
  }

  get pending(): boolean {
    return this.rx.completed() > 0 || this.tx.completed() > 0;
  }
}

export class SriovPort implements AccelerationPort {
  sendAddr = 0;
  sendBytes = 0;
  private readonly rx: HardwareRing;
  private readonly tx: HardwareRing;

  constructor(memory: Memory, ref: SriovRef) {
    this.rx = new HardwareRing(memory, ref.rx);
    this.tx = new HardwareRing(memory, ref.tx);
  }

  accepts(lengthBytes: number): boolean {
    return this.rx.ready(1) > 0 && this.rx.words[this.rx.word() + SIZE_WORD] >= lengthBytes;
  }

  get hasBuffer(): boolean {
    return this.rx.ready(1) > 0;
  }

  takeBuffer(): number {
    return this.rx.words[this.rx.word() + ADDR_WORD];
  }

  deliver(lengthBytes: number): void {
    this.rx.words[this.rx.word() + LENGTH_WORD] = lengthBytes;
    this.rx.complete();
  }

  publishRx(): boolean {
    this.rx.writeBack();
    return true;
  }

  /** Hardware without a depletion state has nothing to tell. */
  refresh(): boolean {
    return false;
  }

  sendable(wanted: number): number {
    const ready = this.tx.ready(wanted);
    return ready < wanted ? ready : wanted;
  }

  nextSend(): void {
    const word = this.tx.word();
    this.sendAddr = this.tx.words[word + ADDR_WORD];
    this.sendBytes = this.tx.words[word + LENGTH_WORD];
    this.tx.complete();
  }

  publishTx(): boolean {
    this.tx.writeBack();
    return true;
  }

  /** All lie in the rings, which the provider counts. */
  framesHeld(): number {
    return 0;
  }
}
