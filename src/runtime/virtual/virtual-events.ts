import type { VirtualRandom } from './virtual-random.ts';

/**
 * What is to happen when: a binary heap over a fixed set of event sources, each of which has at most one event ahead.
 * Events of the same time come in random order, drawn when they are set.
 */
export class VirtualEvents {
  private readonly random: VirtualRandom;
  private readonly timesNs: Float64Array;
  private readonly draws: Uint32Array;
  /** Sources in heap order, and each source's place there, -1 when it has no event. */
  private readonly heap: Int32Array;
  private readonly places: Int32Array;
  private count = 0;

  constructor(sources: number, random: VirtualRandom) {
    this.random = random;
    this.timesNs = new Float64Array(sources);
    this.draws = new Uint32Array(sources);
    this.heap = new Int32Array(sources);
    this.places = new Int32Array(sources).fill(-1);
  }

  /** Time of the earliest event; Infinity when there is none. */
  get nextNs(): number {
    return this.count === 0 ? Infinity : this.timesNs[this.heap[0]];
  }

  /** Source of the earliest event, which is taken out. Only when there is one. */
  take(): number {
    const source = this.heap[0];
    this.cancel(source);
    return source;
  }

  /** Sets or moves the event of a source. */
  set(source: number, atNs: number): void {
    this.timesNs[source] = atNs;
    this.draws[source] = this.random.next();
    if (this.places[source] < 0) {
      this.places[source] = this.count;
      this.heap[this.count++] = source;
      this.up(this.count - 1);
    } else {
      this.up(this.places[source]);
      this.down(this.places[source]);
    }
  }

  /** Drops the event of a source, if it has one. */
  cancel(source: number): void {
    const place = this.places[source];
    if (place < 0) return;
    this.places[source] = -1;
    const last = this.heap[--this.count];
    if (last === source) return;
    this.heap[place] = last;
    this.places[last] = place;
    this.up(place);
    this.down(this.places[last]);
  }

  private before(a: number, b: number): boolean {
    const aNs = this.timesNs[a];
    const bNs = this.timesNs[b];
    return aNs < bNs || (aNs === bNs && this.draws[a] < this.draws[b]);
  }

  private up(from: number): void {
    const { heap, places } = this;
    const source = heap[from];
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(source, heap[parent])) break;
      heap[at] = heap[parent];
      places[heap[at]] = at;
      at = parent;
    }
    heap[at] = source;
    places[source] = at;
  }

  private down(from: number): void {
    const { heap, places, count } = this;
    const source = heap[from];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], source)) break;
      heap[at] = heap[child];
      places[heap[at]] = at;
      at = child;
    }
    heap[at] = source;
    places[source] = at;
  }
}
