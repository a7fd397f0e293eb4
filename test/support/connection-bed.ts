/** The ends of TCP connections through network functions, without the path between them: frames are handed over by hand. */
import type { TrafficClientConfig } from '../../actors/wire/client-links.ts';
import { CLIENT_CHANGES_WORD, CLIENT_PORTS, CLIENT_RATE_DOUBLE } from '../../actors/wire/client-links.ts';
import { CONSUMED } from '../../actors/guest/network-functions/network-function.ts';
import type { FunctionContext, NetworkFunction } from '../../actors/guest/network-functions/network-function.ts';
import type { TrafficClient } from '../../actors/wire/client.ts';
import { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import type { ActorBed } from './actor-bed.ts';

const FRAMES = 64;
const FRAME_BYTES = 2048;

/** What happens to a frame on a cable: null loses it. */
export type Cable = (frame: Uint8Array) => Uint8Array | null;
export const FAITHFUL: Cable = (frame) => frame;
export const CUT: Cable = () => null;

/** Loses one frame in five, the same ones every time. */
export function lossyCable(): Cable {
  let state = 1;
  return (frame) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16 < 0x3333 ? null : frame;
  };
}

/** The traffic client of port eth0 at its wire. */
export class ClientEnd {
  private readonly bed: ActorBed;
  private readonly client: TrafficClient;
  private readonly config: TrafficClientConfig;
  private readonly out: WireReceiver;
  private readonly into: WireSender;

  constructor(bed: ActorBed) {
    const name = 'client-eth0';
    this.bed = bed;
    this.client = bed.create<TrafficClient>(name);
    this.config = bed.config<TrafficClientConfig>(name);
    const { tx, rx } = bed.link(name, CLIENT_PORTS.wire);
    this.out = new WireReceiver(bed.memory, tx);
    this.into = new WireSender(bed.memory, rx);
  }

  offer(perSecond: number): void {
    this.bed.memory.doubles(this.config.throttle)[CLIENT_RATE_DOUBLE] = perSecond;
    this.bed.memory.words(this.config.throttle)[CLIENT_CHANGES_WORD]++;
  }

  /** Polls it once. @returns what it sent. */
  poll(nowNs: number): Uint8Array[] {
    this.client.poll(FRAMES, nowNs);
    const frames = Array.from({ length: this.out.readable(FRAMES) }, () => {
      const at = this.out.frameByte();
      const frame = this.out.bytes.slice(at, at + this.out.frameBytes());
      this.out.next();
      return frame;
    });
    this.out.release();
    return frames;
  }

  give(frame: Uint8Array, nowNs: number): void {
    this.into.bytes.set(frame, this.into.frameByte());
    this.into.send(frame.length, nowNs, 0);
    this.into.publish();
  }

  counts(): Record<string, number> {
    return this.bed.counts(this.client);
  }

  latency(): Float64Array {
    return this.bed.memory.doubles(this.config.latency);
  }
}

/** A frame that a function made, and the vNIC it is to leave by. */
export interface SentFrame {
  readonly frame: Uint8Array;
  readonly port: number;
}

/** A network function that keeps time and makes frames of its own, in guest memory with room for two frames. */
export class FunctionEnd<F extends NetworkFunction> {
  readonly nf: F;
  /** Reasons it dropped frames for, by name. */
  readonly drops: string[] = [];
  private readonly guest = new Uint8Array(2 * FRAME_BYTES);
  private sent: SentFrame[] = [];

  constructor(build: (context: FunctionContext) => F) {
    this.nf = build({
      bytes: this.guest,
      frameBytesMax: FRAME_BYTES,
      claim: () => FRAME_BYTES,
      send: (at, lengthBytes, port) => this.sent.push({ frame: this.guest.slice(at, at + lengthBytes), port }),
      release: () => undefined,
    });
  }

  give(frame: Uint8Array, nowNs: number, port = 0): number {
    this.guest.set(frame, 0);
    const answer = this.nf.process(this.guest, 0, frame.length, port, nowNs);
    if (answer !== CONSUMED) this.drops.push(this.nf.drops[-1 - answer].name);
    return answer;
  }

  /** Does what is due. @returns what it has sent since the last time. */
  turn(nowNs: number): SentFrame[] {
    const { timers } = this.nf;
    if (timers !== undefined && nowNs >= timers.nextDeadlineNs) timers.expire(nowNs);
    return this.sent.splice(0);
  }

  events(): Record<string, number> {
    return Object.fromEntries((this.nf.events ?? []).map((name, i) => [name, this.nf.counts![i]]));
  }
}
