// Numbers for flows: the protocol, the two addresses and, where the packet shows them, the two ports.
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { drawFactors, reduceHash } from './universal-hash.ts';
import { IPV4_DST_BYTE, IPV4_SRC_BYTE, ipv4PortsByte, ipv4Protocol } from '../wire/ipv4.ts';
import { readI32 } from '../wire/network-order.ts';

const ETH_BYTES = ETH_HEADER_BYTES;
const SRC_BYTE = IPV4_SRC_BYTE;
const DST_BYTE = IPV4_DST_BYTE;

const KEY_WORDS = 4;
/** Not a flow of this table. */
export const FLOW_UNKNOWN = -1;

/** Flows in the order they were added, from 0. Open addressing; allocates nothing after construction. */
export class FlowTable {
  private readonly keys: Int32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;
  /** Addresses are the capture's choice: it must not be able to choose those that collide. */
  private readonly factors = drawFactors(KEY_WORDS);
  private used = 0;

  /** Room for `flowsMax` flows. */
  constructor(flowsMax: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * flowsMax));
    this.keys = new Int32Array(flowsMax * KEY_WORDS);
    this.slots = new Int32Array(slots).fill(FLOW_UNKNOWN);
    this.mask = slots - 1;
  }

  get count(): number {
    return this.used;
  }

  /** Number of the flow of the frame at `offset`, which has an IPv4 header, or FLOW_UNKNOWN. */
  find(bytes: Uint8Array, offset: number, frameBytes: number): number {
    return this.slots[this.slotOf(bytes, offset, frameBytes)];
  }

  /** The same, and adds the flow when it is new. Not more than there is room for. */
  add(bytes: Uint8Array, offset: number, frameBytes: number): number {
    const slot = this.slotOf(bytes, offset, frameBytes);
    if (this.slots[slot] !== FLOW_UNKNOWN) return this.slots[slot];
    const flow = this.used;
    this.keys[flow * KEY_WORDS] = readI32(bytes, offset + ETH_BYTES + SRC_BYTE);
    this.keys[flow * KEY_WORDS + 1] = readI32(bytes, offset + ETH_BYTES + DST_BYTE);
    this.keys[flow * KEY_WORDS + 2] = portsOf(bytes, offset, frameBytes);
    this.keys[flow * KEY_WORDS + 3] = ipv4Protocol(bytes, offset + ETH_BYTES);
    this.slots[slot] = flow;
    this.used = flow + 1;
    return flow;
  }

  /** The slot that holds the frame's flow, or the one where it would go. */
  private slotOf(bytes: Uint8Array, offset: number, frameBytes: number): number {
    const keys = this.keys;
    const src = readI32(bytes, offset + ETH_BYTES + SRC_BYTE);
    const dst = readI32(bytes, offset + ETH_BYTES + DST_BYTE);
    const ports = portsOf(bytes, offset, frameBytes);
    const protocol = ipv4Protocol(bytes, offset + ETH_BYTES);
    const { factors } = this;
    let sum = protocol * factors[0] + (src & 0xffff) * factors[1] + (src >>> 16) * factors[2];
    sum += (dst & 0xffff) * factors[3] + (dst >>> 16) * factors[4];
    sum += (ports & 0xffff) * factors[5] + (ports >>> 16) * factors[6];
    let slot = reduceHash(sum) & this.mask;
    for (;;) {
      const flow = this.slots[slot];
      if (flow === FLOW_UNKNOWN) return slot;
      const key = flow * KEY_WORDS;
      if (keys[key] === src && keys[key + 1] === dst && keys[key + 2] === ports && keys[key + 3] === protocol)
        return slot;
      slot = (slot + 1) & this.mask;
    }
  }
}

/** Both ports of an unfragmented TCP or UDP packet as one word, otherwise 0. */
function portsOf(bytes: Uint8Array, offset: number, frameBytes: number): number {
  const ports = ipv4PortsByte(bytes, offset + ETH_BYTES, offset + frameBytes);
  return ports < 0 ? 0 : readI32(bytes, ports);
}
