import { AddressCheck } from '../wire/address-check.ts';
import type { ExpectedAddresses } from '../wire/address-check.ts';
import { Arrivals } from './arrivals.ts';
import { ETH_HEADER_BYTES } from '../wire/ethernet.ts';
import { inTurn } from '../tables/in-turn.ts';
import { StampedFrameReader } from './stamped-frames.ts';
import {
  TEST_FRAME_CORRUPT,
  TEST_FRAME_FOREIGN,
  checkTestFrame,
  testFrameSendNs,
  testFrameSeq,
  testFrameStream,
} from './test-frame-check.ts';
import { FRAME_CORRUPT, FRAME_FOREIGN } from './traffic-check.ts';
import type { TrafficCheck } from './traffic-check.ts';

const FOREIGN = FRAME_FOREIGN;
const CORRUPT = FRAME_CORRUPT;
const ETH_BYTES = ETH_HEADER_BYTES;
const TEST_FOREIGN = TEST_FRAME_FOREIGN;
const TEST_CORRUPT = TEST_FRAME_CORRUPT;

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
  private readonly reader = new StampedFrameReader();

  constructor(streams: readonly ExpectedStream[]) {
    streams.forEach(({ stream, flowCount, addresses }, index) => {
      while (this.expected.length <= stream) this.expected.push(null);
      const arrivals = new Arrivals(flowCount);
      this.expected[stream] = { index, flowCount, arrivals, addresses: new AddressCheck(addresses) };
    });
  }

  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    const verdict = checkTestFrame(bytes, words, offset, length);
    if (verdict === TEST_FOREIGN) return this.verifyStamped(bytes, words, offset, length);
    const stream = testFrameStream(words, offset);
    const expected = stream < this.expected.length ? this.expected[stream] : null;
    if (expected === null) return FOREIGN;
    if (verdict === TEST_CORRUPT) return CORRUPT;
    const seq = testFrameSeq(words, offset);
    // Flows are sent in turn, so a frame's flow follows from its sequence.
    const flow = inTurn(seq, expected.flowCount);
    if (!expected.addresses.matches(bytes, offset + ETH_BYTES, flow)) return CORRUPT;
    this.sentNs = testFrameSendNs(words, offset);
    this.streamIndex = expected.index;
    return expected.arrivals.note(seq, flow);
  }

  /** The same for TCP segments and ICMP echoes. */
  private verifyStamped(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    const { reader } = this;
    const verdict = reader.check(bytes, words, offset, length);
    if (verdict === TEST_FOREIGN) return FOREIGN;
    const expected = reader.stream < this.expected.length ? this.expected[reader.stream] : null;
    if (expected === null) return FOREIGN;
    if (verdict === TEST_CORRUPT) return CORRUPT;
    const { seq, sourcePort, destinationPort } = reader;
    const flow = inTurn(seq, expected.flowCount);
    if (!expected.addresses.matchesPorts(bytes, offset + ETH_BYTES, sourcePort, destinationPort, flow)) return CORRUPT;
    this.sentNs = reader.sendNs;
    this.streamIndex = expected.index;
    return expected.arrivals.note(seq, flow);
  }
}
