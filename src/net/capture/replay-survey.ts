/** What a capture holds, for people to know before it is replayed: what is sent, and what of it no router forwards. */
import { ipv4ChecksumOk } from '../wire/checksum.ts';
import {
  ETH_FCS_BYTES,
  ETH_HEADER_BYTES,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  ETHERTYPE_VLAN_OUTER,
  etherType,
  frameBytesOfMtu,
  isMulticast,
  macHigh,
  VLAN_TAG_BYTES,
} from '../wire/ethernet.ts';
import { ipv4Dst, ipv4HeaderBytes, ipv4IsFragment, ipv4TotalBytes, ipv4Ttl } from '../wire/ipv4.ts';
import { dropPriorityTag } from '../wire/vlan.ts';
import { copyFrame, MARK_BEYOND } from './capture.ts';
import { hasIpv4Header } from './replay-addressing.ts';
import { isSelected, lengthOnWire } from './replay-frames.ts';
import type { ReplaySelection } from './replay-frames.ts';

/** Why a router does not forward frames that are sent: what they are. */
export const UNFORWARDED = {
  superFrame: 'longer than the MTU of the wire (super-frames of an offload)',
  vlan: 'in a VLAN, by their tag',
  nestedVlan: 'in nested VLANs (QinQ)',
  arp: 'ARP',
  ipv6: 'IPv6',
  otherProtocol: 'neither IP nor ARP',
  badHeader: 'IPv4 with a malformed or cut header',
  badChecksum: 'IPv4 with a wrong header checksum',
  group: 'for a multicast or broadcast address',
  nowhere: 'for an address that is never routed (0/8, 127/8)',
  ttl: 'with a TTL that ends at the router',
} as const;
export type Unforwarded = keyof typeof UNFORWARDED;

/** What is remarkable about frames that are sent. */
export const REMARKS = {
  cut: 'cut when they were captured: the missing end is sent as zeros',
  beyond: 'longer in the file than the file says they were: sent as they are',
  fragment: 'fragments: identification kept; no latency of equal ones within 1 s',
  priority: 'with a priority tag (VID 0): untagged to the guest',
} as const;
export type Remark = keyof typeof REMARKS;

/** One stream's frames of a capture. */
export interface ReplaySurvey {
  /** Frames of its part that are sent. */
  readonly sent: number;
  /** Frames of its part without so much as an Ethernet header: they cannot be sent. */
  readonly runts: number;
  /** Mean size on the wire, FCS included; NaN where nothing is sent. */
  readonly meanFrameBytes: number;
  /** Frames/s by the capture's own times; null where it has none. */
  readonly capturedFps: number | null;
  /** Frames that are sent and will not be forwarded, by reason. */
  readonly unforwarded: Readonly<Record<Unforwarded, number>>;
  readonly remarks: Readonly<Record<Remark, number>>;
}

/** Bytes of a frame that are looked at: tag, and IPv4 with options. */
const HEAD_BYTES = ETH_HEADER_BYTES + VLAN_TAG_BYTES + 60;

/** Looks through what a stream replays that leaves by a port of that MTU. */
export function surveyReplay(selection: ReplaySelection, mtuBytes: number): ReplaySurvey {
  const { capture, parts, part, times } = selection;
  const unforwarded = zeros(Object.keys(UNFORWARDED) as Unforwarded[]);
  const remarks = zeros(Object.keys(REMARKS) as Remark[]);
  const head = new Uint8Array(HEAD_BYTES);
  let sent = 0;
  let runts = 0;
  let wireBytes = 0;
  for (let i = 0; i < capture.frameCount; i += 1) {
    if (!isSelected(selection, i)) {
      if (parts[i] === part) runts += 1;
      continue;
    }
    sent += 1;
    let onWire = lengthOnWire(capture, i);
    wireBytes += onWire + ETH_FCS_BYTES;
    let held = Math.min(capture.lengths[i], HEAD_BYTES);
    copyFrame(capture, i, held, head, 0);
    const untagged = dropPriorityTag(head, 0, held);
    if (untagged < held) {
      remarks.priority += 1;
      held = untagged;
      onWire -= VLAN_TAG_BYTES;
    }
    if (capture.originalLengths[i] > capture.lengths[i]) remarks.cut += 1;
    if ((capture.marks[i] & MARK_BEYOND) !== 0) remarks.beyond += 1;
    const reason = onWire > frameBytesOfMtu(mtuBytes) ? 'superFrame' : reasonOf(head, held, onWire);
    if (reason !== null) unforwarded[reason] += 1;
    else if (ipv4IsFragment(head, ETH_HEADER_BYTES)) remarks.fragment += 1;
  }
  const capturedFps = times.roundNs > 0 ? (sent * 1e9) / times.roundNs : null;
  return { sent, runts, meanFrameBytes: wireBytes / sent, capturedFps, unforwarded, remarks };
}

/** Why a router does not forward the frame of which the first `held` bytes are in `head`; null where it does. */
function reasonOf(head: Uint8Array, held: number, onWire: number): Unforwarded | null {
  const type = etherType(head, 0);
  if (type === ETHERTYPE_VLAN_OUTER) return 'nestedVlan';
  if (type === ETHERTYPE_VLAN) {
    const inner = held >= ETH_HEADER_BYTES + VLAN_TAG_BYTES ? etherType(head, VLAN_TAG_BYTES) : 0;
    return inner === ETHERTYPE_VLAN || inner === ETHERTYPE_VLAN_OUTER ? 'nestedVlan' : 'vlan';
  }
  if (type === ETHERTYPE_ARP) return 'arp';
  if (type === ETHERTYPE_IPV6) return 'ipv6';
  if (type !== ETHERTYPE_IPV4) return 'otherProtocol';
  if (isMulticast(macHigh(head, 0))) return 'group';
  const ip = ETH_HEADER_BYTES;
  if (!hasIpv4Header(head, 0, held)) return 'badHeader';
  const headerBytes = ipv4HeaderBytes(head, ip);
  const totalBytes = ipv4TotalBytes(head, ip);
  if (totalBytes < headerBytes || ip + totalBytes > onWire) return 'badHeader';
  if (!ipv4ChecksumOk(head, ip, headerBytes)) return 'badChecksum';
  const firstOctet = ipv4Dst(head, ip) >>> 24;
  if (firstOctet >= 224) return 'group';
  if (firstOctet === 0 || firstOctet === 127) return 'nowhere';
  return ipv4Ttl(head, ip) <= 1 ? 'ttl' : null;
}

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
