/** Consistent hashing by Maglev's lookup table (Eisenbud et al., "Maglev", NSDI '16, section 3.4). */
import { hashEndpoint } from '../../../src/net/tables/endpoint-table.ts';

/** Entries of the table: the smaller of the two primes the paper measures. More than 100 times as many as backends. */
export const MAGLEV_ENTRIES = 65_537;
const ENTRIES = MAGLEV_ENTRIES;
const NOBODY = -1;

export interface WeightedBackend {
  readonly address: number;
  readonly port: number;
  /** Share of new connections, against those of the others. */
  readonly weight: number;
}

export class MaglevTable {
  private readonly entries = new Int16Array(ENTRIES).fill(NOBODY);
  private readonly backends: readonly WeightedBackend[];
  /* Each backend's permutation of the entries: where it begins, its step, and how far it has come. */
  private readonly offsets: Int32Array;
  private readonly skips: Int32Array;
  private readonly next: Int32Array;
  private readonly credits: Float64Array;

  constructor(backends: readonly WeightedBackend[]) {
    this.backends = backends;
    this.offsets = Int32Array.from(backends, ({ address, port }) => hashEndpoint(address, port) % ENTRIES);
    this.skips = Int32Array.from(
      backends,
      ({ address, port }) => (hashEndpoint(~address, port ^ 0xffff) % (ENTRIES - 1)) + 1,
    );
    this.next = new Int32Array(backends.length);
    this.credits = new Float64Array(backends.length);
  }

  /** The backend for a hash, or -1 when none takes any. */
  lookup(hash: number): number {
    return this.entries[(hash >>> 0) % ENTRIES];
  }

  /**
   * Fills the table anew: backends take turns in claiming the next entry of their own permutation that nobody has, each
   * as often as its weight says. `out[i]` not zero leaves backend i out. Allocates nothing; takes some milliseconds.
   */
  fill(out: Int32Array): void {
    const { entries, backends, next, credits } = this;
    entries.fill(NOBODY);
    next.set(this.offsets);
    credits.fill(0);
    let heaviest = 0;
    for (let i = 0; i < backends.length; i++) if (out[i] === 0) heaviest = Math.max(heaviest, backends[i].weight);
    if (heaviest === 0) return;
    for (let filled = 0; ;) {
      for (let i = 0; i < backends.length; i++) {
        if (out[i] !== 0) continue;
        credits[i] += backends[i].weight;
        if (credits[i] < heaviest) continue;
        credits[i] -= heaviest;
        while (entries[next[i]] !== NOBODY) next[i] = (next[i] + this.skips[i]) % ENTRIES;
        entries[next[i]] = i;
        if (++filled === ENTRIES) return;
      }
    }
  }
}
