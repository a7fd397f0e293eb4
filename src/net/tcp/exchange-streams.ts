// One message each way over each of many TCP connections, in the clear or as one TLS record. The keys of a connection
// come from a secret both sides were given before, through HKDF with the connection's addresses and initial sequence
// numbers as salt: there is no handshake, and none of its cost. What is done to the data is what TLS 1.3 does.
import { writeU16, writeU32 } from '../wire/network-order.ts';
import type { ConnectionIdentity } from './tcp-user.ts';
import { TLS_OVERHEAD_BYTES, TlsDirection, hkdfExtract, trafficSecret } from './tls-record.ts';

/** More is to come. */
export const MESSAGE_PART = 0;
/** The message is complete: its content lies in `content`. */
export const MESSAGE_WHOLE = 1;
/** Longer than agreed, or a record that does not open. */
export const MESSAGE_BAD = 2;

export interface ExchangeConfig {
  readonly connectionsMax: number;
  readonly side: 'client' | 'server';
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The pre-shared secret, or null for messages in the clear. */
  readonly tlsSecret: readonly number[] | null;
}

/** Bytes of a message on the connection. */
export function exchangeWireBytes(messageBytes: number, tls: boolean): number {
  return messageBytes + (tls ? TLS_OVERHEAD_BYTES : 0);
}

/** Bytes that a connection must be able to hold for one message: a power of two. */
export function exchangeRingBytes(messageBytes: number, tls: boolean): number {
  return 2 ** Math.ceil(Math.log2(exchangeWireBytes(messageBytes, tls)));
}

export class ExchangeStreams {
  /** Where `begin` reads the ends of a connection from, filled in by the caller. */
  readonly identity: ConnectionIdentity = {
    clientAddress: 0,
    clientPort: 0,
    clientIss: 0,
    serverAddress: 0,
    serverPort: 0,
    serverIss: 0,
  };
  /** The message just completed; and where the caller puts the one to `seal`. */
  readonly content: Uint8Array;
  /** What `seal` made: the first bytes of it are to be sent. */
  readonly sealed: Uint8Array;
  private readonly side: 'client' | 'server';
  private readonly secret: Uint8Array | null;
  private readonly outBytes: number;
  private readonly received: Int32Array;
  /** What has arrived of each connection's message, and a view on all of it. */
  private readonly arrived: Uint8Array[] = [];
  private readonly inbound: TlsDirection[] = [];
  private readonly outbound: TlsDirection[] = [];
  private readonly salt = new Uint8Array(20);

  constructor(config: ExchangeConfig) {
    const { connectionsMax, side, requestBytes, responseBytes, tlsSecret } = config;
    const isTls = tlsSecret !== null;
    const [inBytes, outBytes] = side === 'server' ? [requestBytes, responseBytes] : [responseBytes, requestBytes];
    this.side = side;
    this.secret = tlsSecret === null ? null : Uint8Array.from(tlsSecret);
    this.outBytes = outBytes;
    this.received = new Int32Array(connectionsMax);
    const inWireBytes = exchangeWireBytes(inBytes, isTls);
    const memory = new Uint8Array(connectionsMax * inWireBytes);
    for (let c = 0; c < connectionsMax; c++) {
      this.arrived.push(memory.subarray(c * inWireBytes, (c + 1) * inWireBytes));
      if (!isTls) continue;
      this.inbound.push(new TlsDirection());
      this.outbound.push(new TlsDirection());
    }
    this.content = new Uint8Array(Math.max(inBytes, outBytes) + 1);
    this.sealed = isTls ? new Uint8Array(exchangeWireBytes(outBytes, true)) : this.content;
  }

  /** A connection was established between the ends in `identity`. */
  begin(c: number): void {
    this.received[c] = 0;
    if (this.secret === null) return;
    const { salt, identity } = this;
    writeU32(salt, 0, identity.clientAddress);
    writeU32(salt, 4, identity.serverAddress);
    writeU16(salt, 8, identity.clientPort);
    writeU16(salt, 10, identity.serverPort);
    writeU32(salt, 12, identity.clientIss);
    writeU32(salt, 16, identity.serverIss);
    const secret = hkdfExtract(salt, this.secret);
    const peer = this.side === 'client' ? 'server' : 'client';
    this.inbound[c].rekey(trafficSecret(secret, peer));
    this.outbound[c].rekey(trafficSecret(secret, this.side));
  }

  /** Takes what arrived of a message; one of the MESSAGE_ values. */
  receive(c: number, bytes: Uint8Array, at: number, lengthBytes: number): number {
    const arrived = this.arrived[c];
    const before = this.received[c];
    if (before + lengthBytes > arrived.length) return MESSAGE_BAD;
    for (let i = 0; i < lengthBytes; i++) arrived[before + i] = bytes[at + i];
    this.received[c] = before + lengthBytes;
    if (before + lengthBytes < arrived.length) return MESSAGE_PART;
    if (this.secret === null) this.content.set(arrived, 0);
    else if (this.inbound[c].open(arrived, this.content) < 0) return MESSAGE_BAD;
    return MESSAGE_WHOLE;
  }

  /** Makes what is to be sent of the message in `content`, in `sealed`. @returns its length. */
  seal(c: number): number {
    return this.secret === null ? this.outBytes : this.outbound[c].seal(this.content, this.outBytes, this.sealed);
  }
}
