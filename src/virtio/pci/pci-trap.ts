/**
 * A trapped register access as a mailbox (src/memory/mailbox.ts) of a few shared words: the guest's load or store is an exit that the VMM
 * completes. A hardware vCPU stands still meanwhile; an actor never blocks, so the guest posts, is polled again, and
 * finds the answer later. One access at a time, as a vCPU has.
 *
 *   word 0 state of the mailbox: the guest calls, the VMM serves
 *   words 1-3: is write, BAR offset, width in bytes
 *   word 4: value (by the guest for a write, by the VMM for a read)
 *
 * A value is at most 32 bits: section 4.1.3.1 has drivers access 64-bit fields as two halves.
 */
import { Mailbox } from '../../memory/mailbox.ts';

export const PCI_TRAP_WORDS = 8;
const STATE_WORD = 0;
const IS_WRITE_WORD = 1;
const OFFSET_WORD = 2;
const WIDTH_WORD = 3;
const VALUE_WORD = 4;

/** What a trap is answered by: the VMM's register model. Any offset, width or value may arrive; none may throw. */
export interface PciRegisterFile {
  read(offset: number, width: number): number;
  write(offset: number, width: number, value: number): void;
}

/** The guest's end. */
export class PciTrapGuest {
  /** The value a read brought back, unsigned; valid once `poll` has answered true. */
  value = 0;
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly mailbox: Mailbox;

  /** Binds to PCI_TRAP_WORDS zeroed words from `offsetWord` of memory shared by this guest and its VMM. */
  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
    this.mailbox = new Mailbox(words, offsetWord + STATE_WORD);
  }

  postRead(offset: number, width: number): void {
    this.post(0, offset, width, 0);
  }

  postWrite(offset: number, width: number, value: number): void {
    this.post(1, offset, width, value);
  }

  private post(isWrite: number, offset: number, width: number, value: number): void {
    const { words, at } = this;
    if (!this.mailbox.idle) throw new Error('pci trap: an access is still under way');
    words[at + IS_WRITE_WORD] = isWrite;
    words[at + OFFSET_WORD] = offset;
    words[at + WIDTH_WORD] = width;
    words[at + VALUE_WORD] = value;
    this.mailbox.post();
  }

  /** Whether an answer waits for `poll`: the look before sleeping. */
  get answered(): boolean {
    return this.mailbox.answered;
  }

  /** Whether the posted access is complete; true once an access. */
  poll(): boolean {
    if (!this.mailbox.answered) return false;
    this.value = this.words[this.at + VALUE_WORD] >>> 0;
    this.mailbox.finish();
    return true;
  }
}

/** The VMM's end. */
export class PciTrapHost {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly mailbox: Mailbox;

  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
    this.mailbox = new Mailbox(words, offsetWord + STATE_WORD);
  }

  /** Whether an access waits for `serve`: the look before sleeping. */
  get requested(): boolean {
    return this.mailbox.requested;
  }

  /** The value of a write to `offset` that waits to be served, for stock-taking; -1 when none does. */
  postedWrite(offset: number, width: number): number {
    const { words, at } = this;
    const waits = this.requested && words[at + IS_WRITE_WORD] === 1;
    return waits && words[at + OFFSET_WORD] === offset && words[at + WIDTH_WORD] === width
      ? words[at + VALUE_WORD] >>> 0
      : -1;
  }

  /** Answers the access that waits, if one does. @returns whether one did: then ring the guest's doorbell. */
  serve(registers: PciRegisterFile): boolean {
    const { words, at } = this;
    if (!this.mailbox.requested) return false;
    const offset = words[at + OFFSET_WORD];
    const width = words[at + WIDTH_WORD];
    if (words[at + IS_WRITE_WORD] === 0) words[at + VALUE_WORD] = registers.read(offset, width);
    else registers.write(offset, width, words[at + VALUE_WORD] >>> 0);
    this.mailbox.answer();
    return true;
  }
}
