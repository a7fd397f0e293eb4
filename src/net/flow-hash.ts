// Receive-side scaling: the Toeplitz hash of the 2-tuple or 4-tuple, as NICs and virtio-net compute it (Microsoft "RSS
// hashing functions"; VIRTIO 1.2 section 5.1.6.4.3, "Hash calculation for incoming packets").
//
// For every set bit of the input, counted from the left, the hash takes in the 32 key bits that start at that bit's
// position. The contribution of one input byte at one position is therefore a function of 256 values: the hash of an
// IPv4 flow is the exclusive or of 8 or 12 table entries.
import { ETH_HEADER_BYTES, ETHERTYPE_IPV4, etherType } from './ethernet.ts';
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_HEADER_MIN_BYTES,
  IPV4_SRC_BYTE,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Version,
} from './ipv4.ts';

const IPV4_TYPE = ETHERTYPE_IPV4;
const ETH_BYTES = ETH_HEADER_BYTES;
const IPV4_MIN_BYTES = IPV4_HEADER_MIN_BYTES;
const SRC_BYTE = IPV4_SRC_BYTE;
const TCP = IP_PROTOCOL_TCP;
const UDP = IP_PROTOCOL_UDP;

const INPUT_BYTES = 12;
/** Key bytes an implementation has to support at least (VIRTIO 1.2 section 5.1.6.5.6.4, rss_max_key_size). */
export const RSS_KEY_BYTES = 40;

/** The key of Microsoft's "Verifying the RSS hash calculation", which many drivers ship. */
export const RSS_MICROSOFT_KEY: Uint8Array = Uint8Array.from([
  0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
  0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
  0x01, 0xfa,
]);

/** Toeplitz hash with one key. Hashes are signed int32; `hash & mask` indexes an indirection table. */
export class ToeplitzHash {
  /** Contribution of byte value v at input position p, at p * 256 + v. */
  private readonly table = new Int32Array(INPUT_BYTES * 256);

  /** Throws when the key has fewer than 40 bytes. */
  constructor(key: Uint8Array = RSS_MICROSOFT_KEY) {
    if (key.length < RSS_KEY_BYTES)
      throw new RangeError(`RSS key has ${key.length} bytes, at least ${RSS_KEY_BYTES} are needed`);
    for (let position = 0; position < INPUT_BYTES; position += 1) {
      for (let value = 0; value < 256; value += 1) {
        let hash = 0;
        for (let bit = 0; bit < 8; bit += 1) {
          if ((value & (0x80 >>> bit)) !== 0) hash ^= keyWindow(key, position * 8 + bit);
        }
        this.table[position * 256 + value] = hash;
      }
    }
  }

  /** Hash of source and destination address of the IPv4 header at `ipOffset`. */
  hashAddresses(bytes: Uint8Array, ipOffset: number): number {
    const table = this.table;
    const at = ipOffset + SRC_BYTE;
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

  /** Hash of addresses and ports; the TCP or UDP header lies at `l4Offset`. */
  hashAddressesAndPorts(bytes: Uint8Array, ipOffset: number, l4Offset: number): number {
    const table = this.table;
    return (
      this.hashAddresses(bytes, ipOffset) ^
      table[2048 + bytes[l4Offset]] ^
      table[2304 + bytes[l4Offset + 1]] ^
      table[2560 + bytes[l4Offset + 2]] ^
      table[2816 + bytes[l4Offset + 3]]
    );
  }

  /**
   * Hash of an Ethernet frame of `frameBytes` bytes: the 4-tuple of an unfragmented TCP or UDP packet, the 2-tuple of
   * any other IPv4 packet, zero for everything else (hash types IPv4, TCPv4 and UDPv4 enabled). Reads within the frame
   * only.
   */
  hashFrame(bytes: Uint8Array, offset: number, frameBytes: number): number {
    const ipOffset = offset + ETH_BYTES;
    if (frameBytes < ETH_BYTES + IPV4_MIN_BYTES || etherType(bytes, offset) !== IPV4_TYPE) return 0;
    if (ipv4Version(bytes, ipOffset) !== 4) return 0;
    const protocol = ipv4Protocol(bytes, ipOffset);
    const headerBytes = ipv4HeaderBytes(bytes, ipOffset);
    const hasPorts =
      (protocol === TCP || protocol === UDP) &&
      headerBytes >= IPV4_MIN_BYTES &&
      ETH_BYTES + headerBytes + 4 <= frameBytes &&
      !ipv4IsFragment(bytes, ipOffset);
    return hasPorts
      ? this.hashAddressesAndPorts(bytes, ipOffset, ipOffset + headerBytes)
      : this.hashAddresses(bytes, ipOffset);
  }
}

/** The 32 key bits that start at bit `first`, counted from the left. */
function keyWindow(key: Uint8Array, first: number): number {
  const byte = first >>> 3;
  const shift = first & 7;
  const word = (key[byte] << 24) | (key[byte + 1] << 16) | (key[byte + 2] << 8) | key[byte + 3];
  return (word << shift) | (key[byte + 4] >>> (8 - shift));
}
