/**
 * Link types of captures: those that an Ethernet frame can be made of, and the names of others, with what converts
 * them. Numbers of the LINKTYPE_ registry (draft-ietf-opsawg-pcaplinktype).
 */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';

/** Link type of Ethernet. */
export const LINKTYPE_ETHERNET = 1;

/** Direction of a captured frame, as seen by the machine that captured it. */
export const DIRECTION_UNKNOWN = 0;
export const DIRECTION_IN = 1;
export const DIRECTION_OUT = 2;

/** What a link-layer header in place of Ethernet's says, for frames that get an Ethernet header. */
export interface LinkHeader {
  /** Length of the header that is replaced. */
  bytes: number;
  /** Type for the Ethernet header; 0 where the packet is of no kind that has one. */
  etherType: number;
  /** The frame was sent to a group address. */
  group: boolean;
  direction: number;
}

/** Reads the header at `at` of a frame of `length` bytes into `header`; false when it is not whole. */
type HeaderReader = (view: DataView, at: number, length: number, header: LinkHeader) => boolean;

/** Address families as BSD systems number them: AF_INET is 2 everywhere, AF_INET6 is not. */
const FAMILY_IPV4 = 2;
const FAMILIES_IPV6: readonly number[] = [10, 24, 28, 30];

/** sll_pkttype of packet(7). */
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;
const PACKET_OUTGOING = 4;

/** The packet itself, without a header: the version tells what it is. */
function readRaw(view: DataView, at: number, length: number, header: LinkHeader): boolean {
  if (length < 1) return false;
  const version = view.getUint8(at) >>> 4;
  header.bytes = 0;
  header.etherType = version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : 0;
  return true;
}

/** LINKTYPE_NULL has the address family in the byte order of the machine, LINKTYPE_LOOP in that of the network. */
function readFamily(view: DataView, at: number, length: number, header: LinkHeader): boolean {
  if (length < 4) return false;
  const big = view.getUint32(at, false);
  const family = big > 0xffff ? view.getUint32(at, true) : big;
  header.bytes = 4;
  header.etherType = family === FAMILY_IPV4 ? ETHERTYPE_IPV4 : FAMILIES_IPV6.includes(family) ? ETHERTYPE_IPV6 : 0;
  return true;
}

/** LINKTYPE_LINUX_SLL: packet type, hardware type, address length, address, protocol. */
function readSll(view: DataView, at: number, length: number, header: LinkHeader): boolean {
  if (length < 16) return false;
  header.bytes = 16;
  header.etherType = protocolOf(view.getUint16(at + 14, false));
  setPacketType(header, view.getUint16(at, false));
  return true;
}

/** LINKTYPE_LINUX_SLL2: protocol, reserved, interface, hardware type, packet type, address length, address. */
function readSll2(view: DataView, at: number, length: number, header: LinkHeader): boolean {
  if (length < 20) return false;
  header.bytes = 20;
  header.etherType = protocolOf(view.getUint16(at, false));
  setPacketType(header, view.getUint8(at + 10));
  return true;
}

/** Protocols below 1536 are lengths or Linux's own numbers (LINUX_SLL_P_802_2 and others), no EtherType. */
function protocolOf(protocol: number): number {
  return protocol >= 0x0600 ? protocol : 0;
}

function setPacketType(header: LinkHeader, type: number): void {
  header.group = type === PACKET_BROADCAST || type === PACKET_MULTICAST;
  header.direction = type === PACKET_OUTGOING ? DIRECTION_OUT : DIRECTION_IN;
}

/** Link types that are converted. */
const READERS: Readonly<Record<number, HeaderReader>> = {
  0: readFamily,
  12: readRaw,
  14: readRaw,
  101: readRaw,
  108: readFamily,
  113: readSll,
  228: readRaw,
  229: readRaw,
  276: readSll2,
};

/** How frames of this link type are made Ethernet frames; null for Ethernet, and for types that cannot be. */
export function headerReaderOf(linkType: number): HeaderReader | null {
  return READERS[linkType] ?? null;
}

const TCPREWRITE = '"tcprewrite --dlt=enet --enet-dmac=MAC --enet-smac=MAC" converts it';
const AIRDECAP = '"airdecap-ng FILE" converts it where it is not or no longer encrypted';
const ERF = '"editcap -T ether FILE OUT" converts it where it holds Ethernet';
const EXPORT = '"tshark -r FILE -U ip -w OUT" exports its IP packets';
const NO_TOOL = 'there is no IP packet in it to send';

/** What other link types are called, and what makes Ethernet frames of them. */
const OTHERS: Readonly<Record<number, readonly [name: string, remedy: string]>> = {
  6: ['Token Ring', EXPORT],
  7: ['ARCNET', EXPORT],
  8: ['SLIP', EXPORT],
  9: ['PPP', EXPORT],
  10: ['FDDI', EXPORT],
  50: ['PPP over a serial line', TCPREWRITE],
  51: ['PPP over Ethernet', EXPORT],
  104: ['Cisco HDLC', TCPREWRITE],
  105: ['Wi-Fi (IEEE 802.11)', AIRDECAP],
  107: ['Frame Relay', EXPORT],
  117: ["OpenBSD's pf log", EXPORT],
  119: ['Wi-Fi with a Prism header', AIRDECAP],
  127: ['Wi-Fi with a radiotap header', AIRDECAP],
  163: ['Wi-Fi with an AVS header', AIRDECAP],
  166: ['PPP with a direction', EXPORT],
  178: ['Juniper Ethernet', TCPREWRITE],
  187: ['Bluetooth HCI', NO_TOOL],
  189: ['USB of Linux', NO_TOOL],
  192: ['per-packet information (PPI)', EXPORT],
  195: ['IEEE 802.15.4', EXPORT],
  197: ['Endace ERF', ERF],
  201: ['Bluetooth HCI with a direction', NO_TOOL],
  220: ['USB of Linux', NO_TOOL],
  227: ['CAN bus', NO_TOOL],
  230: ['IEEE 802.15.4', EXPORT],
  239: ["netfilter's log", EXPORT],
  242: ['IP over InfiniBand', EXPORT],
  247: ['InfiniBand', EXPORT],
  249: ['USB of Windows', NO_TOOL],
  252: ["Wireshark's exported packets", EXPORT],
  253: ['netlink of Linux', NO_TOOL],
  258: ["Apple's pktap", EXPORT],
};

/** A link type that is not replayed, in words, and what can be done. */
export function describeLinkType(linkType: number): { readonly name: string; readonly remedy: string } {
  const [name, remedy] = OTHERS[linkType] ?? ['of no type known here', EXPORT];
  return { name: `${name} (link type ${linkType})`, remedy };
}
