// The IEEE 802.1Q tag: four bytes between a frame's addresses and its type.
//
//   12      14                  16
//   | 8100  | PCP 3, DEI 1, VID 12 | type ...
//
// A whole word, and the addresses before it are three: where a frame lies at a multiple of four, a tag goes in or out
// by moving three words.
import { ETH_HEADER_BYTES, ETH_TYPE_BYTE, ETHERTYPE_VLAN, etherType, VLAN_TAG_BYTES } from './ethernet.ts';
import { readU16 } from './network-order.ts';

/** VIDs that name a VLAN; 0 is for priority tags and 4095 is reserved (IEEE 802.1Q table 9-2). */
export const VLAN_MIN = 1;
export const VLAN_MAX = 4094;
/** Of a frame without a tag, or with a priority tag. */
export const VLAN_NONE = 0;

const VLAN = ETHERTYPE_VLAN;
const TCI_BYTE = ETH_TYPE_BYTE + 2;
const VID_MASK = 0xfff;
const TYPE_BYTE = ETH_TYPE_BYTE;
const TAG_BYTES = VLAN_TAG_BYTES;
const TAGGED_BYTES_MIN = ETH_HEADER_BYTES + VLAN_TAG_BYTES;

/** VID of the frame at byte `offset`, 0..4095: VLAN_NONE where it bears no tag. */
export function vlanOf(bytes: Uint8Array, offset: number): number {
  return etherType(bytes, offset) === VLAN ? readU16(bytes, offset + TCI_BYTE) & VID_MASK : VLAN_NONE;
}

/** Type of what the frame at byte `offset` carries, behind its tag if it bears one. */
export function carriedType(bytes: Uint8Array, offset: number): number {
  const type = etherType(bytes, offset);
  return type === VLAN ? etherType(bytes, offset + VLAN_TAG_BYTES) : type;
}

/** Length of what a priority tag (VID 0) leaves of the frame at byte `offset`, once it is taken out; its own without. */
export function dropPriorityTag(bytes: Uint8Array, offset: number, frameBytes: number): number {
  const isTagged = bytes[offset + TYPE_BYTE] === VLAN >>> 8 && etherType(bytes, offset) === VLAN;
  if (!isTagged || frameBytes < TAGGED_BYTES_MIN || (readU16(bytes, offset + TCI_BYTE) & VID_MASK) !== VLAN_NONE) {
    return frameBytes;
  }
  bytes.copyWithin(offset + TYPE_BYTE, offset + TYPE_BYTE + TAG_BYTES, offset + frameBytes);
  return frameBytes - TAG_BYTES;
}

/**
 * Puts a tag of priority 0 into the frame that lies at word `at` + 1, which then lies at word `at`.
 *
 * @param vlan 1..4094.
 */
export function insertTag(words: Int32Array, at: number, vlan: number): void {
  words[at] = words[at + 1];
  words[at + 1] = words[at + 2];
  words[at + 2] = words[at + 3];
  words[at + 3] = (VLAN >>> 8) | ((VLAN & 0xff) << 8) | ((vlan >>> 8) << 16) | ((vlan & 0xff) << 24);
}

/** Takes the tag out of the frame that lies at word `at`, which then lies at word `at` + 1. */
export function removeTag(words: Int32Array, at: number): void {
  words[at + 3] = words[at + 2];
  words[at + 2] = words[at + 1];
  words[at + 1] = words[at];
}
