/**
 * What the owner of a mapping notes of the TCP connections that use it, in the 32 bits it has for that:
 *
 *     | hash of the remote endpoint, 29 bits | state, 3 bits |
 *
 * A mapping serves whoever its inside endpoint talks to (RFC 4787 REQ-1), and there is room for one connection. So a
 * mapping that is used with a second remote endpoint before the first connection has closed is SHARED from then on:
 * whether all its connections have closed is not known, so it keeps the timeout of established ones. So does, once in
 * 2^29, a mapping with two remote endpoints of the same hash as long as neither has closed: the two count as one.
 */
import { hashEndpoint, portKey } from '../../../src/net/tables/endpoint-table.ts';
import { IP_PROTOCOL_TCP } from '../../../src/net/wire/ipv4.ts';
import { TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/net/tcp/tcp.ts';

const TCP = IP_PROTOCOL_TCP;
const FIN = TCP_FIN;
const SYN = TCP_SYN;
const RST = TCP_RST;

const STATE_MASK = 7;
/* Of the connection noted, as far as the segments that go out and the FIN that comes in show it. */
const OPENING = 0;
const ESTABLISHED = 1;
/** The inside has sent its FIN; the outside may go on for as long as it likes. */
const HALF_CLOSED = 2;
const CLOSED = 3;
/** The inside has sent a RST, which the outside may not have believed: RFC 5961 section 3. */
const RESET = 4;
const SHARED = 5;

/** A remote endpoint as notes know it. */
export function natRemote(address: number, port: number): number {
  return hashEndpoint(address, portKey(port, TCP)) & ~STATE_MASK;
}

/** The note of a mapping that this outgoing segment makes. */
export function natTcpNote(remote: number, flags: number): number {
  return natTcpNoteAfter(remote | OPENING, remote, flags, false);
}

/** Whether an outgoing segment begins a connection, which what came from outside before has nothing to do with. */
export function natTcpBegins(note: number, remote: number, flags: number): boolean {
  return (flags & SYN) !== 0 || remote !== (note & ~STATE_MASK);
}

/** Whether it matters, with an outgoing segment, that a FIN has come in. */
export function natTcpMayClose(note: number, flags: number): boolean {
  return (flags & FIN) !== 0 || (note & STATE_MASK) === HALF_CLOSED;
}

/**
 * The note after an outgoing segment to `remote`. RFC 5382 section 5 and RFC 6146 section 3.5.2.2, which RFC 7857
 * section 2 refers to: a connection is closing when both sides have sent a FIN, or one a RST.
 */
export function natTcpNoteAfter(note: number, remote: number, flags: number, finCameIn: boolean): number {
  const state = note & STATE_MASK;
  if (state === SHARED) return note;
  if (remote !== (note & ~STATE_MASK)) return state === CLOSED ? natTcpNote(remote, flags) : remote | SHARED;
  return remote | stateAfter(state, flags, finCameIn);
}

/** Whether a mapping with this note has the shorter timeout, of connections that are being opened or closed. */
export function natTcpIsTransitory(note: number): boolean {
  const state = note & STATE_MASK;
  return state === OPENING || state === CLOSED || state === RESET;
}

function stateAfter(state: number, flags: number, finCameIn: boolean): number {
  const over = state === CLOSED || state === RESET;
  if ((flags & RST) !== 0) return state === CLOSED ? CLOSED : RESET;
  // Of a connection that is open a SYN is an old one, or not its own.
  if ((flags & SYN) !== 0) return over ? OPENING : state;
  if (state === CLOSED) return CLOSED;
  if ((flags & FIN) !== 0 || state === HALF_CLOSED) return finCameIn ? CLOSED : HALF_CLOSED;
  return ESTABLISHED;
}
