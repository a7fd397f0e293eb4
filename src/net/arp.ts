// Gratuitous ARP (RFC 5227 section 3, "ARP announcement"): a host tells its network, and every bridge on the way, where
// its address is. A request for the sender's own address, to everybody.
import { ETHERTYPE_ARP, ETH_DST_BYTE, ETH_HEADER_BYTES, ETH_SRC_BYTE, ETH_TYPE_BYTE, writeMac } from './ethernet.ts';
import { writeU16, writeU32 } from './network-order.ts';

/** Length of the frame in memory: 42 bytes of content, padded to the Ethernet minimum, without FCS. */
export const ARP_FRAME_BYTES = 60;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604;
const OPERATION_REQUEST = 1;

/** Writes the announcement of one IPv4 address at byte `offset`. */
export function writeAnnouncement(bytes: Uint8Array, offset: number, high: number, low: number, address: number): void {
  bytes.fill(0, offset, offset + ARP_FRAME_BYTES);
  writeMac(bytes, offset + ETH_DST_BYTE, 0xffff, -1);
  writeMac(bytes, offset + ETH_SRC_BYTE, high, low);
  writeU16(bytes, offset + ETH_TYPE_BYTE, ETHERTYPE_ARP);
  const arp = offset + ETH_HEADER_BYTES;
  writeU16(bytes, arp, HARDWARE_ETHERNET);
  writeU16(bytes, arp + 2, PROTOCOL_IPV4);
  writeU16(bytes, arp + 4, ADDRESS_LENGTHS);
  writeU16(bytes, arp + 6, OPERATION_REQUEST);
  writeMac(bytes, arp + 8, high, low);
  writeU32(bytes, arp + 14, address);
  writeU32(bytes, arp + 24, address);
}
