// ARP for IPv4 on Ethernet, RFC 826. Byte offsets are the packet's, behind the Ethernet header.
//
//   0          2          4         6           8            14               18           24               28
//   | hardware | protocol | lengths | operation | sender MAC | sender address | target MAC | target address |
import {
  ETHERTYPE_ARP,
  ETH_DST_BYTE,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  ETH_TYPE_BYTE,
  macHigh,
  macLow,
  writeMac,
} from './ethernet.ts';
import { readU16, readU32, writeU16, writeU32 } from './network-order.ts';

/** Length of the frame in memory: 42 bytes of content, padded to the Ethernet minimum, without FCS. */
export const ARP_FRAME_BYTES = 60;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604;
const OPERATION_BYTE = 6;
const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;
const SENDER_MAC_BYTE = 8;
const SENDER_ADDRESS_BYTE = 14;
const TARGET_MAC_BYTE = 18;
const TARGET_ADDRESS_BYTE = 24;
const ARP_PACKET_BYTES = 28;

/**
 * Writes the announcement of one IPv4 address at byte `offset`: gratuitous ARP (RFC 5227 section 3), by which a host
 * tells its network, and every bridge on the way, where its address is. A request for its own address, to everybody.
 */
export function writeAnnouncement(bytes: Uint8Array, offset: number, high: number, low: number, address: number): void {
  bytes.fill(0, offset, offset + ARP_FRAME_BYTES);
  writeMac(bytes, offset + ETH_DST_BYTE, 0xffff, -1);
  writeMac(bytes, offset + ETH_SRC_BYTE, high, low);
  writeU16(bytes, offset + ETH_TYPE_BYTE, ETHERTYPE_ARP);
  const arp = offset + ETH_HEADER_BYTES;
  writeU16(bytes, arp, HARDWARE_ETHERNET);
  writeU16(bytes, arp + 2, PROTOCOL_IPV4);
  writeU16(bytes, arp + 4, ADDRESS_LENGTHS);
  writeU16(bytes, arp + OPERATION_BYTE, OPERATION_REQUEST);
  writeMac(bytes, arp + SENDER_MAC_BYTE, high, low);
  writeU32(bytes, arp + SENDER_ADDRESS_BYTE, address);
  writeU32(bytes, arp + TARGET_ADDRESS_BYTE, address);
}

/** True when the frame at `offset`, an ARP frame by its type, asks who has `address` (RFC 826). */
export function isArpRequestFor(bytes: Uint8Array, offset: number, frameBytes: number, address: number): boolean {
  const arp = offset + ETH_HEADER_BYTES;
  return (
    frameBytes >= ETH_HEADER_BYTES + ARP_PACKET_BYTES &&
    readU16(bytes, arp) === HARDWARE_ETHERNET &&
    readU16(bytes, arp + 2) === PROTOCOL_IPV4 &&
    readU16(bytes, arp + 4) === ADDRESS_LENGTHS &&
    readU16(bytes, arp + OPERATION_BYTE) === OPERATION_REQUEST &&
    readU32(bytes, arp + TARGET_ADDRESS_BYTE) === address
  );
}

/** Turns such a request into the reply of the station that has the address: it is at the MAC address given. */
export function turnIntoArpReply(bytes: Uint8Array, offset: number, high: number, low: number): void {
  const arp = offset + ETH_HEADER_BYTES;
  const address = readU32(bytes, arp + TARGET_ADDRESS_BYTE);
  writeU16(bytes, arp + OPERATION_BYTE, OPERATION_REPLY);
  // Who asked becomes the target, address and all.
  bytes.copyWithin(arp + TARGET_MAC_BYTE, arp + SENDER_MAC_BYTE, arp + TARGET_MAC_BYTE);
  writeMac(bytes, arp + SENDER_MAC_BYTE, high, low);
  writeU32(bytes, arp + SENDER_ADDRESS_BYTE, address);
  writeMac(bytes, offset + ETH_DST_BYTE, macHigh(bytes, arp + TARGET_MAC_BYTE), macLow(bytes, arp + TARGET_MAC_BYTE));
  writeMac(bytes, offset + ETH_SRC_BYTE, high, low);
}
