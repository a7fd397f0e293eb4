import { ETHERTYPE_ARP, ETH_HEADER_BYTES, etherType } from '../../../src/net/wire/ethernet.ts';
import { SEGMENT_BAD_CHECKSUM, SEGMENT_GOOD, segmentFault } from '../../../src/net/tcp/tcp-segment.ts';
import { TCP_TAKEN } from '../../../src/net/tcp/tcp-user.ts';
import type { GuestPort } from './ipv4-input.ts';
import { IPV4_ACCEPTED, IPV4_INPUT_DROPS, acceptIpv4 } from './ipv4-input.ts';
import { CONSUMED, dropped } from './network-function.ts';

/** Every function that ends TCP connections has these reasons. */
export const TCP_INPUT_DROPS = [
  ...IPV4_INPUT_DROPS,
  { name: 'nf_not_tcp', reason: 'not TCP, or a fragment' },
  { name: 'nf_tcp_malformed', reason: 'TCP header malformed or truncated' },
  { name: 'nf_tcp_bad_checksum', reason: 'TCP checksum wrong' },
  { name: 'nf_tcp_out_of_order', reason: 'TCP segment beyond what is expected next' },
  { name: 'nf_tcp_duplicate', reason: 'TCP segment that was there already' },
  { name: 'nf_tcp_no_socket', reason: 'TCP segment of no connection (answered with RST)' },
  { name: 'nf_tcp_table_full', reason: 'SYN for which the connection table had no room' },
  { name: 'nf_tcp_unacceptable', reason: 'TCP segment that its connection cannot accept' },
] as const;
/** SEGMENT_ faults, and after them TCP_ verdicts, count from 1; the reasons for them follow each other above. */
const SEGMENT_FIRST = IPV4_INPUT_DROPS.length - 1;
const VERDICT_FIRST = SEGMENT_FIRST + SEGMENT_BAD_CHECKSUM;

export const SEGMENT_ACCEPTED = 0;

/**
 * Takes a frame in as far as tcp_v4_rcv() in net/ipv4/tcp_ipv4.c looks for its connection.
 * @returns SEGMENT_ACCEPTED for a whole TCP segment to this port, otherwise what `process` answers.
 */
export function acceptSegment(bytes: Uint8Array, offset: number, length: number, own: GuestPort): number {
  // Neighbours tell everybody where they are; who they are to us is learned from what they send, or given by a route.
  if (etherType(bytes, offset) === ETHERTYPE_ARP) return CONSUMED;
  const refusal = acceptIpv4(bytes, offset, length, own);
  if (refusal !== IPV4_ACCEPTED) return refusal;
  const fault = segmentFault(bytes, offset + ETH_HEADER_BYTES);
  return fault === SEGMENT_GOOD ? SEGMENT_ACCEPTED : dropped(SEGMENT_FIRST + fault);
}

/** What `process` answers when an endpoint has given its TCP_ verdict. */
export function answerOf(verdict: number): number {
  return verdict === TCP_TAKEN ? CONSUMED : dropped(VERDICT_FIRST + verdict);
}

/** What a frame that ends at a TCP endpoint takes more, a share of its connection included: 256 bytes in, 1,024 out. */
const TCP_FRAME_NS = 2_800;
/** And with a TLS record each way, most of it for the connection's keys. */
export const TLS_FRAME_NS = 16_000;

/** CPU time that a frame of a function that ends TCP takes more than one that is forwarded, where `tlsShare` have TLS. */
export function tcpFrameNs(tlsSecret: readonly number[] | null, tlsShare: number): number {
  return TCP_FRAME_NS + (tlsSecret === null ? 0 : TLS_FRAME_NS * tlsShare);
}
