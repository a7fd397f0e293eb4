// Ethernet II framing (IEEE 802.3 clause 3) and wire arithmetic. Frames in memory carry no FCS.
//
//   0            6            12      14
//   | dst MAC    | src MAC    | type  | payload ...
import { readI32, readU16, writeU16, writeU32 } from './network-order.ts';

export const ETH_DST_BYTE = 0;
export const ETH_SRC_BYTE = 6;
export const ETH_TYPE_BYTE = 12;
export const ETH_HEADER_BYTES = 14;
export const ETH_MAC_BYTES = 6;

/** Frame check sequence: on the wire and in every stated frame size, never in memory. */
export const ETH_FCS_BYTES = 4;
/**
 * Preamble 7, start frame delimiter 1, inter-frame gap 12: on the wire, in no frame size (IEEE 802.3 clauses 3.2,
 * 4.4.2).
 */
export const ETH_GAP_BYTES = 20;
/** Smallest frame including the FCS (minFrameSize, IEEE 802.3 clause 4.4.2); shorter ones are padded by the sender. */
export const ETH_FRAME_MIN_BYTES = 64;

/** An 802.1Q tag, control information and the type of what follows: VLAN_HLEN, include/linux/if_vlan.h. */
export const VLAN_TAG_BYTES = 4;

/** MTU of IEEE 802.3: ETH_DATA_LEN, include/uapi/linux/if_ether.h. */
export const MTU_STANDARD_BYTES = 1500;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
/** The outer tag of two: IEEE 802.1ad, S-TAG. */
export const ETHERTYPE_VLAN_OUTER = 0x88a8;
export const ETHERTYPE_IPV6 = 0x86dd;

const IPV4_BYTES_MIN = 20;
const HEADER_BYTES = ETH_HEADER_BYTES;
const TYPE_BYTE = ETH_TYPE_BYTE;
const VLAN = ETHERTYPE_VLAN;
const TAG_BYTES = VLAN_TAG_BYTES;
const IPV4 = ETHERTYPE_IPV4;

/** A MAC address as two numbers: its first 16 bits (0..65535) and its last 32 bits as a signed int32. */
export interface MacAddress {
  readonly high: number;
  readonly low: number;
}

/**
 * The longest frame without FCS that a device of this MTU sends: mtu + hard_header_len + VLAN_HLEN, as
 * is_skb_forwardable has it (net/core/dev.c): a tag is not counted against the MTU.
 */
export function frameBytesOfMtu(mtuBytes: number): number {
  return mtuBytes + ETH_HEADER_BYTES + VLAN_TAG_BYTES;
}

/** Type field of the frame at `offset`. */
export function etherType(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + ETH_TYPE_BYTE);
}

/**
 * Byte of the IPv4 header in the frame of `frameBytes` bytes at `offset`, behind an IEEE 802.1Q tag if there is one; -1
 * when the frame carries something else or is too short for a header.
 */
export function ipv4HeaderByte(bytes: Uint8Array, offset: number, frameBytes: number): number {
  let at = offset + HEADER_BYTES;
  let type = readU16(bytes, offset + TYPE_BYTE);
  if (type === VLAN) {
    type = readU16(bytes, at + 2);
    at += TAG_BYTES;
  }
  return type === IPV4 && at + IPV4_BYTES_MIN <= offset + frameBytes ? at : -1;
}

/** First 16 bits of the MAC address at byte `at`, which is the address's own offset, not the frame's. */
export function macHigh(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at);
}

/** Last 32 bits of the MAC address at byte `at`, as a signed int32. */
export function macLow(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at + 2);
}

/** Stores a MAC address at byte `at`. */
export function writeMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  writeU16(bytes, at, high);
  writeU32(bytes, at + 2, low);
}

/**
 * True for group addresses, broadcast included: the I/G bit is the lowest bit of the first octet (IEEE 802 clause 8.2).
 */
export function isMulticast(high: number): boolean {
  return (high & 0x0100) !== 0;
}

/** Parses `aa:bb:cc:dd:ee:ff` in either case. Throws a message that quotes the text. */
export function parseMac(text: string): MacAddress {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new Error(
      `"${text}" is not a MAC address: expected six two-digit hexadecimal octets such as 02:00:00:00:00:01`,
    );
  }
  const digits = text.replaceAll(':', '');
  return { high: parseInt(digits.slice(0, 4), 16), low: parseInt(digits.slice(4), 16) | 0 };
}

/** The six octets of `aa:bb:cc:dd:ee:ff`. */
export function macOctets(text: string): number[] {
  return text.split(':').map((octet) => parseInt(octet, 16));
}

/** Lower-case `aa:bb:cc:dd:ee:ff`. */
export function formatMac(high: number, low: number): string {
  const digits = high.toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0');
  return digits.replace(/(..)(?=.)/g, '$1:');
}

/**
 * Bytes of wire a frame takes up: padding to the minimum, FCS, preamble and gap included. A whole number on purpose: a
 * sender that multiplies it by the time of a byte itself gets no number boxed for each frame.
 */
export function wireBytes(frameBytesWithoutFcs: number): number {
  const size = frameBytesWithoutFcs + ETH_FCS_BYTES;
  return (size < ETH_FRAME_MIN_BYTES ? ETH_FRAME_MIN_BYTES : size) + ETH_GAP_BYTES;
}

/** Most frames per second of one size that fit the wire; the size includes the FCS (RFC 2544 section 20). */
export function lineRateFps(frameSizeInclFcs: number, bitsPerSecond: number): number {
  const size = Math.max(frameSizeInclFcs, ETH_FRAME_MIN_BYTES);
  return bitsPerSecond / ((size + ETH_GAP_BYTES) * 8);
}
