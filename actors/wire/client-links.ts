/** What a client is told and counts, for whoever plans, drives or reports on one. */
import type { Region } from '../../src/memory/arena.ts';
import type { WireRef } from '../../src/memory/wire-ring.ts';
import type { CounterSpec } from '../actor.ts';
import { port, portsOf } from '../component.ts';

export const CLIENT_COUNTERS = [
  { name: 'tx_packets', lane: 'tx', role: 'out', meaning: 'frames sent on the wire' },
  { name: 'tx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that came by the wire' },
  { name: 'rx_bytes', role: 'event', meaning: 'bytes of the frames counted beside it, without FCS' },
  { name: 'rx_arp', role: 'event', meaning: 'ARP frames, such as guests announce themselves with' },
  { name: 'rx_foreign', role: 'event', meaning: 'frames for somebody else, or that are not TCP' },
  { name: 'rx_corrupt', role: 'event', meaning: 'segments whose checksum is wrong' },
  { name: 'rx_out_of_order', role: 'event', meaning: 'segments that came before an earlier one of their connection' },
  { name: 'rx_repeated', role: 'event', meaning: 'segments that had arrived before' },
  { name: 'rx_no_socket', role: 'event', meaning: 'segments of no connection that is open' },
  { name: 'rx_unacceptable', role: 'event', meaning: 'segments outside the window of their connection' },
  { name: 'connections_offered', role: 'event', meaning: 'connections that were due by now' },
  { name: 'connections_started', role: 'event', meaning: 'connections whose first segment was sent or is about to be' },
  { name: 'connections_established', role: 'event', meaning: 'connections whose handshake is done' },
  {
    name: 'connections_completed',
    role: 'event',
    meaning: 'connections that both sides closed after a response that was right',
  },
  { name: 'failed_limit', role: 'event', meaning: 'connections that were not begun: as many were open as may be' },
  { name: 'failed_reset', role: 'event', meaning: 'connections that the server reset' },
  { name: 'failed_timeout', role: 'event', meaning: 'connections that were not finished in time' },
  { name: 'failed_response', role: 'event', meaning: 'connections whose response was wrong' },
  { name: 'retransmissions', role: 'event', meaning: 'times a timer had segments sent again' },
  { name: 'wire_full', role: 'event', meaning: 'segments that found the wire full of frames the NIC had not taken' },
] as const satisfies readonly CounterSpec[];

/** Why a connection failed, by counter; for reports. */
export const CLIENT_FAILURES = [
  { counter: 'failed_limit', reason: 'the client had as many connections open as it may' },
  { counter: 'failed_reset', reason: 'reset by the server' },
  { counter: 'failed_timeout', reason: 'not finished in time' },
  { counter: 'failed_response', reason: 'the response was wrong' },
] as const;

/** Words of the throttle: changes, and from byte 8 the rate, connections/s, a 64-bit float. */
export const CLIENT_CHANGES_WORD = 0;
export const CLIENT_RATE_DOUBLE = 1;

export const CLIENT_PORTS = portsOf('client', { wire: port<ClientWireLink>({ rx: ({ rx }) => [rx] }) });

/** The counter of one cause of failure. */
export type ClientFailure = (typeof CLIENT_FAILURES)[number]['counter'];

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
