import type { ExternalPool } from './nat-mappings.ts';

export const NO_FREE_PORT = -1;

/**
 * The free external ports of one vCPU, by address: queues, so that a port rests as long as can be before it is used
 * again. Endpoints go by their number in the pool: address by address, port by port.
 */
export class NatPorts {
  /** The block of each address's ports that is its own, counted from the pool's first. */
  readonly first: number;
  readonly count: number;
  private readonly poolPorts: number;
  /** 1 where the pool begins with an odd port. */
  private readonly oddFirst: number;
  /** Two queues for each address: its even ports and its odd ones, counted from the pool's first. */
  private readonly queues: Uint16Array;
  private readonly queueSize: number;
  private readonly heads: Int32Array;
  private readonly lengths: Int32Array;

  /** @param share which of `shares` equal blocks of every address's ports. */
  constructor({ addresses, firstPort, ports }: ExternalPool, share: number, shares: number) {
    this.count = Math.floor(ports / shares);
    this.first = share * this.count;
    this.poolPorts = ports;
    this.oddFirst = firstPort & 1;
    this.queueSize = (this.count >> 1) + 1;
    this.queues = new Uint16Array(addresses * 2 * this.queueSize);
    this.heads = new Int32Array(addresses * 2);
    this.lengths = new Int32Array(addresses * 2);
    for (let address = 0; address < addresses; address++) {
      for (let i = 0; i < this.count; i++) this.give(address * ports + this.first + i);
    }
  }

  /** A free endpoint of an address, its port of the parity of `port` where there is one, or NO_FREE_PORT. */
  take(address: number, port: number): number {
    const queue = address * 2 + (port & 1);
    const chosen = this.lengths[queue] > 0 ? queue : queue ^ 1;
    if (this.lengths[chosen] === 0) return NO_FREE_PORT;
    const head = this.heads[chosen];
    this.heads[chosen] = head + 1 === this.queueSize ? 0 : head + 1;
    this.lengths[chosen]--;
    return address * this.poolPorts + this.queues[chosen * this.queueSize + head];
  }

  /** Takes an endpoint back. */
  give(index: number): void {
    const address = Math.floor(index / this.poolPorts);
    const offset = index - address * this.poolPorts;
    const queue = address * 2 + ((offset ^ this.oddFirst) & 1);
    const tail = (this.heads[queue] + this.lengths[queue]) % this.queueSize;
    this.queues[queue * this.queueSize + tail] = offset;
    this.lengths[queue]++;
  }
}
