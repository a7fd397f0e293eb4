/** Frames waiting in one thread's hands, first in first out: a queue discipline of a driver (pfifo). */
export class FrameFifo {
  /** (address, bytes) pairs in a ring. */
  private readonly pairs: Int32Array;
  private readonly limit: number;
  private first = 0;
  count = 0;

  /** @param limit frames it holds at most. */
  constructor(limit: number) {
    this.pairs = new Int32Array(limit * 2);
    this.limit = limit;
  }

  /** False when it is full. */
  push(addr: number, bytes: number): boolean {
    if (this.count === this.limit) return false;
    let at = this.first + this.count;
    if (at >= this.limit) at -= this.limit;
    this.pairs[at * 2] = addr;
    this.pairs[at * 2 + 1] = bytes;
    this.count++;
    return true;
  }

  /** Of the frame that is next; the caller has checked `count`. */
  get addr(): number {
    return this.pairs[this.first * 2];
  }

  get bytes(): number {
    return this.pairs[this.first * 2 + 1];
  }

  /** Drops the frame that is next. */
  shift(): void {
    this.first = this.first + 1 === this.limit ? 0 : this.first + 1;
    this.count--;
  }

  /** Addresses of all frames, for stock-taking. */
  entries(): number[] {
    return Array.from({ length: this.count }, (_, i) => this.pairs[((this.first + i) % this.limit) * 2]);
  }
}
