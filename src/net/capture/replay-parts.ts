/** The directions of a capture: which of its frames which streams replay. */
import { networkOf } from '../wire/address.ts';
import type { Ipv4Cidr } from '../wire/address.ts';
import { ETH_HEADER_BYTES, ETHERTYPE_IPV4, etherType, VLAN_TAG_BYTES } from '../wire/ethernet.ts';
import { IPV4_HEADER_MIN_BYTES, ipv4Dst, ipv4Src, ipv4Version } from '../wire/ipv4.ts';
import { carriedType } from '../wire/vlan.ts';
import { copyFrame, MARK_DIRECTION } from './capture.ts';
import type { Capture } from './capture.ts';
import type { ReplaySplit } from '../choices.ts';
import { DIRECTION_IN, DIRECTION_OUT } from './link-types.ts';

/** Of frames that belong to no direction. */
export const PART_NONE = 255;
const PARTS_MAX = 255;

/** Bytes looked at for addresses: Ethernet, a tag, IPv4. */
const HEAD_BYTES = ETH_HEADER_BYTES + VLAN_TAG_BYTES + IPV4_HEADER_MIN_BYTES;

/**
 * The part that each frame of a capture belongs to: all to part 0 without a split; by interface in the order of the
 * interfaces that have frames; by direction what was received and what was sent; by clients what comes from their
 * network and what goes there, while what stays inside or outside belongs to none.
 */
export function partsOf(capture: Capture, split: ReplaySplit, clients: Ipv4Cidr | null): Uint8Array {
  const parts = new Uint8Array(capture.frameCount);
  if (split === 'interface') splitByInterface(capture, parts);
  else if (split === 'direction') splitByDirection(capture, parts);
  else if (split === 'clients' && clients !== null) splitByClients(capture, parts, clients);
  return parts;
}

/** Interfaces that have frames, in ascending order. */
export function usedInterfaces({ frameCount, interfaceIds }: Capture): number[] {
  const used = new Set<number>();
  for (let i = 0; i < frameCount; i += 1) used.add(interfaceIds[i]);
  return [...used].sort((a, b) => a - b);
}

/** Whether frames of both directions are marked as such. */
export function hasBothDirections({ frameCount, marks }: Capture): boolean {
  let seen = 0;
  for (let i = 0; i < frameCount; i += 1) seen |= 1 << (marks[i] & MARK_DIRECTION);
  const both = (1 << DIRECTION_IN) | (1 << DIRECTION_OUT);
  return (seen & both) === both;
}

function splitByInterface(capture: Capture, parts: Uint8Array): void {
  const places = new Map(usedInterfaces(capture).map((id, place) => [id, place]));
  for (let i = 0; i < parts.length; i += 1) {
    const place = places.get(capture.interfaceIds[i]) ?? PART_NONE;
    parts[i] = place < PARTS_MAX ? place : PART_NONE;
  }
}

function splitByDirection({ marks }: Capture, parts: Uint8Array): void {
  for (let i = 0; i < parts.length; i += 1) {
    const direction = marks[i] & MARK_DIRECTION;
    parts[i] = direction === DIRECTION_IN ? 0 : direction === DIRECTION_OUT ? 1 : PART_NONE;
  }
}

function splitByClients(capture: Capture, parts: Uint8Array, clients: Ipv4Cidr): void {
  const head = new Uint8Array(HEAD_BYTES);
  const network = networkOf(clients);
  const size = 2 ** (32 - clients.prefixLength);
  const isClient = (address: number): boolean => address >= network && address < network + size;
  for (let i = 0; i < parts.length; i += 1) {
    parts[i] = PART_NONE;
    const ip = ipv4Byte(capture, i, head);
    if (ip < 0) continue;
    const from = isClient(ipv4Src(head, ip));
    if (from !== isClient(ipv4Dst(head, ip))) parts[i] = from ? 0 : 1;
  }
}

/** Byte of the IPv4 header in `head`, which gets the frame's first bytes; -1 where there is none. */
function ipv4Byte(capture: Capture, frame: number, head: Uint8Array): number {
  const length = Math.min(capture.lengths[frame], head.length);
  if (length < ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES) return -1;
  copyFrame(capture, frame, length, head, 0);
  const ip = ETH_HEADER_BYTES + (etherType(head, 0) === ETHERTYPE_IPV4 ? 0 : VLAN_TAG_BYTES);
  if (ip + IPV4_HEADER_MIN_BYTES > length || carriedType(head, 0) !== ETHERTYPE_IPV4) return -1;
  return ipv4Version(head, ip) === 4 ? ip : -1;
}
