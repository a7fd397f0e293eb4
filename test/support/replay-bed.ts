// A replayed stream from its source to its sink, with a router of one line between them.
import { Arena, Memory } from '../../src/memory/arena.ts';
import { parseCidr } from '../../src/net/wire/address.ts';
import { parseCapture } from '../../src/net/capture/capture-file.ts';
import type { Capture } from '../../src/net/capture/capture.ts';
import { internetChecksum } from '../../src/net/wire/checksum.ts';
import { parseMac, writeMac } from '../../src/net/wire/ethernet.ts';
import { buildFrame } from '../../src/net/traffic/frame-template.ts';
import { decrementTtl, setIpv4Checksum } from '../../src/net/wire/ipv4.ts';
import type { ReplayAddressing } from '../../src/net/capture/replay-addressing.ts';
import { ReplayCheck } from '../../src/net/capture/replay-check.ts';
import { readyFrames } from '../../src/net/capture/replay-frames.ts';
import type { ReplaySelection } from '../../src/net/capture/replay-frames.ts';
import { indexContent } from '../../src/net/capture/replay-index.ts';
import { partsOf } from '../../src/net/capture/replay-parts.ts';
import { captureTimes } from '../../src/net/capture/replay-times.ts';
import { reserveReplayStamps } from '../../src/net/capture/replay-stamps.ts';
import { laneBitsFor } from '../../src/net/capture/replay-tag.ts';
import type { ReplayStream } from '../../src/net/capture/replay-tag.ts';
import { ReplayTraffic } from '../../src/net/capture/replay-traffic.ts';
import { writeTcpChecksum } from '../../src/net/tcp/tcp.ts';
import { pcapBytes } from './capture-bytes.ts';

export const VNIC_MAC = parseMac('52:54:00:00:00:01');
export const STATION_MAC = parseMac('02:00:00:00:00:01');
export const NEXT_HOP_MAC = parseMac('02:00:00:00:00:02');
export const FRAME_BYTE = 64;

export const ADDRESSING: ReplayAddressing = {
  network: parseCidr('198.18.1.0/24'),
  firstHost: 10,
  routes: [{ prefix: parseCidr('198.18.1.0/24').address, length: 24, leads: true }],
};

/** All of a capture. */
export function wholeOf(capture: Capture): ReplaySelection {
  const parts = partsOf(capture, 'none', null);
  return { capture, times: captureTimes(capture, 1e9), parts, part: 0 };
}

/** A capture of these frames. `originals` are lengths on the wire where they differ. */
export function captureOf(frames: readonly Uint8Array[], originals: readonly (number | undefined)[] = []): Capture {
  const records = frames.map((frame, i) => ({
    seconds: i,
    fraction: 0,
    bytes: [...frame],
    original: originals[i] ?? frame.length,
  }));
  return parseCapture(pcapBytes(records, true), 'test.pcap');
}

export interface Ipv4Shape {
  readonly protocol: 'udp' | 'tcp' | 'icmp';
  readonly dst: number;
  readonly port: number;
  readonly ttl: number;
  readonly sizeBytes: number;
  readonly fill: number;
}

/** An IPv4 frame with right checksums; `fill` varies the payload. */
export function ipv4Frame({ protocol, dst, port, ttl, sizeBytes, fill }: Ipv4Shape): Uint8Array {
  const mac = parseMac('00:0c:29:01:02:03');
  const addresses = { dstMac: mac, srcMac: mac, srcAddress: 0xc0a8_0002, dstAddress: dst, srcPort: port, dstPort: 80 };
  const frame = buildFrame({ ...addresses, ttl, stream: 7 }, sizeBytes, fill, 0);
  if (protocol === 'udp') return frame;
  frame[23] = protocol === 'tcp' ? 6 : 1;
  setIpv4Checksum(frame, 14, 0);
  setIpv4Checksum(frame, 14, internetChecksum(frame, 14, 20));
  if (protocol === 'tcp') writeTcpChecksum(frame, 14);
  return frame;
}

/** The frame as a fragment: identification, flags and offset, and a right header checksum. */
export function fragmentOf(bytes: Uint8Array, id: number, flags: number): Uint8Array {
  const copy = bytes.slice();
  copy.set([id >>> 8, id & 0xff, flags >>> 8, flags & 0xff], 18);
  setIpv4Checksum(copy, 14, 0);
  setIpv4Checksum(copy, 14, internetChecksum(copy, 14, 20));
  return copy;
}

/** Sources that replay one capture to one sink. */
export class ReplayBed {
  readonly words = new Int32Array(new SharedArrayBuffer(4096));
  readonly bytes = new Uint8Array(this.words.buffer);
  readonly sources: ReplayTraffic[];
  readonly check: ReplayCheck;

  constructor(capture: Capture, addressings: readonly ReplayAddressing[] = [ADDRESSING]) {
    const arena = new Arena('wire');
    const streams = addressings.map((addressing, lane): ReplayStream => {
      const frames = readyFrames(wholeOf(capture), addressing);
      const macs = { dstMac: VNIC_MAC, srcMac: STATION_MAC };
      const tag = { stamps: reserveReplayStamps(arena), lane, laneBits: laneBitsFor(addressings.length) };
      return { frames, index: indexContent(frames), ...macs, ...tag };
    });
    const memory = new Memory('test', [['wire', new SharedArrayBuffer(arena.bytes)]]);
    this.sources = streams.map((stream) => new ReplayTraffic(memory, stream));
    this.check = new ReplayCheck(memory, streams);
  }

  /** Sends frame `seq`, due at `dueNs`, into a cell full of old bytes, and returns a copy of it. */
  send(seq: number, lane = 0, dueNs = 3 * seq): Uint8Array {
    this.words.fill(0x5a5a_5a5a);
    const length = this.sources[lane].write(this.bytes, this.words, FRAME_BYTE, seq, dueNs);
    return this.bytes.slice(FRAME_BYTE, FRAME_BYTE + length);
  }

  /** Lets the sink judge a frame, among other old bytes. */
  receive(frame: Uint8Array): number {
    this.words.fill(0x2323_2323);
    this.bytes.set(frame, FRAME_BYTE);
    return this.check.verify(this.bytes, this.words, FRAME_BYTE, frame.length);
  }
}

/** What a router does to a frame that it forwards. */
export function forwarded(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  writeMac(copy, 0, NEXT_HOP_MAC.high, NEXT_HOP_MAC.low);
  writeMac(copy, 6, VNIC_MAC.high, VNIC_MAC.low);
  decrementTtl(copy, 14);
  return copy;
}
