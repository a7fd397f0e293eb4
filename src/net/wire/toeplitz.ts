/**
 * The Toeplitz hash of receive-side scaling (Microsoft, "RSS Hashing Functions"; VIRTIO 1.x section 5.1.6.4.3): for
 * each input bit that is set, the 32 key bits that begin at its position, all of them added modulo two. The sum is
 * linear, so a table gives the contribution of each value of each input byte, and a hash is one look-up a byte.
 */

/** Addresses and ports: the longest input of IPv4, and its part without ports. */
export const TUPLE4_BYTES = 12;
export const TUPLE2_BYTES = 8;
/** A key has as many bits as the input, and a window of 32 bits behind the last one. */
export const RSS_KEY_BYTES_MIN: number = TUPLE4_BYTES + 4;

/** The key of Microsoft's verification suite, the usual default of drivers (40 bytes, as IPv6 needs). */
export const RSS_KEY: Uint8Array = Uint8Array.of(
  ...[0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca],
  ...[0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b],
  ...[0xbe, 0xac, 0x01, 0xfa],
);

/** A key made ready for IPv4 tuples: source address, destination address, source port, destination port. */
export class Toeplitz {
  /** 256 contributions for each input byte. */
  private readonly table = new Int32Array(TUPLE4_BYTES * 256);

  /** @throws RangeError when the key is shorter than RSS_KEY_BYTES_MIN. */
  constructor(key: Uint8Array) {
    if (key.length < RSS_KEY_BYTES_MIN) {
      throw new RangeError(`RSS key of ${key.length} bytes: IPv4 with ports needs ${RSS_KEY_BYTES_MIN}`);
    }
    for (let position = 0; position < TUPLE4_BYTES; position++) {
      for (let value = 0; value < 256; value++) this.table[position * 256 + value] = contribution(key, position, value);
    }
  }

  /** Hash of the two IPv4 addresses that begin at byte `at`, as int32. */
  hashAddresses(bytes: Uint8Array, at: number): number {
    const table = this.table;
    return (
      table[bytes[at]] ^
      table[256 + bytes[at + 1]] ^
      table[512 + bytes[at + 2]] ^
      table[768 + bytes[at + 3]] ^
      table[1024 + bytes[at + 4]] ^
      table[1280 + bytes[at + 5]] ^
      table[1536 + bytes[at + 6]] ^
      table[1792 + bytes[at + 7]]
    );
  }

  /** What the two ports that begin at byte `at` add to the hash of their addresses (exclusive or), as int32. */
  hashPorts(bytes: Uint8Array, at: number): number {
    const table = this.table;
    return (
      table[2048 + bytes[at]] ^ table[2304 + bytes[at + 1]] ^ table[2560 + bytes[at + 2]] ^ table[2816 + bytes[at + 3]]
    );
  }
}

/** The key's windows at the set bits of one input byte. */
function contribution(key: Uint8Array, position: number, value: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit++) {
    if ((value & (0x80 >>> bit)) !== 0) sum ^= keyWindow(key, position * 8 + bit);
  }
  return sum;
}

/** The 32 bits of the key that begin at bit `first`, the most significant bit of byte 0 being bit 0. */
function keyWindow(key: Uint8Array, first: number): number {
  let window = 0;
  for (let bit = first; bit < first + 32; bit++) {
    window = (window << 1) | ((key[bit >> 3] >>> (7 - (bit & 7))) & 1);
  }
  return window;
}
