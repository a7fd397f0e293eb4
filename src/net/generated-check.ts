import { AddressCheck } from './address-check.ts';
import type { ExpectedAddresses } from './address-check.ts';
import { Arrivals } from './arrivals.ts';
import { ipv4ChecksumOk } from './checksum.ts';
import { ETH_HEADER_BYTES } from './ethernet.ts';
import { IPV4_HEADER_MIN_BYTES } from './ipv4.ts';
import { payloadIntact } from './payload-pattern.ts';
import { isTestFrame, readSendNs, readSeq, readStream } from './test-header.ts';
import { FRAME_CORRUPT, FRAME_FOREIGN } from './traffic-check.ts';
import type { TrafficCheck } from './traffic-check.ts';
import { udpChecksumOk } from './udp.ts';

const FOREIGN = FRAME_FOREIGN;
const CORRUPT = FRAME_CORRUPT;
const ETH_BYTES = ETH_HEADER_BYTES;
const IPV4_BYTES = IPV4_HEADER_MIN_BYTES;

/** A stream this sink expects: its number, how many flows it has, and whose addresses its frames must bear. */
export interface ExpectedStream {
  readonly stream: number;
  readonly flowCount: number;
  readonly addresses: ExpectedAddresses;
}

/** One expected stream, and its place among those expected. */
interface Expected {
  readonly index: number;
  readonly flowCount: number;
  readonly arrivals: Arrivals;
  readonly addresses: AddressCheck;
}

/** Checks generated frames by their test header, their content, and the addresses they must have by now. */
export class GeneratedCheck implements TrafficCheck {
  sentNs = 0;
  streamIndex = 0;
  /** By the number of the stream. */
  private readonly expected: (Expected | null)[] = [];

  constructor(streams: readonly ExpectedStream[]) {
    streams.forEach(({ stream, flowCount, addresses }, index) => {
      while (this.expected.length <= stream) this.expected.push(null);
      const arrivals = new Arrivals(flowCount);
      this.expected[stream] = { index, flowCount, arrivals, addresses: new AddressCheck(addresses) };
    });
  }

  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    if (!isTestFrame(bytes, offset, length)) return FOREIGN;
    const stream = readStream(bytes, offset);
    const expected = stream < this.expected.length ? this.expected[stream] : null;
    if (expected === null) return FOREIGN;
    const ip = offset + ETH_BYTES;
    if (!ipv4ChecksumOk(bytes, ip, IPV4_BYTES) || !udpChecksumOk(bytes, ip)) return CORRUPT;
    if (!payloadIntact(bytes, words, offset, length)) return CORRUPT;
    const seq = readSeq(bytes, offset);
    // Flows are sent in turn, so a frame's flow follows from its sequence.
    const flow = seq % expected.flowCount;
    if (!expected.addresses.matches(bytes, ip, flow)) return CORRUPT;
    this.sentNs = readSendNs(bytes, offset);
    this.streamIndex = expected.index;
    return expected.arrivals.note(seq, flow);
  }
}
