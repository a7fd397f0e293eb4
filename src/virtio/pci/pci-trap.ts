/**
 * A trapped register access as a mailbox of a few shared words: the guest's load or store is an exit that the VMM
 * completes. A hardware vCPU stands still meanwhile; an actor never blocks, so the guest posts, is polled again, and
 * finds the answer later. One access at a time, as a vCPU has.
 *
 *   word 0 state: IDLE -> REQUEST (guest) -> RESPONSE (VMM) -> IDLE (guest)
 *   words 1-3: is write, BAR offset, width in bytes (written by the guest while IDLE)
 *   word 4: value (by the guest for a write, by the VMM for a read, each before it moves the state)
 *
 * A value is at most 32 bits: section 4.1.3.1 has drivers access 64-bit fields as two halves. Whoever moves the state
 * rings the other's doorbell; doorbells belong to the actors.
 */

export const PCI_TRAP_WORDS = 8;
const STATE_WORD = 0;
const IS_WRITE_WORD = 1;
const OFFSET_WORD = 2;
const WIDTH_WORD = 3;
const VALUE_WORD = 4;

const IDLE = 0;
const REQUEST = 1;
const RESPONSE = 2;

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

  /** Binds to PCI_TRAP_WORDS zeroed words from `offsetWord` of memory shared by this guest and its VMM. */
  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
  }

  postRead(offset: number, width: number): void {
    this.post(0, offset, width, 0);
  }

  postWrite(offset: number, width: number, value: number): void {
    this.post(1, offset, width, value);
  }

  private post(isWrite: number, offset: number, width: number, value: number): void {
    const { words, at } = this;
    if (Atomics.load(words, at + STATE_WORD) !== IDLE) throw new Error('pci trap: an access is still under way');
    words[at + IS_WRITE_WORD] = isWrite;
    words[at + OFFSET_WORD] = offset;
    words[at + WIDTH_WORD] = width;
    words[at + VALUE_WORD] = value;
    Atomics.store(words, at + STATE_WORD, REQUEST);
  }

  /** Whether an answer waits for `poll`: the look before sleeping. */
  get answered(): boolean {
    return Atomics.load(this.words, this.at + STATE_WORD) === RESPONSE;
  }

  /** Whether the posted access is complete; true once an access. */
  poll(): boolean {
    const { words, at } = this;
    if (Atomics.load(words, at + STATE_WORD) !== RESPONSE) return false;
    this.value = words[at + VALUE_WORD] >>> 0;
    Atomics.store(words, at + STATE_WORD, IDLE);
    return true;
  }
}

/** The VMM's end. */
export class PciTrapHost {
  private readonly words: Int32Array;
  private readonly at: number;

  constructor(words: Int32Array, offsetWord: number) {
    this.words = words;
    this.at = offsetWord;
  }

  /** Whether an access waits for `serve`: the look before sleeping. */
  get requested(): boolean {
    return Atomics.load(this.words, this.at + STATE_WORD) === REQUEST;
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
    if (Atomics.load(words, at + STATE_WORD) !== REQUEST) return false;
    const offset = words[at + OFFSET_WORD];
    const width = words[at + WIDTH_WORD];
    if (words[at + IS_WRITE_WORD] === 0) words[at + VALUE_WORD] = registers.read(offset, width);
    else registers.write(offset, width, words[at + VALUE_WORD] >>> 0);
    Atomics.store(words, at + STATE_WORD, RESPONSE);
    return true;
  }
}
