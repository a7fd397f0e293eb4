/**
 * At most one deadline for each of a fixed number of things, earliest first: a binary heap that knows where in it each
 * thing stands, so that a deadline can be moved or taken back. Allocates nothing after construction.
 */
export class Deadlines {
  private readonly atNs: Float64Array;
  /** Things in heap order, and for each thing its place there, -1 without a deadline. */
  private readonly heap: Int32Array;
  private readonly place: Int32Array;
  private count = 0;

  constructor(thingsMax: number) {
    this.atNs = new Float64Array(thingsMax);
    this.heap = new Int32Array(thingsMax);
    this.place = new Int32Array(thingsMax).fill(-1);
  }

  /** The earliest deadline, Infinity when there is none. */
  get nextNs(): number {
    return this.count === 0 ? Infinity : this.atNs[this.heap[0]];
  }

  /** Sets or moves the deadline of a thing. */
  set(thing: number, ns: number): void {
    let at = this.place[thing];
    if (at < 0) at = this.count++;
    this.atNs[thing] = ns;
    this.settle(thing, at);
  }

  /** Takes the deadline of a thing back, if it has one. */
  cancel(thing: number): void {
    const at = this.place[thing];
    if (at < 0) return;
    this.place[thing] = -1;
    const last = this.heap[--this.count];
    if (last !== thing) this.settle(last, at);
  }

  /** The thing whose deadline is the earliest of those up to `nowNs`; its deadline is gone. -1 when there is none. */
  takeDue(nowNs: number): number {
    if (this.nextNs > nowNs) return -1;
    const thing = this.heap[0];
    this.cancel(thing);
    return thing;
  }

  /** Puts a thing where it belongs, beginning at place `at`, which is free for it. */
  private settle(thing: number, at: number): void {
    const { atNs, heap, place, count } = this;
    const ns = atNs[thing];
    let hole = at;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (atNs[heap[parent]] <= ns) break;
      heap[hole] = heap[parent];
      place[heap[hole]] = hole;
      hole = parent;
    }
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= count) break;
      if (child + 1 < count && atNs[heap[child + 1]] < atNs[heap[child]]) child++;
      if (atNs[heap[child]] >= ns) break;
      heap[hole] = heap[child];
      place[heap[hole]] = hole;
      hole = child;
    }
    heap[hole] = thing;
    place[thing] = hole;
  }
}
