// What a TCP endpoint and its user say to each other.
import type { TcpSenderConfig } from './tcp-sender.ts';

/** What became of a segment. */
export const TCP_TAKEN = 0;
/** Beyond what was expected next: dropped, and answered. */
export const TCP_OUT_OF_ORDER = 1;
/** All of it was there already: answered. */
export const TCP_DUPLICATE = 2;
/** Of no connection, and nobody listens: answered with RST. */
export const TCP_NO_SOCKET = 3;
/** A SYN that found the connection table full. */
export const TCP_TABLE_FULL = 4;
/** Acceptable in no state it met: a wild acknowledgement, a RST out of place. */
export const TCP_UNACCEPTABLE = 5;

/** Why a connection ended. */
export const ENDED_CLOSED = 0;
export const ENDED_RESET = 1;
/** The peer did not acknowledge, whatever was sent again. */
export const ENDED_TIMEOUT = 2;
/** Nothing came for the idle time. */
export const ENDED_IDLE = 3;

/** Whoever uses the connections; called while a segment is handled. */
export interface TcpUser {
  established(connection: number, nowNs: number): void;
  received(connection: number, bytes: Uint8Array, at: number, lengthBytes: number, nowNs: number): void;
  /** The peer sends no more. */
  peerClosed(connection: number, nowNs: number): void;
  /** One of the ENDED_ reasons; the number means another connection from now on. */
  ended(connection: number, reason: number, nowNs: number): void;
}

export interface TcpEndpointConfig extends TcpSenderConfig {
  /** Port that connections are accepted on; 0 accepts none. */
  readonly listenPort: number;
  /** Own addresses that connections are accepted on. */
  readonly listenAddresses: readonly number[];
  readonly idleNs: number;
  /** Quiet time of TIME-WAIT, 2 MSL. */
  readonly timeWaitNs: number;
  /** Retransmissions of one segment before the connection is given up. */
  readonly retriesMax: number;
  /** Distinguishes the initial sequence numbers of one endpoint from another's. */
  readonly secret: number;
}

/** Whom the segments of a connection that is opened from here are sent to, and out of which network port. */
export interface TcpNeighbour {
  readonly macHigh: number;
  readonly macLow: number;
  readonly networkPort: number;
}

/** The two ends of a connection, filled in by the endpoint. */
export interface ConnectionIdentity {
  clientAddress: number;
  clientPort: number;
  clientIss: number;
  serverAddress: number;
  serverPort: number;
  serverIss: number;
}
