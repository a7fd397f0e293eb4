/** What a client is told and counts, for whoever plans, drives or reports on one. */
import type { Region } from '../../src/memory/arena.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import type { CounterSpec } from '../actor.ts';

export const CLIENT_COUNTERS = [
  { name: 'tx_packets', role: 'out' },
  { name: 'tx_bytes', role: 'event' },
  { name: 'rx_packets', role: 'in' },
  { name: 'rx_bytes', role: 'event' },
  { name: 'rx_arp', role: 'event' },
  { name: 'rx_foreign', role: 'event' },
  { name: 'rx_corrupt', role: 'event' },
  { name: 'rx_out_of_order', role: 'event' },
  { name: 'rx_repeated', role: 'event' },
  { name: 'rx_no_socket', role: 'event' },
  { name: 'rx_unacceptable', role: 'event' },
  { name: 'connections_offered', role: 'event' },
  { name: 'connections_started', role: 'event' },
  { name: 'connections_established', role: 'event' },
  { name: 'connections_completed', role: 'event' },
  { name: 'failed_limit', role: 'event' },
  { name: 'failed_reset', role: 'event' },
  { name: 'failed_timeout', role: 'event' },
  { name: 'failed_response', role: 'event' },
  { name: 'retransmissions', role: 'event' },
  { name: 'wire_full', role: 'event' },
] as const satisfies readonly CounterSpec[];

/** Why a connection failed, by counter; for reports. */
export const CLIENT_FAILURES = [
  { counter: 'failed_limit', reason: 'the client had as many connections open as it may' },
  { counter: 'failed_reset', reason: 'reset by the server' },
  { counter: 'failed_timeout', reason: 'not finished in time' },
  { counter: 'failed_response', reason: 'the response was wrong' },
] as const;

export const CLIENT_WIRE_PORT = 0;

/** Words of the throttle: changes, and from byte 8 the rate, connections/s, a 64-bit float. */
export const CLIENT_CHANGES_WORD = 0;
export const CLIENT_RATE_DOUBLE = 1;

export interface TrafficClientConfig {
  readonly name: string;
  readonly counters: Region;
  readonly latency: Region;
  readonly lateness: Region;
  /** The rate, written by the main thread. */
  readonly throttle: Region;
  readonly speedBps: number;
  readonly macHigh: number;
  readonly macLow: number;
  /** Clients have the addresses from this one on, and of each the ports from 1024. */
  readonly firstAddress: number;
  readonly addressCount: number;
  readonly server: {
    readonly macHigh: number;
    readonly macLow: number;
    readonly address: number;
    readonly port: number;
  };
  /** Connections open at once, at most. */
  readonly connectionsMax: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly tlsSecret: readonly number[] | null;
  /** After its intended start a connection that is not finished has failed. */
  readonly timeoutNs: number;
  readonly seed: number;
}

export interface ClientWireLink {
  readonly tx: WireRef;
  readonly rx: WireRef;
}
