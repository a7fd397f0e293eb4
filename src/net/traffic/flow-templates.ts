// Writes the frames of one stream at full rate: one template for each frame size, whatever the number of flows.
//
// The first 60 bytes of a test frame are 15 words, and all that differs between two frames of one size lies in eight of
// them. They are stored as whole little-endian words (byte offsets are the frame's):
//
//   word   6             7              8              10             11            12       13..14
//   24     | IP checksum | source address 26..29       |              |             |        |
//   34     |             |              | source port  | UDP checksum | sequence 46..51      | send time 52..59
//
// Both checksums are computed, not adjusted: the template knows the folded sum of everything that is constant, for each
// payload window, and the words just written are added (RFC 1071 section 2: the sum may be taken in any order).
import { addWords, foldSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { ETH_FCS_BYTES } from '../wire/ethernet.ts';
import { buildFrame, checkRange, FRAME_IPV4_BYTE, FRAME_UDP_BYTE, type FrameSpec } from './frame-template.ts';
import { IP_PROTOCOL_UDP, IPV4_HEADER_MIN_BYTES, ipv4Src, setIpv4Checksum } from '../wire/ipv4.ts';
import { writeU16 } from '../wire/network-order.ts';
import { PATTERN_PHASES_COUNT, patternBytes, patternPhase, patternStart } from './payload-pattern.ts';
import { TEST_PATTERN_BYTE } from './test-header.ts';
import { UDP_CHECKSUM_BYTE, udpSrcPort } from '../wire/udp.ts';

const PHASES = PATTERN_PHASES_COUNT;
const PATTERN = TEST_PATTERN_BYTE;
const IPV4 = FRAME_IPV4_BYTE;
const UDP = FRAME_UDP_BYTE;
const PORT_VALUES = 0x1_0000;
const IMAGE_WORDS = 16;
const TWO_32_INVERSE = 1 / 4_294_967_296;

/** A stream: the first flow's frame, and how many flows there are. */
export interface FlowSpec extends FrameSpec {
  readonly flowCount: number;
  /** Source ports used before the next source address is taken. Default: as many as fit between `srcPort` and 65535. */
  readonly srcPortCount?: number;
}

/** Source ports that a stream's flows use before the next source address is taken. */
export function srcPortsOf({ flowCount, srcPort, srcPortCount }: FlowSpec): number {
  return srcPortCount ?? Math.min(flowCount, PORT_VALUES - srcPort);
}

/**
 * Templates of one stream. Flow f has source port srcPort + f mod srcPortCount and source address
 * srcAddress + floor(f / srcPortCount).
 */
export class FlowTemplates {
  readonly flowCount: number;
  /** Bytes in memory (without FCS) of each frame size, in the order given. */
  readonly frameBytes: Int32Array;
  private readonly stream: number;
  private readonly srcAddress: number;
  private readonly srcPort: number;
  private readonly srcPortCount: number;
  /** First 60 bytes of each size with every varying field zero, 16 words apart. */
  private readonly image: Int32Array;
  private readonly ipSums: Int32Array;
  /** Sum of the constant part of pseudo header and datagram, per size and window. */
  private readonly udpSums: Int32Array;
  private readonly fillings: Uint8Array[] = [];

  /**
   * `sizesBytes` include the FCS. Throws when a size or field is out of range, when the flows do not fit the address
   * space, or on a big-endian machine.
   */
  constructor(spec: FlowSpec, sizesBytes: readonly number[]) {
    if (new Uint8Array(Int32Array.of(1).buffer)[0] !== 1)
      throw new Error('frames can be written on little-endian machines only');
    checkRange('number of flows', spec.flowCount, 1, 0x7fff_ffff);
    checkRange('source port', spec.srcPort, 0, 0xffff);
    this.srcPortCount = srcPortsOf(spec);
    checkRange('number of source ports', this.srcPortCount, 1, PORT_VALUES - spec.srcPort);
    const lastAddress = spec.srcAddress + Math.floor((spec.flowCount - 1) / this.srcPortCount);
    checkRange('last source address', lastAddress, 0, 0xffff_ffff);
    this.flowCount = spec.flowCount;
    this.stream = spec.stream;
    this.srcAddress = spec.srcAddress;
    this.srcPort = spec.srcPort;
    this.frameBytes = Int32Array.from(sizesBytes, (size) => size - ETH_FCS_BYTES);
    this.image = new Int32Array(sizesBytes.length * IMAGE_WORDS);
    this.ipSums = new Int32Array(sizesBytes.length);
    this.udpSums = new Int32Array(sizesBytes.length * PHASES);
    for (const [sizeIndex, size] of sizesBytes.entries()) this.addSize(spec, size, sizeIndex);
  }

  /**
   * Writes the frame of `flow` with its stamp and returns its length in bytes. `offset` is a multiple of four; `bytes`
   * and `words` view the same memory from the same start. Sequence below 2^48, send time in ns of CLOCK_MONOTONIC.
   */
  write(
    bytes: Uint8Array,
    words: Int32Array,
    offset: number,
    sizeIndex: number,
    flow: number,
    seq: number,
    sendNs: number,
  ): number {
    const image = this.image;
    const from = sizeIndex * IMAGE_WORDS;
    const to = offset >> 2;
    const row = ((flow | 0) / this.srcPortCount) | 0;
    const port = this.srcPort + flow - row * this.srcPortCount;
    const address = this.srcAddress + row;
    const addressHigh = address >>> 16;
    const addressLow = address & 0xffff;
    const seqHigh = (seq * TWO_32_INVERSE) >>> 0;
    const seqLow = seq >>> 0;
    const timeHigh = (sendNs * TWO_32_INVERSE) >>> 0;
    const timeLow = sendNs >>> 0;
    const phase = patternPhase(this.stream, seqLow);
    const ipSum = foldSum(this.ipSums[sizeIndex] + addressHigh + addressLow);
    const stampSum = (seqLow >>> 16) + (seqLow & 0xffff) + (timeHigh >>> 16) + (timeHigh & 0xffff) + (timeLow >>> 16);
    const flowSum = addressHigh + addressLow + port + seqHigh + (timeLow & 0xffff);
    const udpSum = foldSum(this.udpSums[sizeIndex * PHASES + phase] + stampSum + flowSum);
    // A computed UDP checksum of zero is sent as all ones (RFC 768).
    const udpChecksum = udpSum === 0xffff ? 0xffff : udpSum ^ 0xffff;
    words[to] = image[from];
    words[to + 1] = image[from + 1];
    words[to + 2] = image[from + 2];
    words[to + 3] = image[from + 3];
    words[to + 4] = image[from + 4];
    words[to + 5] = image[from + 5];
    words[to + 6] = swap16(ipSum ^ 0xffff) | (swap16(addressHigh) << 16);
    words[to + 7] = image[from + 7] | swap16(addressLow);
    words[to + 8] = image[from + 8] | (swap16(port) << 16);
    words[to + 9] = image[from + 9];
    words[to + 10] = image[from + 10] | swap16(udpChecksum);
    words[to + 11] = image[from + 11] | (swap16(seqHigh) << 16);
    words[to + 12] = swap32(seqLow);
    words[to + 13] = swap32(timeHigh);
    words[to + 14] = swap32(timeLow);
    const frameBytes = this.frameBytes[sizeIndex];
    if (frameBytes > PATTERN) bytes.set(this.fillings[sizeIndex * PHASES + phase], offset + PATTERN);
    return frameBytes;
  }

  /** Flow of a frame of this stream, from its source address and port; -1 when they are not one of ours. */
  flowOf(bytes: Uint8Array, offset: number): number {
    const row = ipv4Src(bytes, offset + IPV4) - this.srcAddress;
    const column = udpSrcPort(bytes, offset + UDP) - this.srcPort;
    const flow = row * this.srcPortCount + column;
    return row >= 0 && column >= 0 && column < this.srcPortCount && flow < this.flowCount ? flow : -1;
  }

  private addSize(spec: FlowSpec, size: number, sizeIndex: number): void {
    const frame = buildFrame({ ...spec, srcAddress: 0, srcPort: 0 }, size, 0, 0);
    const restBytes = frame.length - PATTERN;
    setIpv4Checksum(frame, IPV4, 0);
    writeU16(frame, UDP + UDP_CHECKSUM_BYTE, 0);
    new Uint8Array(this.image.buffer, sizeIndex * IMAGE_WORDS * 4).set(frame.subarray(0, PATTERN));
    this.ipSums[sizeIndex] = foldSum(addWords(0, frame, IPV4, IPV4_HEADER_MIN_BYTES));
    const headerSum = addWords(
      pseudoHeaderSum(frame, IPV4, IP_PROTOCOL_UDP, frame.length - UDP),
      frame,
      UDP,
      PATTERN - UDP,
    );
    for (let phase = 0; phase < PHASES; phase += 1) {
      const start = patternStart(phase);
      this.udpSums[sizeIndex * PHASES + phase] = foldSum(addWords(headerSum, patternBytes, start, restBytes));
      this.fillings.push(patternBytes.subarray(start, start + restBytes));
    }
  }
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}
