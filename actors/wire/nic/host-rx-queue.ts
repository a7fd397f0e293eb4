/**
 * In Linux: one receive descriptor ring of a card with its interrupt vector and moderation.
 * In: frames that nic.ts gave to the host. Out: the ring that the driver empties (../../host/softirq.ts).
 * Thread: the card's.
 */
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import { SLOT_FRAME_WORD, SLOT_LENGTH_WORD } from '../../../src/memory/frame-pool.ts';
import type { SlotMemory } from '../../../src/memory/frame-pool.ts';
import { IdRingConsumer, IdRingProducer } from '../../../src/memory/id-ring.ts';
import { InterruptSource } from '../../../src/kernel/interrupt-line.ts';
import type { WireReceiver } from '../../../src/memory/wire-ring.ts';
import type { NicRxQueueLink } from './nic-links.ts';

/** One receive descriptor ring of the host's driver, with an interrupt vector of its own. */
export class HostRxQueue {
  /** Something happened that the host has not been interrupted for. */
  causePending = false;
  private readonly slots: SlotMemory;
  private readonly free: IdRingConsumer;
  private readonly done: IdRingProducer;
  private readonly interrupt: InterruptSource;
  private readonly interruptGapNs: number;
  private readonly level: boolean;
  private nextInterruptNs = 0;
  /** Descriptors with an empty buffer, by the look at the start of the batch. */
  private descriptors = 0;
  private filled = 0;

  /** @param interruptGapNs least time between two interrupts of this vector. */
  constructor(memory: Memory, slots: SlotMemory, link: NicRxQueueLink, interruptGapNs: number) {
    this.slots = slots;
    this.free = new IdRingConsumer(memory, link.free);
    this.done = new IdRingProducer(memory, link.done);
    this.interrupt = new InterruptSource(memory, link.interrupt, link.cpuDoorbell);
    this.interruptGapNs = interruptGapNs;
    this.level = link.level;
  }

  /** Looks how many of `wanted` descriptors there are. Once a batch. */
  begin(wanted: number): void {
    this.descriptors = this.free.readable(wanted);
  }

  /** The oldest frame on the wire into the next descriptor's buffer; false when there is none. */
  receive(wire: WireReceiver, lengthBytes: number): boolean {
    if (this.descriptors === 0) return false;
    this.descriptors--;
    const { slots } = this;
    const id = this.free.take();
    const header = slots.wordOf(id);
    slots.words[header + SLOT_LENGTH_WORD] = lengthBytes;
    copyWords(slots.words, header + SLOT_FRAME_WORD, wire.words, wire.frameWord(), (lengthBytes + 3) >> 2);
    this.done.put(id);
    this.filled++;
    return true;
  }

  /** Makes received frames visible to the driver; how many. Once a batch. */
  publish(): number {
    const filled = this.filled;
    if (filled === 0) return 0;
    this.filled = 0;
    this.free.release();
    this.done.publish();
    this.causePending = true;
    return filled;
  }

  /** Interrupts the host if there is a cause, the vector is not masked and moderation allows; true when it did. */
  notify(nowNs: number): boolean {
    if (!this.causePending && !this.level) return false;
    if (nowNs < this.nextInterruptNs || !this.interrupt.unmasked) return false;
    if (!this.causePending && this.done.depth() === 0) return false;
    this.causePending = false;
    this.nextInterruptNs = nowNs + this.interruptGapNs;
    this.interrupt.raise();
    return true;
  }
}
