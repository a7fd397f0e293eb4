/** Two TCP endpoints and a channel between them that may lose, repeat and reorder frames, in virtual time. */
import { parseIpv4 } from '../../src/net/wire/address.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { writeTcpChecksum } from '../../src/net/tcp/tcp.ts';
import { TcpEndpoint } from '../../src/net/tcp/tcp-endpoint.ts';
import { SEGMENT_GOOD, segmentFault } from '../../src/net/tcp/tcp-segment.ts';
import type { TcpOutput } from '../../src/net/tcp/tcp-sender.ts';
import type { TcpEndpointConfig, TcpUser } from '../../src/net/tcp/tcp-user.ts';

export const CLIENT_ADDRESS = parseIpv4('10.0.0.10');
export const SERVER_ADDRESS = parseIpv4('10.0.0.1');
export const SERVER_PORT = 443;
export const SERVER_MAC = { macHigh: 0x5254, macLow: 1, networkPort: 0 };
const CLIENT_MAC = { macHigh: 0x0200, macLow: 2 };

const MS = 1e6;
const FRAME_BYTES = 2048;

export const DEFAULTS: TcpEndpointConfig = {
  connectionsMax: 8,
  sendBytesMax: 4096,
  macs: [SERVER_MAC],
  listenPort: 0,
  listenAddresses: [],
  idleNs: 600e9,
  timeWaitNs: 1e9,
  retriesMax: 60,
  secret: 1,
};

/** What becomes of the next frame: how often it arrives, and how much later than usual, in ms. */
export interface Fate {
  readonly copies: number;
  readonly lateMs: number;
}
const FAITHFUL: Fate = { copies: 1, lateMs: 0 };

/** One end: its endpoint, and a record of what its user was told. */
export class TcpEnd implements TcpUser, TcpOutput {
  readonly bytes = new Uint8Array(FRAME_BYTES);
  readonly endpoint: TcpEndpoint;
  readonly got: number[] = [];
  readonly told: string[] = [];
  /** What the user does when it is told. */
  onEstablished: (c: number) => void = () => undefined;
  onReceived: (c: number) => void = () => undefined;
  onPeerClosed: (c: number) => void = (c) => this.endpoint.close(c);
  /** No room for frames. */
  blocked = false;
  private readonly put: (frame: Uint8Array) => void;

  constructor(config: Partial<TcpEndpointConfig>, put: (frame: Uint8Array) => void) {
    this.put = put;
    this.endpoint = new TcpEndpoint({ ...DEFAULTS, ...config }, this, this);
  }

  claim(): number {
    return this.blocked ? -1 : 32;
  }

  send(at: number, lengthBytes: number): void {
    this.put(this.bytes.slice(at, at + lengthBytes));
  }

  established(c: number): void {
    this.told.push('established');
    this.onEstablished(c);
  }

  received(c: number, bytes: Uint8Array, at: number, lengthBytes: number): void {
    this.got.push(...bytes.slice(at, at + lengthBytes));
    this.onReceived(c);
  }

  peerClosed(c: number): void {
    this.told.push('peer closed');
    this.onPeerClosed(c);
  }

  ended(_c: number, reason: number): void {
    this.told.push(`ended ${['closed', 'reset', 'timeout', 'idle'][reason]}`);
  }
}

interface Travelling {
  readonly atNs: number;
  readonly order: number;
  readonly frame: Uint8Array;
  readonly to: TcpEnd;
}

export class TcpBed {
  nowNs = 0;
  readonly client: TcpEnd;
  readonly server: TcpEnd;
  /** Every frame that was put on the channel. */
  readonly sent: { readonly from: 'client' | 'server'; readonly frame: Uint8Array }[] = [];
  fates: Iterator<Fate> = [][Symbol.iterator]();
  private travelling: Travelling[] = [];
  private order = 0;

  constructor(client: Partial<TcpEndpointConfig> = {}, server: Partial<TcpEndpointConfig> = {}) {
    const put = (from: 'client' | 'server') => (frame: Uint8Array) => this.carry(from, frame);
    this.client = new TcpEnd({ macs: [CLIENT_MAC], ...client }, put('client'));
    const listening = { listenPort: SERVER_PORT, listenAddresses: [SERVER_ADDRESS], secret: 2 };
    this.server = new TcpEnd({ ...listening, ...server }, put('server'));
  }

  connect(localPort = 5000, remotePort = SERVER_PORT): number {
    const { endpoint } = this.client;
    return endpoint.connect(CLIENT_ADDRESS, localPort, SERVER_ADDRESS, remotePort, SERVER_MAC, this.nowNs);
  }

  private carry(from: 'client' | 'server', frame: Uint8Array): void {
    this.sent.push({ from, frame });
    const next = this.fates.next();
    const { copies, lateMs } = next.done === true ? FAITHFUL : next.value;
    const to = from === 'client' ? this.server : this.client;
    for (let i = 0; i < copies; i++) {
      this.travelling.push({ atNs: this.nowNs + (1 + lateMs + i) * MS, order: this.order++, frame, to });
    }
  }

  /** Makes the checksum of a forged frame right. */
  refresh(frame: Uint8Array): void {
    writeTcpChecksum(frame, ETH_HEADER_BYTES);
  }

  /** Hands an end a frame; its verdict, or null when it is no whole segment. */
  deliver(to: TcpEnd, frame: Uint8Array): number | null {
    const memory = new Uint8Array(FRAME_BYTES);
    memory.set(frame, 32);
    if (segmentFault(memory, 32 + ETH_HEADER_BYTES) !== SEGMENT_GOOD) return null;
    return to.endpoint.receive(memory, 32, 0, this.nowNs);
  }

  /** Lets time pass until nothing is under way and no deadline lies before `untilNs`. */
  run(untilNs: number): void {
    for (;;) {
      this.travelling.sort((a, b) => a.atNs - b.atNs || a.order - b.order);
      const arrivalNs = this.travelling[0]?.atNs ?? Infinity;
      const ends = [this.client, this.server];
      const timerNs = Math.min(...ends.map(({ endpoint }) => endpoint.nextDeadlineNs));
      const nextNs = Math.min(arrivalNs, timerNs);
      if (nextNs > untilNs) break;
      this.nowNs = Math.max(this.nowNs, nextNs);
      if (arrivalNs <= timerNs) {
        const { frame, to } = this.travelling.shift()!;
        if (this.deliver(to, frame) === null) throw new Error('an endpoint sent a bad segment');
      } else {
        for (const { endpoint } of ends) endpoint.expire(this.nowNs);
      }
    }
    this.nowNs = untilNs;
  }
}
