/** Marsaglia's xorshift32 (Journal of Statistical Software 8(14), 2003): the virtual host's only source of chance. */
export class VirtualRandom {
  private state: number;

  constructor(seed: number) {
    // Weyl's constant spreads small seeds over all bits; the state must not be zero.
    this.state = Math.imul(seed + 1, 0x9e3779b9) | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 32 bits, unsigned; never zero. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** From 0 to less than 1. */
  fraction(): number {
    return this.next() / 4_294_967_296;
  }

  /** An index below `count`. */
  index(count: number): number {
    return this.next() % count;
  }
}
